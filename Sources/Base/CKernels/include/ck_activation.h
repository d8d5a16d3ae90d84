// SPDX-License-Identifier: Apache-2.0
#ifndef CIERZO_CK_ACTIVATION_H
#define CIERZO_CK_ACTIVATION_H

#include <stddef.h>
#include <stdint.h>

#include "ck_cpu.h"

/// y[k] = gate[k] / (1 + exp(-gate[k])) * up[k] for k in 0..<count; y may be gate or up.
void ck_silu_multiply(ck_isa isa, const float *gate, const float *up, float *y, size_t count);

/// x[k] += y[k] for k in 0..<count.
void ck_add(ck_isa isa, float *x, const float *y, size_t count);

/// x[k] += weights[a] * rows[a][k], a = 0..<row_count in order, for k in 0..<count, where
/// rows[a] = base + a * stride.
void ck_add_weighted_rows(
    ck_isa isa, float *x, const float *base, size_t stride, const float *weights,
    size_t row_count, size_t count);

/// y[k] = exp(x[k]) as every kernel computes it; y may be x.
void ck_exp(ck_isa isa, const float *x, float *y, size_t count);

/// x[k] = exp(scale * (x[k] - max(x))) / sum, for k in 0..<count; scale > 0.
///
/// Summed in 16 lanes (lane j takes k ≡ j mod 16, in order), then by halving.
void ck_softmax(ck_isa isa, float *x, size_t count, float scale);

/// Picks the `chosen_count` largest of `count` logits, best first, ties to the lower index, and the
/// softmax over the chosen ones.
///
/// - selection: receives the chosen indices.
/// - weights: receives their softmax, which sums to 1 within rounding.
/// Same bits for every instruction set.
void ck_route(
    ck_isa isa, const float *logits, size_t count, size_t chosen_count, int32_t *selection,
    float *weights);

#endif
