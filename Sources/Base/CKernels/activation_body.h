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
