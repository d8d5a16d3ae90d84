// SPDX-License-Identifier: Apache-2.0
// Decodes panels of packed weights; included by packed_body.h once per instruction set.

/// Asks for what lies `distance` after `p`, which may be outside all memory.
///
/// A panel is one stream, and the next panel follows it, so this is seldom in vain.
CK_INLINE void CK_NAME(prefetch)(const uint8_t *p, size_t distance) {
    __builtin_prefetch((const void *)((uintptr_t)p + distance));
}

/// Asks for some tokens' activations before they are read: those of many tokens with long rows come
/// from the third cache (128 tokens of 14,336 columns, each a row of its own, one Zen 5 core: Q4_K 505 to
/// 655 Gop/s, Q6_K 343 to 559, Q8_0 236 to 588).
CK_INLINE void CK_NAME(prefetch_tokens)(const ck_activation_block *const *x, size_t tokens) {
    for (size_t t = 0; t < tokens; t++)
#pragma clang loop unroll(full)
        for (size_t i = 0; i < sizeof(ck_activation_block); i += 64)
            CK_NAME(prefetch)((const uint8_t *)x[t], i);
}

CK_INLINE ck_u16 CK_NAME(plane)(const uint8_t *p) {
    ck_u16 v;
    __builtin_memcpy(&v, p, sizeof v);
    return v;
}

/// The level of each code, plus 128 (IQ4) or plus 16 (MXFP4).
CK_INLINE ck_u16 CK_NAME(levels)(ck_format format, ck_u16 codes) {
    static const uint8_t levels[2][16] = {
        {1, 24, 45, 63, 79, 93, 106, 118, 129, 141, 153, 166, 181, 197, 217, 241},
        {16, 17, 18, 19, 20, 22, 24, 28, 16, 15, 14, 13, 12, 10, 8, 4},
    };
    const uint8_t *const table_bytes = levels[format == CK_MXFP4];
#if CK_DOT_512 || CK_DOT_256
    __m128i table;
    __builtin_memcpy(&table, table_bytes, sizeof table);
#endif
#if CK_DOT_512
    return (ck_u16)_mm512_shuffle_epi8(_mm512_broadcast_i32x4(table), (__m512i)codes);
#elif CK_DOT_256
    __m256i parts[2];
    __builtin_memcpy(parts, &codes, 64);
    for (int h = 0; h < 2; h++)
        parts[h] = _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(table), parts[h]);
    __builtin_memcpy(&codes, parts, 64);
    return codes;
#else
    uint8_t bytes[64];
    __builtin_memcpy(bytes, &codes, 64);
    for (int i = 0; i < 64; i++) bytes[i] = table_bytes[bytes[i]];
    __builtin_memcpy(&codes, bytes, 64);
    return codes;
#endif
}

/// Decodes 32 columns of codes to one byte each: eight groups of four columns.
CK_INLINE void CK_NAME(decode_codes)(ck_format format, const uint8_t *p, ck_u16 *codes) {
    const ck_u16 ones = (ck_u16)CK_NAME(splat_int)(0x01010101);
    switch (format) {
    case CK_Q8_0:
#pragma clang loop unroll(full)
        for (int j = 0; j < 8; j++) codes[j] = CK_NAME(plane)(p + 64 * j);
        return;
    case CK_Q4_0: case CK_Q4_1: case CK_Q4_K: case CK_Q5_0: case CK_Q5_1: case CK_Q5_K:
    case CK_Q6_K: case CK_IQ4_NL: case CK_IQ4_XS: case CK_MXFP4: {
        const int fifth = format == CK_Q5_0 || format == CK_Q5_1 || format == CK_Q5_K;
        const int levels =
            format == CK_IQ4_NL || format == CK_IQ4_XS || format == CK_MXFP4;
        ck_u16 high[2] = {ones, ones};
        if (fifth) high[0] = CK_NAME(plane)(p + 256);
        if (format == CK_Q6_K) {
            high[0] = CK_NAME(plane)(p + 256);
            high[1] = CK_NAME(plane)(p + 320);
        }
#pragma clang loop unroll(full)
        for (int j = 0; j < 4; j++) {
            const ck_u16 v = CK_NAME(plane)(p + 64 * j);
            ck_u16 low = v & 15 * ones, top = v >> 4 & 15 * ones;
            if (fifth) {
                low |= high[0] << (4 - j) & 16 * ones;
                top |= (j ? high[0] >> j : high[0]) & 16 * ones;
            }
            if (format == CK_Q6_K) {
                low |= (j < 3 ? high[0] << (4 - 2 * j) : high[0] >> 2) & 48 * ones;
                top |= (j < 3 ? high[1] << (4 - 2 * j) : high[1] >> 2) & 48 * ones;
            }
            codes[j] = levels ? CK_NAME(levels)(format, low) : low;
            codes[j + 4] = levels ? CK_NAME(levels)(format, top) : top;
        }
        return;
    }
    default: {  // Q2_K, Q3_K
        ck_u16 third = ones;
        if (format == CK_Q3_K) third = CK_NAME(plane)(p + 128);
#pragma clang loop unroll(full)
        for (int j = 0; j < 8; j++) {
            ck_u16 v = CK_NAME(plane)(p + 64 * (j / 4)) >> 2 * (j % 4) & 3 * ones;
            if (format == CK_Q3_K) v |= (j < 2 ? third << (2 - j) : third >> (j - 2)) & 4 * ones;
            codes[j] = v;
        }
    }
    }
}

CK_INLINE ck_v16 CK_NAME(halves)(const uint8_t *p) {
#if CK_DOT_512 || CK_DOT_256
    ck_h16 h;
    __builtin_memcpy(&h, p, sizeof h);
    return __builtin_convertvector(h, ck_v16);
#else
    ck_v16 v;
    for (int r = 0; r < 16; r++) v[r] = ck_half(p + 2 * r);
    return v;
#endif
}

CK_INLINE ck_i16 CK_NAME(unsigned_bytes)(const uint8_t *p) {
    ck_b16 b;
    __builtin_memcpy(&b, p, sizeof b);
    return __builtin_convertvector(b, ck_i16);
}

CK_INLINE ck_i16 CK_NAME(signed_bytes)(const uint8_t *p) {
    ck_sb16 b;
    __builtin_memcpy(&b, p, sizeof b);
    return __builtin_convertvector(b, ck_i16);
}

/// The scales of 32 columns, part `part` of a block of a type with a scale for each 32.
CK_INLINE ck_v16 CK_NAME(part_scale)(ck_format format, const uint8_t *header, size_t part) {
    if (format != CK_MXFP4) return CK_NAME(halves)(header + 32 * part);
    // 2^(e - 128), which is subnormal for e below 2.
    const ck_i16 e = CK_NAME(unsigned_bytes)(header + 16 * part);
    const ck_i16 small = e < 2, plain = (e - 1) << 23;
    const ck_i16 subnormal = CK_NAME(splat_int)(0x200000) << (e & 1);
    return (ck_v16)((small & subnormal) | (~small & plain));
}

CK_INLINE void CK_NAME(store_int)(int32_t *p, ck_i16 v) { __builtin_memcpy(p, &v, sizeof v); }

CK_INLINE ck_i16 CK_NAME(load_ints)(const int32_t *p) {
    ck_i16 v;
    __builtin_memcpy(&v, p, sizeof v);
    return v;
}

/// The scales of sub-block `j` of a 256-column block.
CK_INLINE ck_i16 CK_NAME(scale)(ck_format format, const uint8_t *header, int j) {
    switch (format) {
    case CK_Q4_K: case CK_Q5_K: return CK_NAME(unsigned_bytes)(header + 64 + 16 * j);
    case CK_Q2_K: return CK_NAME(unsigned_bytes)(header + 64 + 16 * j) & 15;
    case CK_Q3_K: {
        const ck_i16 low = CK_NAME(unsigned_bytes)(header + 32 + 16 * (j % 8)) >> j / 8 * 4 & 15;
        const ck_i16 high =
            CK_NAME(unsigned_bytes)(header + 160 + 16 * (j % 4)) >> j / 4 * 2 & 3;
        return (low | high << 4) - 32;
    }
    default: return CK_NAME(signed_bytes)(header + 32 + 16 * j);
    }
}

/// The minimums of sub-blocks 2 i and 2 i + 1, as halves.
CK_INLINE ck_i16 CK_NAME(minimum_pair)(ck_format format, const uint8_t *header, int i) {
    if (format == CK_Q2_K)
        return CK_NAME(unsigned_bytes)(header + 64 + 32 * i) >> 4
            | CK_NAME(unsigned_bytes)(header + 80 + 32 * i) >> 4 << 16;
    return CK_NAME(unsigned_bytes)(header + 192 + 32 * i)
        | CK_NAME(unsigned_bytes)(header + 208 + 32 * i) << 16;
}

/// How many pairs of minimums a 256-column block has.
CK_INLINE int CK_NAME(minimum_pair_count)(ck_format format) {
    return format == CK_Q2_K ? 8 : format == CK_Q4_K || format == CK_Q5_K ? 4 : 0;
}

/// How many columns share a scale in a 256-column block.
CK_INLINE int CK_NAME(scale_width)(ck_format format) {
    return format == CK_Q2_K || format == CK_Q3_K || format == CK_Q6_K ? 16 : 32;
}

/// How many bits a code has.
CK_INLINE int CK_NAME(code_bits)(ck_format format) {
    switch (format) {
    case CK_Q2_K: return 2;
    case CK_Q3_K: return 3;
    case CK_Q5_0: case CK_Q5_1: case CK_Q5_K: case CK_MXFP4: return 5;
    case CK_Q6_K: return 6;
    case CK_Q8_0: case CK_IQ4_NL: case CK_IQ4_XS: return 8;
    default: return 4;
    }
}

/// By how many bits the negated sums of activations are shifted to correct for the codes' offset.
CK_INLINE int CK_NAME(offset_shift)(ck_format format) {
    switch (format) {
    case CK_Q3_K: return 2;
    case CK_Q4_0: return 3;
    case CK_Q5_0: case CK_MXFP4: return 4;
    case CK_Q6_K: return 5;
    // Where bytes are multiplied by pairs they become signed instead: 16 bits hold no more.
    case CK_Q8_0: case CK_IQ4_NL: case CK_IQ4_XS: return CK_DOT_PAIRS ? 0 : 7;
    default: return 0;
    }
}

/// Decodes the header of a 256-column block.
CK_INLINE void CK_NAME(decode_scales)(ck_format format, const uint8_t *p, ck_decoded *w) {
    CK_NAME(store)(w->d[0], CK_NAME(halves)(p));
    if (CK_NAME(minimum_pair_count)(format)) CK_NAME(store)(w->m[0], CK_NAME(halves)(p + 32));
#pragma clang loop unroll(full)
    for (int j = 0; j < 256 / CK_NAME(scale_width)(format); j++)
        CK_NAME(store_int)(w->scales[j], CK_NAME(scale)(format, p, j));
#pragma clang loop unroll(full)
    for (int i = 0; i < CK_NAME(minimum_pair_count)(format); i++)
        CK_NAME(store_int)(w->minimums[i], CK_NAME(minimum_pair)(format, p, i));
}

/// Decodes up to 256 columns of each strip of a panel.
///
/// - Returns: where the panel's next block begins.
CK_INLINE const uint8_t *CK_NAME(decode)(
    ck_format format, const uint8_t *p, size_t strips, size_t columns, ck_decoded *w) {
    const ck_packing packing = ck_packing_of(format);
    for (size_t k = 0; k < columns; k += packing.columns) {
        const size_t width = columns - k < packing.columns ? columns - k : packing.columns;
        for (size_t strip = 0; strip < strips; strip++) {
            ck_decoded *const to = w + strip;
            if (packing.columns == 256) {
                CK_NAME(decode_scales)(format, p, to);
            } else {
                for (size_t part = 0; part < packing.columns / 32; part++) {
                    CK_NAME(store)(
                        to->d[k / 32 + part], CK_NAME(part_scale)(format, p, part));
                    if (packing.header_bytes == 128)
                        CK_NAME(store)(to->m[k / 32 + part], CK_NAME(halves)(p + 64 + 32 * part));
                }
            }
            p += packing.header_bytes;
            for (size_t c = 0; c < width; c += 32, p += packing.code_bytes) {
                ck_u16 codes[8];
                CK_NAME(decode_codes)(format, p, codes);
                __builtin_memcpy(to->codes + 16 * (k + c), codes, sizeof codes);
            }
        }
    }
    return p;
}
