// SPDX-License-Identifier: Apache-2.0
// Gated delta nets, included by delta.c once per instruction set.
#include "lanes.h"

CK_INLINE ck_v16 CK_NAME(delta_sigmoid)(ck_v16 x) {
    const ck_v16 one = CK_NAME(splat)(1);
    return one / (one + CK_NAME(exp)(-x));
}

/// Sixteen numbers, or the first `count` of them and zeros.
CK_INLINE ck_v16 CK_NAME(load_some)(const float *p, size_t count) {
    return count >= CK_LANES ? CK_NAME(load)(p) : CK_NAME(load_partial)(p, (int)count);
}

CK_INLINE void CK_NAME(store_some)(float *p, ck_v16 v, size_t count) {
    if (count >= CK_LANES)
        CK_NAME(store)(p, v);
    else
        CK_NAME(store_partial)(p, v, (int)count);
}

static void CK_NAME(convolve_silu)(
    const float *const *rows, const float *weights, size_t tap_count, float *y, size_t count) {
    for (size_t c = 0; c < count; c += CK_LANES) {
        ck_v16 sum = CK_NAME(splat)(0);
        for (size_t j = 0; j < tap_count; j++)
            sum = CK_NAME(fma)(
                CK_NAME(load_some)(weights + j * count + c, count - c),
                CK_NAME(load_some)(rows[j] + c, count - c), sum);
        CK_NAME(store_some)(y + c, sum * CK_NAME(delta_sigmoid)(sum), count - c);
    }
}

static void CK_NAME(l2_normalize)(
    float *x, size_t head_count, size_t width, float epsilon, float scale) {
    for (size_t head = 0; head < head_count; head++, x += width) {
        ck_v16 squares = CK_NAME(splat)(0);
        for (size_t k = 0; k < width; k += CK_LANES) {
            const ck_v16 v = CK_NAME(load_some)(x + k, width - k);
            squares = CK_NAME(fma)(v, v, squares);
        }
        const float factor =
            1.0f / __builtin_sqrtf(CK_NAME(sum)(squares) + epsilon) * scale;
        for (size_t k = 0; k < width; k++) x[k] *= factor;
    }
}

/// log(1 + exp(x)) = max(x, 0) + log(1 + e), where e = exp(-|x|) is at most 1: the logarithm is
/// 2 atanh(s), s = e / (2 + e) at most a third, of which nine terms are exact to an f32.
CK_INLINE ck_v16 CK_NAME(softplus)(ck_v16 x) {
    const ck_v16 zero = CK_NAME(splat)(0), two = CK_NAME(splat)(2);
    const ck_v16 e = CK_NAME(exp)(-CK_NAME(max)(x, -x));
    const ck_v16 s = e / (two + e);
    const ck_v16 square = s * s;
    ck_v16 sum = CK_NAME(splat)(1.0f / 17);
    for (int term = 15; term > 0; term -= 2)
        sum = CK_NAME(fma)(sum, square, CK_NAME(splat)(1.0f / (float)term));
    return CK_NAME(fma)(two * s, sum, CK_NAME(max)(x, zero));
}

static void CK_NAME(delta_gates)(
    float *decay, float *beta, const float *bias, const float *rate, size_t count) {
    for (size_t k = 0; k < count; k += CK_LANES) {
        const size_t rest = count - k;
        const ck_v16 step = CK_NAME(softplus)(
            CK_NAME(load_some)(decay + k, rest) + CK_NAME(load_some)(bias + k, rest));
        CK_NAME(store_some)(
            decay + k, CK_NAME(exp)(CK_NAME(load_some)(rate + k, rest) * step), rest);
        CK_NAME(store_some)(
            beta + k, CK_NAME(delta_sigmoid)(CK_NAME(load_some)(beta + k, rest)), rest);
    }
}

static void CK_NAME(delta_run)(
    const ck_delta_tokens *tokens, size_t token_count, float *state, size_t column_count) {
    const size_t width = tokens->key_width;
    const size_t left = column_count < CK_LANES ? column_count : CK_LANES;
    const size_t right = column_count - left;
    const float *q = tokens->queries, *k = tokens->keys, *v = tokens->values;
    const float *decay = tokens->decays, *beta = tokens->betas;
    float *output = tokens->output;
    for (size_t t = 0; t < token_count; t++) {
        // What the state says of the key.
        ck_v16 even0 = CK_NAME(splat)(0), even1 = even0, odd0 = even0, odd1 = even0;
        size_t i = 0;
        const float *row = state;
        for (; i + 2 <= width; i += 2, row += 2 * CK_DELTA_COLUMNS) {
            const ck_v16 a = CK_NAME(splat)(k[i]), b = CK_NAME(splat)(k[i + 1]);
            even0 = CK_NAME(fma)(a, CK_NAME(load)(row), even0);
            even1 = CK_NAME(fma)(a, CK_NAME(load)(row + 16), even1);
            odd0 = CK_NAME(fma)(b, CK_NAME(load)(row + 32), odd0);
            odd1 = CK_NAME(fma)(b, CK_NAME(load)(row + 48), odd1);
        }
        if (i < width) {
            const ck_v16 a = CK_NAME(splat)(k[i]);
            even0 = CK_NAME(fma)(a, CK_NAME(load)(row), even0);
            even1 = CK_NAME(fma)(a, CK_NAME(load)(row + 16), even1);
        }
        const ck_v16 kept = CK_NAME(splat)(*decay), rate = CK_NAME(splat)(*beta);
        const ck_v16 v0 = CK_NAME(load_some)(v, left);
        const ck_v16 v1 = right > 0 ? CK_NAME(load_some)(v + 16, right) : CK_NAME(splat)(0);
        const ck_v16 delta0 = (v0 - (even0 + odd0) * kept) * rate;
        const ck_v16 delta1 = (v1 - (even1 + odd1) * kept) * rate;
        // The new state, and what it says of the query.
        even0 = even1 = odd0 = odd1 = CK_NAME(splat)(0);
        float *to = state;
        for (i = 0; i + 2 <= width; i += 2, to += 2 * CK_DELTA_COLUMNS) {
            const ck_v16 a = CK_NAME(splat)(k[i]), b = CK_NAME(splat)(k[i + 1]);
            const ck_v16 qa = CK_NAME(splat)(q[i]), qb = CK_NAME(splat)(q[i + 1]);
            const ck_v16 s0 = CK_NAME(fma)(a, delta0, CK_NAME(load)(to) * kept);
            const ck_v16 s1 = CK_NAME(fma)(a, delta1, CK_NAME(load)(to + 16) * kept);
            const ck_v16 s2 = CK_NAME(fma)(b, delta0, CK_NAME(load)(to + 32) * kept);
            const ck_v16 s3 = CK_NAME(fma)(b, delta1, CK_NAME(load)(to + 48) * kept);
            CK_NAME(store)(to, s0);
            CK_NAME(store)(to + 16, s1);
            CK_NAME(store)(to + 32, s2);
            CK_NAME(store)(to + 48, s3);
            even0 = CK_NAME(fma)(qa, s0, even0);
            even1 = CK_NAME(fma)(qa, s1, even1);
            odd0 = CK_NAME(fma)(qb, s2, odd0);
            odd1 = CK_NAME(fma)(qb, s3, odd1);
        }
        if (i < width) {
            const ck_v16 a = CK_NAME(splat)(k[i]), qa = CK_NAME(splat)(q[i]);
            const ck_v16 s0 = CK_NAME(fma)(a, delta0, CK_NAME(load)(to) * kept);
            const ck_v16 s1 = CK_NAME(fma)(a, delta1, CK_NAME(load)(to + 16) * kept);
            CK_NAME(store)(to, s0);
            CK_NAME(store)(to + 16, s1);
            even0 = CK_NAME(fma)(qa, s0, even0);
            even1 = CK_NAME(fma)(qa, s1, even1);
        }
        CK_NAME(store_some)(output, even0 + odd0, left);
        if (right > 0) CK_NAME(store_some)(output + 16, even1 + odd1, right);
        q += tokens->stride;
        k += tokens->stride;
        v += tokens->stride;
        decay += tokens->gate_stride;
        beta += tokens->gate_stride;
        output += tokens->output_stride;
    }
}

static void CK_NAME(sigmoid_multiply)(const float *gate, float *y, size_t count) {
    for (size_t k = 0; k < count; k += CK_LANES)
        CK_NAME(store_some)(
            y + k,
            CK_NAME(load_some)(y + k, count - k)
                * CK_NAME(delta_sigmoid)(CK_NAME(load_some)(gate + k, count - k)),
            count - k);
}
