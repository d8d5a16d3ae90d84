// SPDX-License-Identifier: Apache-2.0
// Root-mean-square normalisation, included by normalization.c once per instruction set.
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
