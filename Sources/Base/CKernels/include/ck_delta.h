// SPDX-License-Identifier: Apache-2.0
// Gated delta nets: what a layer does that keeps a state instead of keys and values.
#ifndef CIERZO_CK_DELTA_H
#define CIERZO_CK_DELTA_H

#include <stddef.h>

#include "ck_cpu.h"

/// y[c] = silu(sum of weights[j * count + c] * rows[j][c]) for c in 0..<count, where j goes from 0,
/// the oldest row, to tap_count - 1, in order.
void ck_convolve_silu(
    ck_isa isa, const float *const *rows, const float *weights, size_t tap_count, float *y,
    size_t count);

/// x[k] *= scale / sqrt(sum of x² + epsilon), for each of `head_count` heads of `width` floats.
///
/// The squares are summed in 16 lanes (lane j takes k ≡ j mod 16, in order), then by halving.
void ck_l2_normalize(
    ck_isa isa, float *x, size_t head_count, size_t width, float epsilon, float scale);

/// What a token does to the states of heads, for k in 0..<count:
/// decay[k] = exp(rate[k] * softplus(decay[k] + bias[k])), beta[k] = 1 / (1 + exp(-beta[k])).
void ck_delta_gates(
    ck_isa isa, float *decay, float *beta, const float *bias, const float *rate, size_t count);

/// How many columns of a state lie together, row after row.
#define CK_DELTA_COLUMNS 32

/// The tokens of a sequence that pass some columns of a head's state; each pointer is the first
/// token's, and the next one's is a stride further.
typedef struct {
    /// `[key_width]` of a token.
    const float *queries, *keys;
    /// The columns' own numbers.
    const float *values;
    size_t stride;
    /// One number of a token.
    const float *decays, *betas;
    size_t gate_stride;
    /// Receives a number for each column.
    float *output;
    size_t output_stride;
    size_t key_width;
} ck_delta_tokens;

/// Passes tokens through `column_count` (1 to CK_DELTA_COLUMNS) columns of a state, one after another:
/// m = decay · Sᵀ k; S = decay · S + k (beta · (v - m))ᵀ; output = Sᵀ q.
///
/// - state: `[key_width, CK_DELTA_COLUMNS]`; columns beyond `column_count` stay zero.
///
/// The two sums over rows take the even ones and the odd ones apart, each in order. So bits depend
/// neither on how tokens are divided among calls nor on the instruction set.
void ck_delta_run(
    ck_isa isa, const ck_delta_tokens *tokens, size_t token_count, float *state,
    size_t column_count);

/// y[k] *= 1 / (1 + exp(-gate[k])) for k in 0..<count.
void ck_sigmoid_multiply(ck_isa isa, const float *gate, float *y, size_t count);

#endif
