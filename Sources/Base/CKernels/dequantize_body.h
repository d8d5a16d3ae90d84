// SPDX-License-Identifier: Apache-2.0
// Decoding of element formats to f32, included by dequantize.c once per instruction set.
//
// Sixteen codes at a time, in vectors of bytes that widen to floats. Only element-wise products and
// sums occur, never contracted, so every variant gives the same bits. Layouts: the types of the
// same names in Quantization.
#include "lanes.h"

CK_INLINE ck_b16 CK_NAME(bytes)(const uint8_t *p) {
    ck_b16 v;
    __builtin_memcpy(&v, p, sizeof v);
    return v;
}

/// Unsigned codes as floats.
CK_INLINE ck_v16 CK_NAME(widen)(ck_b16 codes) { return __builtin_convertvector(codes, ck_v16); }

/// Signed codes as floats.
CK_INLINE ck_v16 CK_NAME(widen_signed)(ck_b16 codes) {
    return __builtin_convertvector((ck_c16)codes, ck_v16);
}

/// The IQ4 level of each code below 16, as signed bytes.
CK_INLINE ck_b16 CK_NAME(levels)(ck_b16 codes) {
    const ck_c16 table = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};
#if CK_IS_X86_VECTOR
    return (ck_b16)__builtin_ia32_pshufb128((ck_c16)table, (ck_c16)codes);
#else
    ck_b16 levels;
    for (int j = 0; j < 16; j++) levels[j] = (uint8_t)table[codes[j]];
    return levels;
#endif
}

/// 16 where bit j of `bits` is set, in byte j.
CK_INLINE ck_b16 CK_NAME(fifth_bits)(uint32_t bits) {
    const uint8_t l = (uint8_t)bits, h = (uint8_t)(bits >> 8);
    const ck_b16 v = {l, l, l, l, l, l, l, l, h, h, h, h, h, h, h, h};
    const ck_b16 masks = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
    return (ck_b16)((v & masks) != 0) & 16;
}

/// The half-precision number at `p`.
CK_INLINE float CK_NAME(half)(const uint8_t *p) {
    uint32_t h = (uint32_t)(p[0] | p[1] << 8);
#if CK_IS_X86_VECTOR
    // By way of a general register: inserted from memory the number would keep what its vector
    // register held before, and each block would wait for the one before it.
    __asm__("" : "+r"(h));
    return __builtin_ia32_vcvtph2ps((ck_h8){(int16_t)h})[0];
#else
    return ck_f16((uint16_t)h);
#endif
}

CK_INLINE void CK_NAME(decode_f16)(const uint8_t *b, float *y, size_t count) {
    for (size_t k = 0; k < count; k++) {
#if CK_IS_X86_VECTOR
        _Float16 h;
        __builtin_memcpy(&h, b + 2 * k, sizeof h);
        y[k] = (float)h;
#else
        y[k] = CK_NAME(half)(b + 2 * k);
#endif
    }
}

CK_INLINE void CK_NAME(decode_bf16)(const uint8_t *b, float *y, size_t count) {
    for (size_t k = 0; k < count; k++) {
        uint16_t h;
        __builtin_memcpy(&h, b + 2 * k, 2);
        const uint32_t bits = (uint32_t)h << 16;
        __builtin_memcpy(y + k, &bits, 4);
    }
}

CK_INLINE void CK_NAME(decode_q8_0)(const uint8_t *b, float *y) {
    const float d = CK_NAME(half)(b);
    CK_NAME(store)(y, CK_NAME(widen_signed)(CK_NAME(bytes)(b + 2)) * d);
    CK_NAME(store)(y + 16, CK_NAME(widen_signed)(CK_NAME(bytes)(b + 18)) * d);
}

CK_INLINE void CK_NAME(decode_q4_0)(const uint8_t *b, float *y) {
    const float d = CK_NAME(half)(b);
    const ck_b16 q = CK_NAME(bytes)(b + 2);
    CK_NAME(store)(y, CK_NAME(widen_signed)((q & 15) - 8) * d);
    CK_NAME(store)(y + 16, CK_NAME(widen_signed)((q >> 4) - 8) * d);
}

CK_INLINE void CK_NAME(decode_q4_1)(const uint8_t *b, float *y) {
    const float d = CK_NAME(half)(b), m = CK_NAME(half)(b + 2);
    const ck_b16 q = CK_NAME(bytes)(b + 4);
    CK_NAME(store)(y, CK_NAME(widen)(q & 15) * d + m);
    CK_NAME(store)(y + 16, CK_NAME(widen)(q >> 4) * d + m);
}

CK_INLINE void CK_NAME(decode_q5_0)(const uint8_t *b, float *y) {
    const float d = CK_NAME(half)(b);
    uint32_t high;
    __builtin_memcpy(&high, b + 2, 4);
    const ck_b16 q = CK_NAME(bytes)(b + 6);
    const ck_b16 low = (q & 15) | CK_NAME(fifth_bits)(high);
    const ck_b16 up = (q >> 4) | CK_NAME(fifth_bits)(high >> 16);
    CK_NAME(store)(y, CK_NAME(widen_signed)(low - 16) * d);
    CK_NAME(store)(y + 16, CK_NAME(widen_signed)(up - 16) * d);
}

CK_INLINE void CK_NAME(decode_q5_1)(const uint8_t *b, float *y) {
    const float d = CK_NAME(half)(b), m = CK_NAME(half)(b + 2);
    uint32_t high;
    __builtin_memcpy(&high, b + 4, 4);
    const ck_b16 q = CK_NAME(bytes)(b + 8);
    CK_NAME(store)(y, CK_NAME(widen)((q & 15) | CK_NAME(fifth_bits)(high)) * d + m);
    CK_NAME(store)(y + 16, CK_NAME(widen)((q >> 4) | CK_NAME(fifth_bits)(high >> 16)) * d + m);
}

CK_INLINE void CK_NAME(decode_iq4_nl)(const uint8_t *b, float *y) {
    const float d = CK_NAME(half)(b);
    const ck_b16 q = CK_NAME(bytes)(b + 2);
    CK_NAME(store)(y, d * CK_NAME(widen_signed)(CK_NAME(levels)(q & 15)));
    CK_NAME(store)(y + 16, d * CK_NAME(widen_signed)(CK_NAME(levels)(q >> 4)));
}

CK_INLINE void CK_NAME(decode_q2_k)(const uint8_t *b, float *y) {
    const uint8_t *scales = b, *q = b + 16;
    const float d = CK_NAME(half)(b + 80), minimum = CK_NAME(half)(b + 82);
    for (int half = 0; half < 2; half++, q += 32)
#pragma clang loop unroll(full)
        for (int pair = 0; pair < 4; pair++)
#pragma clang loop unroll(full)
            for (int part = 0; part < 2; part++, scales++, y += 16) {
                const float scale = d * (float)(*scales & 15);
                const float offset = minimum * (float)(*scales >> 4);
                const ck_b16 codes = CK_NAME(bytes)(q + 16 * part) >> 2 * pair & 3;
                CK_NAME(store)(y, scale * CK_NAME(widen)(codes) - offset);
            }
}

CK_INLINE void CK_NAME(decode_q3_k)(const uint8_t *b, float *y) {
    const uint8_t *high = b, *q = b + 32, *packed = b + 96;
    const float d = CK_NAME(half)(b + 108);
    int8_t scales[16];
    for (int j = 0; j < 16; j++) {
        const int low = j < 8 ? packed[j] & 15 : packed[j - 8] >> 4;
        scales[j] = (int8_t)((low | (packed[8 + j % 4] >> 2 * (j / 4) & 3) << 4) - 32);
    }
    const int8_t *scale = scales;
#pragma clang loop unroll(full)
    for (int half = 0; half < 2; half++, q += 32)
#pragma clang loop unroll(full)
        for (int pair = 0; pair < 4; pair++)
#pragma clang loop unroll(full)
            for (int part = 0; part < 2; part++, y += 16) {
                const float s = d * (float)*scale++;
                const ck_b16 low = CK_NAME(bytes)(q + 16 * part) >> 2 * pair & 3;
                const ck_b16 top = CK_NAME(bytes)(high + 16 * part) >> (4 * half + pair) & 1;
                CK_NAME(store)(y, s * CK_NAME(widen_signed)((low | top << 2) - 4));
            }
}

/// The 6-bit scale and minimum of sub-block `j` of a Q4_K or Q5_K block.
CK_INLINE void CK_NAME(scale_and_minimum)(const uint8_t *p, int j, int *scale, int *minimum) {
    if (j < 4) {
        *scale = p[j] & 63;
        *minimum = p[j + 4] & 63;
    } else {
        *scale = (p[j + 4] & 15) | (p[j - 4] >> 6) << 4;
        *minimum = (p[j + 4] >> 4) | (p[j] >> 6) << 4;
    }
}

CK_INLINE void CK_NAME(decode_q4_k)(const uint8_t *b, float *y) {
    const float d = CK_NAME(half)(b), minimum = CK_NAME(half)(b + 2);
    const uint8_t *q = b + 16;
#pragma clang loop unroll(full)
    for (int j = 0; j < 8; j++, y += 32) {
        int s, m;
        CK_NAME(scale_and_minimum)(b + 4, j, &s, &m);
        const float scale = d * (float)s, offset = minimum * (float)m;
#pragma clang loop unroll(full)
        for (int part = 0; part < 32; part += 16) {
            const ck_b16 codes = CK_NAME(bytes)(q + part) >> j % 2 * 4 & 15;
            CK_NAME(store)(y + part, scale * CK_NAME(widen)(codes) - offset);
        }
        if (j % 2) q += 32;
    }
}

CK_INLINE void CK_NAME(decode_q5_k)(const uint8_t *b, float *y) {
    const float d = CK_NAME(half)(b), minimum = CK_NAME(half)(b + 2);
    const uint8_t *high = b + 16, *q = b + 48;
#pragma clang loop unroll(full)
    for (int j = 0; j < 8; j++, y += 32) {
        int s, m;
        CK_NAME(scale_and_minimum)(b + 4, j, &s, &m);
        const float scale = d * (float)s, offset = minimum * (float)m;
#pragma clang loop unroll(full)
        for (int part = 0; part < 32; part += 16) {
            const ck_b16 low = CK_NAME(bytes)(q + part) >> j % 2 * 4 & 15;
            const ck_b16 top = CK_NAME(bytes)(high + part) >> j & 1;
            CK_NAME(store)(y + part, scale * CK_NAME(widen)(low | top << 4) - offset);
        }
        if (j % 2) q += 32;
    }
}

CK_INLINE void CK_NAME(decode_q6_k)(const uint8_t *b, float *y) {
    const uint8_t *low = b, *high = b + 128;
    const int8_t *scales = (const int8_t *)b + 192;
    const float d = CK_NAME(half)(b + 208);
    for (int half = 0; half < 2; half++, low += 64, high += 32, scales += 8, y += 128)
#pragma clang loop unroll(full)
        for (int quarter = 0; quarter < 4; quarter++)
#pragma clang loop unroll(full)
            for (int part = 0; part < 2; part++) {
                const float s = d * (float)scales[2 * quarter + part];
                const ck_b16 q = CK_NAME(bytes)(low + quarter % 2 * 32 + 16 * part);
                const ck_b16 top = CK_NAME(bytes)(high + 16 * part) >> 2 * quarter & 3;
                const ck_b16 codes = ((q >> quarter / 2 * 4 & 15) | top << 4) - 32;
                CK_NAME(store)(y + 32 * quarter + 16 * part, s * CK_NAME(widen_signed)(codes));
            }
}

CK_INLINE void CK_NAME(decode_iq4_xs)(const uint8_t *b, float *y) {
    const float d = CK_NAME(half)(b);
    const int high = b[2] | b[3] << 8;
    const uint8_t *low = b + 4;
#pragma clang loop unroll(full)
    for (int j = 0; j < 8; j++, y += 32) {
        const int s = (low[j / 2] >> j % 2 * 4 & 15) | (high >> 2 * j & 3) << 4;
        const float scale = d * (float)(s - 32);
        const ck_b16 q = CK_NAME(bytes)(b + 8 + 16 * j);
        CK_NAME(store)(y, scale * CK_NAME(widen_signed)(CK_NAME(levels)(q & 15)));
        CK_NAME(store)(y + 16, scale * CK_NAME(widen_signed)(CK_NAME(levels)(q >> 4)));
    }
}

/// Asks for the cache lines of a block that will be decoded later, if there is one: the address may
/// lie outside all memory, which a prefetch ignores.
///
/// Decoding leaves the processor too little room to look ahead: weights from memory came at 4.8 GB/s
/// without this and at 8.4 with it (Q4_1, rows of 576, one Zen 5 core, 2026-11-21). Distances from
/// 4 to 32 KiB do about as well.
CK_INLINE void CK_NAME(prefetch)(const uint8_t *b, size_t bytes) {
    for (size_t line = 0; line < bytes; line += 64)
        __builtin_prefetch((const void *)((uintptr_t)b + 8192 + line));
}

#define CK_BLOCKS(bytes, elements, decode) \
    for (size_t k = 0; k < count; k += elements, b += bytes, y += elements) { \
        CK_NAME(prefetch)(b, bytes); \
        CK_NAME(decode)(b, y); \
    } \
    break

static void CK_NAME(dequantize)(ck_format format, const uint8_t *b, float *y, size_t count) {
    switch (format) {
    case CK_F32: __builtin_memcpy(y, b, count * 4); break;
    case CK_F16: CK_NAME(decode_f16)(b, y, count); break;
    case CK_BF16: CK_NAME(decode_bf16)(b, y, count); break;
    case CK_Q4_0: CK_BLOCKS(18, 32, decode_q4_0);
    case CK_Q4_1: CK_BLOCKS(20, 32, decode_q4_1);
    case CK_Q5_0: CK_BLOCKS(22, 32, decode_q5_0);
    case CK_Q5_1: CK_BLOCKS(24, 32, decode_q5_1);
    case CK_Q8_0: CK_BLOCKS(34, 32, decode_q8_0);
    case CK_IQ4_NL: CK_BLOCKS(18, 32, decode_iq4_nl);
    case CK_Q2_K: CK_BLOCKS(84, 256, decode_q2_k);
    case CK_Q3_K: CK_BLOCKS(110, 256, decode_q3_k);
    case CK_Q4_K: CK_BLOCKS(144, 256, decode_q4_k);
    case CK_Q5_K: CK_BLOCKS(176, 256, decode_q5_k);
    case CK_Q6_K: CK_BLOCKS(210, 256, decode_q6_k);
    case CK_IQ4_XS: CK_BLOCKS(136, 256, decode_iq4_xs);
    }
}

#undef CK_BLOCKS
