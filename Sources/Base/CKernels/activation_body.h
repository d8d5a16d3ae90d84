// SPDX-License-Identifier: Apache-2.0
// Activations and mixing, included by activation.c once per instruction set.
#include "lanes.h"

CK_INLINE ck_v16 CK_NAME(silu)(ck_v16 gate, ck_v16 up) {
    const ck_v16 one = CK_NAME(splat)(1);
    return gate / (one + CK_NAME(exp)(-gate)) * up;
}

static void CK_NAME(silu_multiply)(const float *gate, const float *up, float *y, size_t count) {
    const size_t whole = count - count % CK_LANES;
    const int rest = (int)(count - whole);
    for (size_t k = 0; k < whole; k += CK_LANES)
        CK_NAME(store)(
            y + k, CK_NAME(silu)(CK_NAME(load)(gate + k), CK_NAME(load)(up + k)));
    if (rest > 0) {
        const ck_v16 g = CK_NAME(load_partial)(gate + whole, rest);
        const ck_v16 u = CK_NAME(load_partial)(up + whole, rest);
        CK_NAME(store_partial)(y + whole, CK_NAME(silu)(g, u), rest);
    }
}

/// tanh(z) = 2 · sigmoid(2 z) − 1, so half of gate · (1 + tanh) is gate · sigmoid.
CK_INLINE ck_v16 CK_NAME(gelu)(ck_v16 gate, ck_v16 up) {
    const ck_v16 one = CK_NAME(splat)(1);
    const ck_v16 cubic = CK_NAME(fma)(
        gate * gate * gate, CK_NAME(splat)(0.044715f), gate);
    return gate / (one + CK_NAME(exp)(cubic * CK_NAME(splat)(-1.5957691216f))) * up;
}

static void CK_NAME(gelu_multiply)(const float *gate, const float *up, float *y, size_t count) {
    const size_t whole = count - count % CK_LANES;
    const int rest = (int)(count - whole);
    for (size_t k = 0; k < whole; k += CK_LANES)
        CK_NAME(store)(
            y + k, CK_NAME(gelu)(CK_NAME(load)(gate + k), CK_NAME(load)(up + k)));
    if (rest > 0) {
        const ck_v16 g = CK_NAME(load_partial)(gate + whole, rest);
        const ck_v16 u = CK_NAME(load_partial)(up + whole, rest);
        CK_NAME(store_partial)(y + whole, CK_NAME(gelu)(g, u), rest);
    }
}

/// limit · tanh(x / limit). Below 1 tanh is Lambert's continued fraction, cut off after its seventh
/// term (within 1e-9), since the other form loses digits there; above it 1 − 2 / (1 + e²ᶻ).
CK_INLINE ck_v16 CK_NAME(capped)(ck_v16 x, ck_v16 limit) {
    const ck_v16 one = CK_NAME(splat)(1), z = x / limit, s = z * z;
    ck_v16 p = s + CK_NAME(splat)(378);
    p = CK_NAME(fma)(p, s, CK_NAME(splat)(17325));
    p = CK_NAME(fma)(p, s, CK_NAME(splat)(135135));
    ck_v16 q = CK_NAME(fma)(s, CK_NAME(splat)(28), CK_NAME(splat)(3150));
    q = CK_NAME(fma)(q, s, CK_NAME(splat)(62370));
    q = CK_NAME(fma)(q, s, CK_NAME(splat)(135135));
    const ck_v16 far = one - CK_NAME(splat)(2) / (one + CK_NAME(exp)(z + z));
    return limit * CK_NAME(select)(s < one, z * p / q, far);
}

static void CK_NAME(cap)(float *x, float limit, size_t count) {
    const size_t whole = count - count % CK_LANES;
    const int rest = (int)(count - whole);
    const ck_v16 most = CK_NAME(splat)(limit);
    for (size_t k = 0; k < whole; k += CK_LANES)
        CK_NAME(store)(x + k, CK_NAME(capped)(CK_NAME(load)(x + k), most));
    if (rest > 0)
        CK_NAME(store_partial)(
            x + whole, CK_NAME(capped)(CK_NAME(load_partial)(x + whole, rest), most), rest);
}

/// (up + 1) · gate · sigmoid(slope · gate), the gate limited from above, up from both sides.
CK_INLINE ck_v16 CK_NAME(clamped_gate)(ck_v16 gate, ck_v16 up, float slope, float limit) {
    const ck_v16 one = CK_NAME(splat)(1), most = CK_NAME(splat)(limit);
    gate = CK_NAME(select)(gate > most, most, gate);
    up = CK_NAME(select)(up > most, most, up);
    up = CK_NAME(select)(up < -most, -most, up);
    return gate / (one + CK_NAME(exp)(gate * CK_NAME(splat)(-slope))) * (up + one);
}

static void CK_NAME(clamped_gate_multiply)(
    const float *gate, const float *gate_bias, const float *up, const float *up_bias, float slope,
    float limit, float *y, size_t count) {
    const size_t whole = count - count % CK_LANES;
    const int rest = (int)(count - whole);
    for (size_t k = 0; k < whole; k += CK_LANES) {
        const ck_v16 g = CK_NAME(load)(gate + k) + CK_NAME(load)(gate_bias + k);
        const ck_v16 u = CK_NAME(load)(up + k) + CK_NAME(load)(up_bias + k);
        CK_NAME(store)(y + k, CK_NAME(clamped_gate)(g, u, slope, limit));
    }
    if (rest > 0) {
        const ck_v16 g = CK_NAME(load_partial)(gate + whole, rest)
            + CK_NAME(load_partial)(gate_bias + whole, rest);
        const ck_v16 u =
            CK_NAME(load_partial)(up + whole, rest) + CK_NAME(load_partial)(up_bias + whole, rest);
        CK_NAME(store_partial)(y + whole, CK_NAME(clamped_gate)(g, u, slope, limit), rest);
    }
}

static void CK_NAME(add)(float *x, const float *y, size_t count) {
    for (size_t k = 0; k < count; k++) x[k] += y[k];
}

static void CK_NAME(add_weighted_rows)(
    float *x, const float *base, size_t stride, const float *weights,
    size_t row_count, size_t count) {
    for (size_t a = 0; a < row_count; a++) {
        const float *row = base + a * stride;
        const float weight = weights[a];
        for (size_t k = 0; k < count; k++) x[k] = __builtin_fmaf(weight, row[k], x[k]);
    }
}

static void CK_NAME(add_weighted_biased_rows)(
    float *x, const float *base, size_t stride, const float *weights, const float *biases,
    const int32_t *choice, size_t row_count, size_t count) {
    for (size_t a = 0; a < row_count; a++) {
        const float *row = base + a * stride, *bias = biases + (size_t)choice[a] * count;
        const float weight = weights[a];
        for (size_t k = 0; k < count; k++) x[k] = __builtin_fmaf(weight, row[k] + bias[k], x[k]);
    }
}

static void CK_NAME(exp_all)(const float *x, float *y, size_t count) {
    const size_t whole = count - count % CK_LANES;
    const int rest = (int)(count - whole);
    for (size_t k = 0; k < whole; k += CK_LANES)
        CK_NAME(store)(y + k, CK_NAME(exp)(CK_NAME(load)(x + k)));
    if (rest > 0)
        CK_NAME(store_partial)(
            y + whole, CK_NAME(exp)(CK_NAME(load_partial)(x + whole, rest)), rest);
}

static void CK_NAME(softmax)(float *x, size_t count, float scale) {
    const size_t whole = count - count % CK_LANES;
    const int rest = (int)(count - whole);
    float largest = x[0];
    if (whole > 0) {
        ck_v16 most = CK_NAME(load)(x);
        for (size_t k = CK_LANES; k < whole; k += CK_LANES)
            most = CK_NAME(max)(CK_NAME(load)(x + k), most);
        largest = CK_NAME(largest)(most);
    }
    for (size_t k = whole; k < count; k++) largest = x[k] > largest ? x[k] : largest;
    const ck_v16 top = CK_NAME(splat)(largest), scales = CK_NAME(splat)(scale);
    ck_v16 total = CK_NAME(splat)(0);
    for (size_t k = 0; k < whole; k += CK_LANES) {
        const ck_v16 v = CK_NAME(exp)((CK_NAME(load)(x + k) - top) * scales);
        total += v;
        CK_NAME(store)(x + k, v);
    }
    if (rest > 0) {
        ck_v16 v = CK_NAME(exp)((CK_NAME(load_partial)(x + whole, rest) - top) * scales);
        for (int j = rest; j < CK_LANES; j++) v[j] = 0;
        total += v;
        CK_NAME(store_partial)(x + whole, v, rest);
    }
    const float sum = CK_NAME(sum)(total);
    for (size_t k = 0; k < count; k++) x[k] /= sum;
}

static void CK_NAME(route)(
    const float *logits, size_t count, size_t chosen_count, int32_t *selection, float *weights) {
    for (size_t a = 0; a < chosen_count; a++) {
        int32_t best = -1;
        for (size_t e = 0; e < count; e++) {
            int taken = 0;
            for (size_t b = 0; b < a; b++) taken |= selection[b] == (int32_t)e;
            if (!taken && (best < 0 || logits[e] > logits[best])) best = (int32_t)e;
        }
        selection[a] = best;
        weights[a] = logits[best] - logits[selection[0]];
    }
    CK_NAME(exp_all)(weights, weights, chosen_count);
    float sum = 0;
    for (size_t a = 0; a < chosen_count; a++) sum += weights[a];
    for (size_t a = 0; a < chosen_count; a++) weights[a] /= sum;
}

CK_INLINE ck_v16 CK_NAME(sigmoid)(ck_v16 x) {
    const ck_v16 one = CK_NAME(splat)(1);
    return one / (one + CK_NAME(exp)(-x));
}

static void CK_NAME(sigmoid_all)(float *x, size_t count) {
    const size_t whole = count - count % CK_LANES;
    const int rest = (int)(count - whole);
    for (size_t k = 0; k < whole; k += CK_LANES)
        CK_NAME(store)(x + k, CK_NAME(sigmoid)(CK_NAME(load)(x + k)));
    if (rest > 0)
        CK_NAME(store_partial)(
            x + whole, CK_NAME(sigmoid)(CK_NAME(load_partial)(x + whole, rest)), rest);
}

/// Puts `index` among the best `held` of at most `room`, which stay sorted, the best first and of
/// equals the one that came first; returns how many there are then.
CK_INLINE size_t CK_NAME(keep_best)(
    int32_t *best, float *values, size_t held, size_t room, int32_t index, float value) {
    if (held == room && !(value > values[room - 1])) return held;
    size_t place = held < room ? held : room - 1;
    for (; place > 0 && value > values[place - 1]; place--) {
        best[place] = best[place - 1];
        values[place] = values[place - 1];
    }
    best[place] = index;
    values[place] = value;
    return held < room ? held + 1 : held;
}

/// The groups whose experts may be chosen, a bit each.
static uint64_t CK_NAME(open_groups)(
    const ck_routing_rule *rule, const float *scores, size_t group_size) {
    if (rule->chosen_group_count >= rule->group_count) return ~(uint64_t)0;
    int32_t best[CK_MAX_EXPERT_GROUPS];
    float values[CK_MAX_EXPERT_GROUPS];
    size_t held = 0;
    for (size_t group = 0; group < rule->group_count; group++) {
        int32_t of_two[2];
        float two[2] = {0, 0};
        size_t found = 0;
        for (size_t e = group * group_size; e < (group + 1) * group_size; e++) {
            const float value = rule->bias ? scores[e] + rule->bias[e] : scores[e];
            found = CK_NAME(keep_best)(of_two, two, found, 2, (int32_t)e, value);
        }
        held = CK_NAME(keep_best)(
            best, values, held, rule->chosen_group_count, (int32_t)group, two[0] + two[1]);
    }
    uint64_t open = 0;
    for (size_t a = 0; a < held; a++) open |= (uint64_t)1 << best[a];
    return open;
}

static void CK_NAME(route_by_rule)(
    const ck_routing_rule *rule, float *logits, size_t count, size_t chosen_count,
    int32_t *selection, float *weights) {
    const size_t group_size = count / rule->group_count;
    // The softmax over the chosen ones alone is the softmax over all, divided by their sum.
    const int is_softmax_of_chosen = !rule->is_sigmoid && rule->normalizes && !rule->bias
        && rule->group_count == 1 && rule->epsilon == 0 && rule->floor == 0;
    if (rule->is_sigmoid) {
        CK_NAME(sigmoid_all)(logits, count);
    } else if (!is_softmax_of_chosen) {
        CK_NAME(softmax)(logits, count, 1);
    }
    const uint64_t open = CK_NAME(open_groups)(rule, logits, group_size);
    size_t held = 0;
    for (size_t group = 0; group < rule->group_count; group++) {
        if (!(open >> group & 1)) continue;
        for (size_t e = group * group_size; e < (group + 1) * group_size; e++) {
            const float value = rule->bias ? logits[e] + rule->bias[e] : logits[e];
            held = CK_NAME(keep_best)(selection, weights, held, chosen_count, (int32_t)e, value);
        }
    }
    const float first = logits[selection[0]];
    for (size_t a = 0; a < chosen_count; a++)
        weights[a] = is_softmax_of_chosen ? logits[selection[a]] - first : logits[selection[a]];
    if (is_softmax_of_chosen) CK_NAME(exp_all)(weights, weights, chosen_count);
    if (rule->normalizes) {
        float sum = 0;
        for (size_t a = 0; a < chosen_count; a++) sum += weights[a];
        sum += rule->epsilon;
        if (sum < rule->floor) sum = rule->floor;
        for (size_t a = 0; a < chosen_count; a++) weights[a] /= sum;
    }
    for (size_t a = 0; a < chosen_count; a++) weights[a] *= rule->scale;
}

static void CK_NAME(gate)(
    const float *x, const float *w, size_t width, float *y, size_t count) {
    const size_t whole = width - width % CK_LANES;
    const int rest = (int)(width - whole);
    ck_v16 total = CK_NAME(splat)(0);
    for (size_t k = 0; k < whole; k += CK_LANES)
        total = CK_NAME(fma)(CK_NAME(load)(x + k), CK_NAME(load)(w + k), total);
    if (rest > 0)
        total = CK_NAME(fma)(
            CK_NAME(load_partial)(x + whole, rest), CK_NAME(load_partial)(w + whole, rest), total);
    const ck_v16 gate = CK_NAME(sigmoid)(CK_NAME(splat)(CK_NAME(sum)(total)));
    for (size_t k = 0; k < count; k++) y[k] *= gate[0];
}
