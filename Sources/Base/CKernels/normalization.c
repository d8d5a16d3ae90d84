// SPDX-License-Identifier: Apache-2.0
#include "ck_normalization.h"

#include "variants.h"

#define CK_VARIANT scalar
#include "normalization_body.h"
#undef CK_VARIANT

#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#define CK_VARIANT avx2
#include "normalization_body.h"
#undef CK_VARIANT
#pragma clang attribute pop

#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,fma,f16c"))), apply_to = function)
#define CK_VARIANT avx512
#include "normalization_body.h"
#undef CK_VARIANT
#pragma clang attribute pop
#endif

void ck_rms_norm(
    ck_isa isa, const float *x, const float *weight, float *y, size_t count, float epsilon) {
    CK_DISPATCH(isa, rms_norm, x, weight, y, count, epsilon);
}
