// SPDX-License-Identifier: Apache-2.0
#include "ck_activation.h"

#include "variants.h"

#define CK_BODY "activation_body.h"
#include "every_variant.h"

void ck_silu_multiply(ck_isa isa, const float *gate, const float *up, float *y, size_t count) {
    CK_DISPATCH(isa, silu_multiply, gate, up, y, count);
}

void ck_gelu_multiply(ck_isa isa, const float *gate, const float *up, float *y, size_t count) {
    CK_DISPATCH(isa, gelu_multiply, gate, up, y, count);
}

void ck_cap(ck_isa isa, float *x, float limit, size_t count) {
    CK_DISPATCH(isa, cap, x, limit, count);
}

void ck_clamped_gate_multiply(
    ck_isa isa, const float *gate, const float *gate_bias, const float *up, const float *up_bias,
    float slope, float limit, float *y, size_t count) {
    CK_DISPATCH(
        isa, clamped_gate_multiply, gate, gate_bias, up, up_bias, slope, limit, y, count);
}

void ck_add(ck_isa isa, float *x, const float *y, size_t count) {
    CK_DISPATCH(isa, add, x, y, count);
}

void ck_add_weighted_rows(
    ck_isa isa, float *x, const float *base, size_t stride, const float *weights,
    size_t row_count, size_t count) {
    CK_DISPATCH(isa, add_weighted_rows, x, base, stride, weights, row_count, count);
}

void ck_add_weighted_biased_rows(
    ck_isa isa, float *x, const float *base, size_t stride, const float *weights,
    const float *biases, const int32_t *choice, size_t row_count, size_t count) {
    CK_DISPATCH(
        isa, add_weighted_biased_rows, x, base, stride, weights, biases, choice, row_count, count);
}

void ck_exp(ck_isa isa, const float *x, float *y, size_t count) {
    CK_DISPATCH(isa, exp_all, x, y, count);
}

void ck_softmax(ck_isa isa, float *x, size_t count, float scale) {
    CK_DISPATCH(isa, softmax, x, count, scale);
}

void ck_route(
    ck_isa isa, const float *logits, size_t count, size_t chosen_count, int32_t *selection,
    float *weights) {
    CK_DISPATCH(isa, route, logits, count, chosen_count, selection, weights);
}

void ck_route_by_rule(
    ck_isa isa, const ck_routing_rule *rule, float *logits, size_t count, size_t chosen_count,
    int32_t *selection, float *weights) {
    CK_DISPATCH(isa, route_by_rule, rule, logits, count, chosen_count, selection, weights);
}

void ck_gate(
    ck_isa isa, const float *x, const float *w, size_t width, float *y, size_t count) {
    CK_DISPATCH(isa, gate, x, w, width, y, count);
}
