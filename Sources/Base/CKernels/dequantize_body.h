// SPDX-License-Identifier: Apache-2.0
// Decoding of element formats to f32, included by dequantize.c once per instruction set.
//
// Plain loops that the compiler vectorises for the target at hand. Only element-wise products and
// sums occur, never contracted, so every variant gives the same bits. Layouts: the types of the
// same names in Quantization.

CK_INLINE void CK_NAME(decode_f16)(const uint8_t *b, float *y, size_t count) {
    for (size_t k = 0; k < count; k++) {
        uint16_t h;
        __builtin_memcpy(&h, b + 2 * k, 2);
        y[k] = ck_f16(h);
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
    const float d = ck_f16_at(b);
    const int8_t *q = (const int8_t *)b + 2;
    for (int j = 0; j < 32; j++) y[j] = (float)q[j] * d;
}

CK_INLINE void CK_NAME(decode_q4_0)(const uint8_t *b, float *y) {
    const float d = ck_f16_at(b);
    for (int j = 0; j < 16; j++) {
        y[j] = (float)((b[2 + j] & 15) - 8) * d;
        y[j + 16] = (float)((b[2 + j] >> 4) - 8) * d;
    }
}

CK_INLINE void CK_NAME(decode_q4_1)(const uint8_t *b, float *y) {
    const float d = ck_f16_at(b), m = ck_f16_at(b + 2);
    for (int j = 0; j < 16; j++) {
        y[j] = (float)(b[4 + j] & 15) * d + m;
        y[j + 16] = (float)(b[4 + j] >> 4) * d + m;
    }
}

CK_INLINE void CK_NAME(decode_q5_0)(const uint8_t *b, float *y) {
    const float d = ck_f16_at(b);
    uint32_t high;
    __builtin_memcpy(&high, b + 2, 4);
    for (int j = 0; j < 16; j++) {
        const int low = (b[6 + j] & 15) | (int)(high >> j & 1) << 4;
        const int up = (b[6 + j] >> 4) | (int)(high >> (j + 16) & 1) << 4;
        y[j] = (float)(low - 16) * d;
        y[j + 16] = (float)(up - 16) * d;
    }
}

CK_INLINE void CK_NAME(decode_q5_1)(const uint8_t *b, float *y) {
    const float d = ck_f16_at(b), m = ck_f16_at(b + 2);
    uint32_t high;
    __builtin_memcpy(&high, b + 4, 4);
    for (int j = 0; j < 16; j++) {
        const int low = (b[8 + j] & 15) | (int)(high >> j & 1) << 4;
        const int up = (b[8 + j] >> 4) | (int)(high >> (j + 16) & 1) << 4;
        y[j] = (float)low * d + m;
        y[j + 16] = (float)up * d + m;
    }
}

CK_INLINE void CK_NAME(decode_iq4_nl)(const uint8_t *b, float *y) {
    const float d = ck_f16_at(b);
    for (int j = 0; j < 16; j++) {
        y[j] = d * ck_iq4_levels[b[2 + j] & 15];
        y[j + 16] = d * ck_iq4_levels[b[2 + j] >> 4];
    }
}

CK_INLINE void CK_NAME(decode_q2_k)(const uint8_t *b, float *y) {
    const uint8_t *scales = b, *q = b + 16;
    const float d = ck_f16_at(b + 80), minimum = ck_f16_at(b + 82);
    for (int half = 0; half < 2; half++, q += 32)
        for (int pair = 0; pair < 4; pair++)
            for (int part = 0; part < 2; part++, scales++, y += 16) {
                const float scale = d * (float)(*scales & 15);
                const float offset = minimum * (float)(*scales >> 4);
                for (int j = 0; j < 16; j++)
                    y[j] = scale * (float)(q[16 * part + j] >> 2 * pair & 3) - offset;
            }
}

CK_INLINE void CK_NAME(decode_q3_k)(const uint8_t *b, float *y) {
    const uint8_t *high = b, *q = b + 32, *packed = b + 96;
    const float d = ck_f16_at(b + 108);
    int8_t scales[16];
    for (int j = 0; j < 16; j++) {
        const int low = j < 8 ? packed[j] & 15 : packed[j - 8] >> 4;
        scales[j] = (int8_t)((low | (packed[8 + j % 4] >> 2 * (j / 4) & 3) << 4) - 32);
    }
    const int8_t *scale = scales;
    for (int half = 0; half < 2; half++, q += 32)
        for (int pair = 0; pair < 4; pair++)
            for (int part = 0; part < 2; part++, y += 16) {
                const float s = d * (float)*scale++;
                const int bit = 4 * half + pair;
                for (int j = 0; j < 16; j++) {
                    const int k = 16 * part + j;
                    const int code = (q[k] >> 2 * pair & 3) - ((high[k] >> bit & 1) ? 0 : 4);
                    y[j] = s * (float)code;
                }
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
    const float d = ck_f16_at(b), minimum = ck_f16_at(b + 2);
    const uint8_t *q = b + 16;
    for (int j = 0; j < 8; j++, y += 32) {
        int s, m;
        CK_NAME(scale_and_minimum)(b + 4, j, &s, &m);
        const float scale = d * (float)s, offset = minimum * (float)m;
        const int shift = j % 2 * 4;
        for (int k = 0; k < 32; k++) y[k] = scale * (float)(q[k] >> shift & 15) - offset;
        if (j % 2) q += 32;
    }
}

CK_INLINE void CK_NAME(decode_q5_k)(const uint8_t *b, float *y) {
    const float d = ck_f16_at(b), minimum = ck_f16_at(b + 2);
    const uint8_t *high = b + 16, *q = b + 48;
    for (int j = 0; j < 8; j++, y += 32) {
        int s, m;
        CK_NAME(scale_and_minimum)(b + 4, j, &s, &m);
        const float scale = d * (float)s, offset = minimum * (float)m;
        const int shift = j % 2 * 4;
        for (int k = 0; k < 32; k++) {
            const int code = (q[k] >> shift & 15) | (high[k] >> j & 1) << 4;
            y[k] = scale * (float)code - offset;
        }
        if (j % 2) q += 32;
    }
}

CK_INLINE void CK_NAME(decode_q6_k)(const uint8_t *b, float *y) {
    const uint8_t *low = b, *high = b + 128;
    const int8_t *scales = (const int8_t *)b + 192;
    const float d = ck_f16_at(b + 208);
    for (int half = 0; half < 2; half++, low += 64, high += 32, scales += 8, y += 128)
        for (int quarter = 0; quarter < 4; quarter++) {
            const uint8_t *q = low + quarter % 2 * 32;
            const int shift = quarter / 2 * 4;
            for (int part = 0; part < 2; part++) {
                const float s = d * (float)scales[2 * quarter + part];
                for (int j = 0; j < 16; j++) {
                    const int k = 16 * part + j;
                    const int code = (q[k] >> shift & 15) | (high[k] >> 2 * quarter & 3) << 4;
                    y[32 * quarter + k] = s * (float)(code - 32);
                }
            }
        }
}

CK_INLINE void CK_NAME(decode_iq4_xs)(const uint8_t *b, float *y) {
    const float d = ck_f16_at(b);
    const int high = b[2] | b[3] << 8;
    const uint8_t *low = b + 4, *q = b + 8;
    for (int j = 0; j < 8; j++, q += 16, y += 32) {
        const int s = (low[j / 2] >> j % 2 * 4 & 15) | (high >> 2 * j & 3) << 4;
        const float scale = d * (float)(s - 32);
        for (int k = 0; k < 16; k++) {
            y[k] = scale * ck_iq4_levels[q[k] & 15];
            y[k + 16] = scale * ck_iq4_levels[q[k] >> 4];
        }
    }
}

#define CK_BLOCKS(bytes, elements, decode) \
    for (size_t k = 0; k < count; k += elements, b += bytes, y += elements) CK_NAME(decode)(b, y); \
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
