// SPDX-License-Identifier: Apache-2.0
#ifndef CIERZO_CK_NORMALIZATION_H
#define CIERZO_CK_NORMALIZATION_H

#include <stddef.h>

#include "ck_cpu.h"

/// y[k] = x[k] / sqrt(mean(x²) + epsilon) * weight[k] for k in 0..<count; y may be x.
///
/// The squares are summed in 16 lanes (lane j takes k ≡ j mod 16, in order), then by halving.
void ck_rms_norm(
    ck_isa isa, const float *x, const float *weight, float *y, size_t count, float epsilon);

/// y[k] = (v[k] - mean(v)) / sqrt(variance(v) + epsilon) * weight[k] + bias[k] for k in 0..<count,
/// where v[k] = x[k] + added[k]; y may be x or added; added may be NULL.
///
/// Sums are taken as above.
void ck_layer_norm(
    ck_isa isa, const float *x, const float *added, const float *weight, const float *bias,
    float *y, size_t count, float epsilon);

#endif
