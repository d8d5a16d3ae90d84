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
#define CK_ELEMENTS(name, number, elements, bytes) case CK_##name: return elements;
        CK_FORMATS(CK_ELEMENTS)
#undef CK_ELEMENTS
    }
    return 256;
}

size_t ck_block_bytes(ck_format format) {
    switch (format) {
#define CK_BYTES(name, number, elements, bytes) case CK_##name: return bytes;
        CK_FORMATS(CK_BYTES)
#undef CK_BYTES
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
