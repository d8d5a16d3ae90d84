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

/// The little-endian number of 16 bits at `p`.
CK_INLINE uint32_t CK_NAME(word16)(const uint8_t *p) { return (uint32_t)(p[0] | p[1] << 8); }

/// The little-endian number of 32 bits at `p`.
CK_INLINE uint32_t CK_NAME(word32)(const uint8_t *p) {
    return CK_NAME(word16)(p) | CK_NAME(word16)(p + 2) << 16;
}

/// Sixteen bytes of a grid, from two entries of eight.
CK_INLINE ck_b16 CK_NAME(entries8)(uint64_t low, uint64_t high) {
    const uint64_t entries[2] = {low, high};
    ck_b16 v;
    __builtin_memcpy(&v, entries, sizeof v);
    return v;
}

/// Sixteen bytes of a grid, from four entries of four.
CK_INLINE ck_b16 CK_NAME(entries4)(uint32_t a, uint32_t b, uint32_t c, uint32_t d) {
    return CK_NAME(entries8)(a | (uint64_t)b << 32, c | (uint64_t)d << 32);
}

/// Negates byte j where bit j of `signs` is set.
CK_INLINE ck_b16 CK_NAME(with_signs)(ck_b16 v, uint32_t signs) {
    const uint8_t l = (uint8_t)signs, h = (uint8_t)(signs >> 8);
    const ck_b16 bits = {l, l, l, l, l, l, l, l, h, h, h, h, h, h, h, h};
    const ck_b16 masks = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
    const ck_b16 negative = (ck_b16)((bits & masks) != 0);
    return (v ^ negative) - negative;
}

/// Signs of two groups of eight elements: seven bits each, the eighth makes their number even.
CK_INLINE uint32_t CK_NAME(even_signs)(uint32_t low, uint32_t high) {
    low &= 127, high &= 127;
    low |= (uint32_t)__builtin_parity(low) << 7;
    return low | (high | (uint32_t)__builtin_parity(high) << 7) << 8;
}

CK_INLINE void CK_NAME(decode_iq2_xxs)(const uint8_t *b, float *y) {
    const float d = CK_NAME(half)(b);
    for (int j = 0; j < 8; j++) {
        const uint8_t *q = b + 2 + 8 * j;
        const uint32_t signs = CK_NAME(word32)(q + 4);
        const float scale = d * (0.5f + (float)(signs >> 28)) * 0.25f;
        for (int part = 0; part < 2; part++, q += 2, y += 16) {
            const ck_b16 v = CK_NAME(entries8)(ck_iq2_xxs_grid[q[0]], ck_iq2_xxs_grid[q[1]]);
            const uint32_t s = CK_NAME(even_signs)(signs >> 14 * part, signs >> (14 * part + 7));
            CK_NAME(store)(y, scale * CK_NAME(widen_signed)(CK_NAME(with_signs)(v, s)));
        }
    }
}

CK_INLINE void CK_NAME(decode_iq2_xs)(const uint8_t *b, float *y) {
    const float d = CK_NAME(half)(b);
    const uint8_t *scales = b + 66;
    for (int j = 0; j < 16; j++, y += 16) {
        const uint32_t p = CK_NAME(word16)(b + 2 + 4 * j), q = CK_NAME(word16)(b + 4 + 4 * j);
        const float scale = d * (0.5f + (float)(scales[j / 2] >> j % 2 * 4 & 15)) * 0.25f;
        const ck_b16 v = CK_NAME(entries8)(ck_iq2_xs_grid[p & 511], ck_iq2_xs_grid[q & 511]);
        const uint32_t s = CK_NAME(even_signs)(p >> 9, q >> 9);
        CK_NAME(store)(y, scale * CK_NAME(widen_signed)(CK_NAME(with_signs)(v, s)));
    }
}

CK_INLINE void CK_NAME(decode_iq2_s)(const uint8_t *b, float *y) {
    const float d = CK_NAME(half)(b);
    const uint8_t *q = b + 2, *signs = b + 34, *high = b + 66, *scales = b + 74;
    for (int j = 0; j < 16; j++, q += 2, signs += 2, y += 16) {
        const uint32_t h = high[j / 2] >> j % 2 * 4;
        const float scale = d * (0.5f + (float)(scales[j / 2] >> j % 2 * 4 & 15)) * 0.25f;
        const ck_b16 v = CK_NAME(entries8)(
            ck_iq2_s_grid[q[0] | (h & 3) << 8], ck_iq2_s_grid[q[1] | (h >> 2 & 3) << 8]);
        const ck_b16 codes = CK_NAME(with_signs)(v, CK_NAME(word16)(signs));
        CK_NAME(store)(y, scale * CK_NAME(widen_signed)(codes));
    }
}

CK_INLINE void CK_NAME(decode_iq3_xxs)(const uint8_t *b, float *y) {
    const uint32_t *grid = ck_iq3_xxs_grid;
    const float d = CK_NAME(half)(b);
    const uint8_t *q = b + 2;
    for (int j = 0; j < 8; j++) {
        const uint32_t signs = CK_NAME(word32)(b + 66 + 4 * j);
        const float scale = d * (0.5f + (float)(signs >> 28)) * 0.5f;
        for (int part = 0; part < 2; part++, q += 4, y += 16) {
            const ck_b16 v = CK_NAME(entries4)(grid[q[0]], grid[q[1]], grid[q[2]], grid[q[3]]);
            const uint32_t s = CK_NAME(even_signs)(signs >> 14 * part, signs >> (14 * part + 7));
            CK_NAME(store)(y, scale * CK_NAME(widen_signed)(CK_NAME(with_signs)(v, s)));
        }
    }
}

CK_INLINE void CK_NAME(decode_iq3_s)(const uint8_t *b, float *y) {
    const uint32_t *grid = ck_iq3_s_grid;
    const float d = CK_NAME(half)(b);
    const uint8_t *q = b + 2, *signs = b + 74, *scales = b + 106;
    for (int j = 0; j < 8; j++) {
        const float scale = d * (float)(1 + 2 * (scales[j / 2] >> j % 2 * 4 & 15));
        uint32_t h = b[66 + j];
        for (int part = 0; part < 2; part++, q += 4, signs += 2, y += 16, h >>= 4) {
            const ck_b16 v = CK_NAME(entries4)(
                grid[q[0] | (h & 1) << 8], grid[q[1] | (h >> 1 & 1) << 8],
                grid[q[2] | (h >> 2 & 1) << 8], grid[q[3] | (h >> 3 & 1) << 8]);
            const ck_b16 codes = CK_NAME(with_signs)(v, CK_NAME(word16)(signs));
            CK_NAME(store)(y, scale * CK_NAME(widen_signed)(codes));
        }
    }
}

/// Adds 1/8 to eight levels and to eight more, or takes it from them where bits 0 and 1 of
/// `negative` are set.
CK_INLINE ck_v16 CK_NAME(shifted)(ck_b16 levels, uint32_t negative) {
    const float l = negative & 1 ? -0.125f : 0.125f, h = negative & 2 ? -0.125f : 0.125f;
    const ck_v16 shift = {l, l, l, l, l, l, l, l, h, h, h, h, h, h, h, h};
    return CK_NAME(widen_signed)(levels) + shift;
}

CK_INLINE void CK_NAME(decode_iq1_s)(const uint8_t *b, float *y) {
    const float d = CK_NAME(half)(b);
    const uint8_t *q = b + 2;
    for (int j = 0; j < 8; j++) {
        uint32_t h = CK_NAME(word16)(b + 34 + 2 * j);
        const float scale = d * (float)(2 * (h >> 12 & 7) + 1);
        const uint32_t negative = h >> 15 ? 3 : 0;
        for (int part = 0; part < 2; part++, q += 2, y += 16, h >>= 6) {
            const ck_b16 v = CK_NAME(entries8)(
                ck_iq1_grid[q[0] | (h & 7) << 8], ck_iq1_grid[q[1] | (h >> 3 & 7) << 8]);
            CK_NAME(store)(y, scale * CK_NAME(shifted)(v, negative));
        }
    }
}

CK_INLINE void CK_NAME(decode_iq1_m)(const uint8_t *b, float *y) {
    const uint8_t *q = b, *scales = b + 48;
    uint8_t bits[2];
    bits[0] = (uint8_t)(scales[1] >> 4 | (scales[3] & 0xf0));
    bits[1] = (uint8_t)(scales[5] >> 4 | (scales[7] & 0xf0));
    const float d = CK_NAME(half)(bits);
    for (int j = 0; j < 16; j++, q += 2, y += 16) {
        const uint32_t h = b[32 + j];
        const uint32_t s = CK_NAME(word16)(scales + j / 4 * 2) >> 3 * (j % 4) & 7;
        const ck_b16 v = CK_NAME(entries8)(
            ck_iq1_grid[q[0] | (h & 7) << 8], ck_iq1_grid[q[1] | (h >> 4 & 7) << 8]);
        const uint32_t negative = (h >> 3 & 1) | (h >> 6 & 2);
        CK_NAME(store)(y, d * (float)(2 * s + 1) * CK_NAME(shifted)(v, negative));
    }
}

CK_INLINE void CK_NAME(decode_tq1_0)(const uint8_t *b, float *y) {
    const float d = CK_NAME(half)(b + 52);
    // Five digits to base 3 in a byte, those of elements 32, 16 and at last 4 apart.
    const struct { int first, bytes, digits; } parts[3] = {{0, 32, 5}, {32, 16, 5}, {48, 4, 4}};
    for (int part = 0; part < 3; part++) {
        unsigned power = 1;
        for (int digit = 0; digit < parts[part].digits; digit++, power *= 3)
            for (int j = 0; j < parts[part].bytes; j++) {
                const uint8_t q = (uint8_t)(b[parts[part].first + j] * power);
                *y++ = d * (float)((q * 3 >> 8) - 1);
            }
    }
}

CK_INLINE void CK_NAME(decode_tq2_0)(const uint8_t *b, float *y) {
    const float d = CK_NAME(half)(b + 64);
    for (int half = 0; half < 2; half++)
        for (int pair = 0; pair < 4; pair++)
            for (int part = 0; part < 32; part += 16, y += 16) {
                const ck_b16 codes = CK_NAME(bytes)(b + 32 * half + part) >> 2 * pair & 3;
                CK_NAME(store)(y, d * CK_NAME(widen_signed)(codes - 1));
            }
}

/// Twice the value of each number of 4 bits (E2M1), as signed bytes.
CK_INLINE ck_b16 CK_NAME(fp4_levels)(ck_b16 codes) {
    const ck_c16 table = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};
#if CK_IS_X86_VECTOR
    return (ck_b16)__builtin_ia32_pshufb128((ck_c16)table, (ck_c16)codes);
#else
    ck_b16 levels;
    for (int j = 0; j < 16; j++) levels[j] = (uint8_t)table[codes[j]];
    return levels;
#endif
}

CK_INLINE void CK_NAME(decode_mxfp4)(const uint8_t *b, float *y) {
    // 2^(e - 128), which is subnormal for e below 2.
    const uint32_t bits = b[0] < 2 ? 0x00200000u << b[0] : (uint32_t)(b[0] - 1) << 23;
    float d;
    __builtin_memcpy(&d, &bits, 4);
    const ck_b16 q = CK_NAME(bytes)(b + 1);
    CK_NAME(store)(y, d * CK_NAME(widen_signed)(CK_NAME(fp4_levels)(q & 15)));
    CK_NAME(store)(y + 16, d * CK_NAME(widen_signed)(CK_NAME(fp4_levels)(q >> 4)));
}

CK_INLINE void CK_NAME(decode_nvfp4)(const uint8_t *b, float *y) {
    for (int j = 0; j < 4; j++, y += 16) {
        // Half of an unsigned E4M3 number; 127 is none.
        const int e = b[j] >> 3 & 15, m = b[j] & 7;
        const float power = ck_power_of_two(e == 0 ? -10 : e - 11);
        const float d = b[j] == 127 ? 0 : power * (float)(e == 0 ? m : 8 + m);
        uint64_t q;
        __builtin_memcpy(&q, b + 4 + 8 * j, 8);
        const uint64_t low = q & 0x0f0f0f0f0f0f0f0fu, high = q >> 4 & 0x0f0f0f0f0f0f0f0fu;
        const ck_b16 codes = CK_NAME(entries8)(low, high);
        CK_NAME(store)(y, d * CK_NAME(widen_signed)(CK_NAME(fp4_levels)(codes)));
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
    case CK_IQ2_XXS: CK_BLOCKS(66, 256, decode_iq2_xxs);
    case CK_IQ2_XS: CK_BLOCKS(74, 256, decode_iq2_xs);
    case CK_IQ2_S: CK_BLOCKS(82, 256, decode_iq2_s);
    case CK_IQ3_XXS: CK_BLOCKS(98, 256, decode_iq3_xxs);
    case CK_IQ3_S: CK_BLOCKS(110, 256, decode_iq3_s);
    case CK_IQ1_S: CK_BLOCKS(50, 256, decode_iq1_s);
    case CK_IQ1_M: CK_BLOCKS(56, 256, decode_iq1_m);
    case CK_TQ1_0: CK_BLOCKS(54, 256, decode_tq1_0);
    case CK_TQ2_0: CK_BLOCKS(66, 256, decode_tq2_0);
    case CK_MXFP4: CK_BLOCKS(17, 32, decode_mxfp4);
    case CK_NVFP4: CK_BLOCKS(36, 64, decode_nvfp4);
    }
}

#undef CK_BLOCKS
