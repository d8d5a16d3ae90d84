// SPDX-License-Identifier: Apache-2.0
#ifndef CIERZO_CK_ACTIVATION_H
#define CIERZO_CK_ACTIVATION_H

#include <stddef.h>
#include <stdint.h>

#include "ck_cpu.h"

/// y[k] = gate[k] / (1 + exp(-gate[k])) * up[k] for k in 0..<count; y may be gate or up.
void ck_silu_multiply(ck_isa isa, const float *gate, const float *up, float *y, size_t count);

/// y[k] = gate[k] / (1 + exp(-2 * sqrt(2 / pi) * (gate[k] + 0.044715 * gate[k]^3))) * up[k] for k in
/// 0..<count, which is GELU by its approximation with tanh; y may be gate or up.
void ck_gelu_multiply(ck_isa isa, const float *gate, const float *up, float *y, size_t count);

/// x[k] = limit * tanh(x[k] / limit) for k in 0..<count; limit > 0.
void ck_cap(ck_isa isa, float *x, float limit, size_t count);

/// y[k] = (u + 1) * g / (1 + exp(-slope * g)) for k in 0..<count, where g = gate[k] + gate_bias[k], at most
/// limit, and u = up[k] + up_bias[k], within -limit and limit; y may be gate or up.
void ck_clamped_gate_multiply(
    ck_isa isa, const float *gate, const float *gate_bias, const float *up, const float *up_bias,
    float slope, float limit, float *y, size_t count);

/// x[k] += y[k] for k in 0..<count.
void ck_add(ck_isa isa, float *x, const float *y, size_t count);

/// x[k] += weights[a] * rows[a][k], a = 0..<row_count in order, for k in 0..<count, where
/// rows[a] = base + a * stride.
void ck_add_weighted_rows(
    ck_isa isa, float *x, const float *base, size_t stride, const float *weights,
    size_t row_count, size_t count);

/// The same with biases + choice[a] * count added to rows[a].
void ck_add_weighted_biased_rows(
    ck_isa isa, float *x, const float *base, size_t stride, const float *weights,
    const float *biases, const int32_t *choice, size_t row_count, size_t count);

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

/// The most groups that experts may stand in.
#define CK_MAX_EXPERT_GROUPS 64

/// How a row's experts are chosen of its logits, and what they weigh.
typedef struct {
    /// Scores are sigmoids of the logits; else their softmax.
    int is_sigmoid;
    /// Weights are divided by the sum of the chosen ones.
    int normalizes;
    /// Experts stand in so many groups of equal size, 1 to CK_MAX_EXPERT_GROUPS.
    size_t group_count;
    /// Only the experts of the best so many groups may be chosen. A group is worth its best two.
    size_t chosen_group_count;
    /// What is added to the sum before weights are divided by it, and the least that it may be.
    float epsilon, floor;
    /// What weights are multiplied with at last.
    float scale;
    /// Added to each score for the choice, not for the weight; null: nothing.
    const float *bias;
} ck_routing_rule;

/// Picks the `chosen_count` best of `count` experts by a rule, best first, ties to the lower index.
///
/// - logits: are overwritten.
/// - selection: receives the chosen indices.
/// - weights: receives their weights.
/// Same bits for every instruction set, and those of ck_route where the rule is that of ck_route.
void ck_route_by_rule(
    ck_isa isa, const ck_routing_rule *rule, float *logits, size_t count, size_t chosen_count,
    int32_t *selection, float *weights);

/// y[k] *= 1 / (1 + exp(-sum)) for k in 0..<count, where sum is that of x[j] * w[j] for j in
/// 0..<width, in 16 lanes (lane i takes j ≡ i mod 16, in order), then by halving.
void ck_gate(
    ck_isa isa, const float *x, const float *w, size_t width, float *y, size_t count);

#endif
