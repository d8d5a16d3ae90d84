// SPDX-License-Identifier: Apache-2.0
#include "ck_delta.h"

#include "variants.h"

#define CK_BODY "delta_body.h"
#include "every_variant.h"

void ck_convolve_silu(
    ck_isa isa, const float *const *rows, const float *weights, size_t tap_count, float *y,
    size_t count) {
    CK_DISPATCH(isa, convolve_silu, rows, weights, tap_count, y, count);
}

void ck_l2_normalize(
    ck_isa isa, float *x, size_t head_count, size_t width, float epsilon, float scale) {
    CK_DISPATCH(isa, l2_normalize, x, head_count, width, epsilon, scale);
}

void ck_delta_gates(
    ck_isa isa, float *decay, float *beta, const float *bias, const float *rate, size_t count) {
    CK_DISPATCH(isa, delta_gates, decay, beta, bias, rate, count);
}

void ck_delta_run(
    ck_isa isa, const ck_delta_tokens *tokens, size_t token_count, float *state,
    size_t column_count) {
    CK_DISPATCH(isa, delta_run, tokens, token_count, state, column_count);
}

void ck_sigmoid_multiply(ck_isa isa, const float *gate, float *y, size_t count) {
    CK_DISPATCH(isa, sigmoid_multiply, gate, y, count);
}
