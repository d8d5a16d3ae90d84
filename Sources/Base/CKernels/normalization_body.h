// SPDX-License-Identifier: Apache-2.0
// Normalisation, included by normalization.c once per instruction set.
#include "lanes.h"

static void CK_NAME(rms_norm)(
    const float *x, const float *weight, float *y, size_t count, float epsilon) {
    const size_t whole = count - count % CK_LANES;
    const int rest = (int)(count - whole);
    ck_v16 squares = CK_NAME(splat)(0);
    for (size_t k = 0; k < whole; k += CK_LANES) {
        const ck_v16 v = CK_NAME(load)(x + k);
        squares = CK_NAME(fma)(v, v, squares);
    }
    if (rest > 0) {
        const ck_v16 v = CK_NAME(load_partial)(x + whole, rest);
        squares = CK_NAME(fma)(v, v, squares);
    }
    const float mean = CK_NAME(sum)(squares) / (float)count;
    const float scale = 1.0f / __builtin_sqrtf(mean + epsilon);
    for (size_t k = 0; k < count; k++) y[k] = x[k] * scale * weight[k];
}

/// Some of a row's numbers, those beyond `rest` zeros.
CK_INLINE ck_v16 CK_NAME(sum_of)(const float *x, const float *added, int rest) {
    if (rest >= CK_LANES) {
        const ck_v16 v = CK_NAME(load)(x);
        return added ? v + CK_NAME(load)(added) : v;
    }
    const ck_v16 v = CK_NAME(load_partial)(x, rest);
    return added ? v + CK_NAME(load_partial)(added, rest) : v;
}

static void CK_NAME(layer_norm)(
    const float *x, const float *added, const float *weight, const float *bias, float *y,
    size_t count, float epsilon) {
    const size_t whole = count - count % CK_LANES;
    const int rest = (int)(count - whole);
    ck_v16 total = CK_NAME(splat)(0);
    for (size_t k = 0; k < count; k += CK_LANES) {
        const ck_v16 v =
            CK_NAME(sum_of)(x + k, added ? added + k : 0, k < whole ? CK_LANES : rest);
        total += v;
        if (k < whole)
            CK_NAME(store)(y + k, v);
        else
            CK_NAME(store_partial)(y + k, v, rest);
    }
    const float mean = CK_NAME(sum)(total) / (float)count;
    const ck_v16 means = CK_NAME(splat)(mean);
    ck_v16 squares = CK_NAME(splat)(0);
    for (size_t k = 0; k < whole; k += CK_LANES) {
        const ck_v16 v = CK_NAME(load)(y + k) - means;
        squares = CK_NAME(fma)(v, v, squares);
    }
    if (rest > 0) {
        ck_v16 v = CK_NAME(splat)(0);
        for (int j = 0; j < rest; j++) v[j] = y[whole + (size_t)j] - mean;
        squares = CK_NAME(fma)(v, v, squares);
    }
    const float variance = CK_NAME(sum)(squares) / (float)count;
    const float scale = 1.0f / __builtin_sqrtf(variance + epsilon);
    for (size_t k = 0; k < count; k++)
        y[k] = __builtin_fmaf((y[k] - mean) * scale, weight[k], bias[k]);
}
