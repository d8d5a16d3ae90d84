// SPDX-License-Identifier: Apache-2.0
#include "ck_dequantize.h"

#include "half.h"
#include "iq_grids.h"
#include "variants.h"

#define CK_INLINE static inline __attribute__((always_inline, unused))

typedef uint8_t ck_b16 __attribute__((vector_size(16)));
typedef char ck_c16 __attribute__((vector_size(16)));
typedef int16_t ck_h8 __attribute__((vector_size(16)));

size_t ck_block_elements(ck_format format) {
    switch (format) {
    case CK_F32: case CK_F16: case CK_BF16: return 1;
    case CK_Q4_0: case CK_Q4_1: case CK_Q5_0: case CK_Q5_1: case CK_Q8_0: case CK_IQ4_NL:
    case CK_MXFP4: return 32;
    case CK_NVFP4: return 64;
    default: return 256;
    }
}

size_t ck_block_bytes(ck_format format) {
    switch (format) {
    case CK_F32: return 4;
    case CK_F16: case CK_BF16: return 2;
    case CK_Q4_0: case CK_IQ4_NL: return 18;
    case CK_Q4_1: return 20;
    case CK_Q5_0: return 22;
    case CK_Q5_1: return 24;
    case CK_Q8_0: return 34;
    case CK_Q2_K: return 84;
    case CK_Q3_K: return 110;
    case CK_Q4_K: return 144;
    case CK_Q5_K: return 176;
    case CK_Q6_K: return 210;
    case CK_IQ4_XS: return 136;
    case CK_IQ2_XXS: case CK_TQ2_0: return 66;
    case CK_IQ2_XS: return 74;
    case CK_IQ2_S: return 82;
    case CK_IQ3_XXS: return 98;
    case CK_IQ3_S: return 110;
    case CK_IQ1_S: return 50;
    case CK_IQ1_M: return 56;
    case CK_TQ1_0: return 54;
    case CK_MXFP4: return 17;
    case CK_NVFP4: return 36;
    }
    return 0;
}

/// 2^n of a normal number.
CK_INLINE float ck_power_of_two(int n) {
    const uint32_t bits = (uint32_t)(n + 127) << 23;
    float power;
    __builtin_memcpy(&power, &bits, 4);
    return power;
}

#define CK_VARIANT scalar
#define CK_IS_X86_VECTOR 0
#include "dequantize_body.h"
#undef CK_VARIANT
#undef CK_IS_X86_VECTOR

#if defined(__x86_64__)
#define CK_IS_X86_VECTOR 1
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#define CK_VARIANT avx2
#include "dequantize_body.h"
#undef CK_VARIANT
#pragma clang attribute pop

#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,fma,f16c"))), apply_to = function)
#define CK_VARIANT avx512
#include "dequantize_body.h"
#undef CK_VARIANT
#pragma clang attribute pop
#endif

void ck_dequantize(ck_isa isa, ck_format format, const void *blocks, float *y, size_t count) {
    CK_DISPATCH(isa, dequantize, format, (const uint8_t *)blocks, y, count);
}
