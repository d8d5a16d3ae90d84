// SPDX-License-Identifier: Apache-2.0
// Products with packed weights, included by packed.c once per instruction set; see ck_packed.h.
//
// A block of a panel's weights is decoded to bytes that stay in the first cache, with its scales as
// whole vectors; then a few tokens at a time pass over it. A tile keeps the sums of CK_TILE_STRIPS
// strips by CK_TILE_TOKENS tokens in registers. Between blocks the sums wait in `sums`.
#include "lanes.h"

// The scalar twins of the products are functions of their own: inlined everywhere they would take a
// megabyte of code.
#if CK_DOT_256 || CK_DOT_512
#define CK_DOT_INLINE CK_INLINE
#else
#define CK_DOT_INLINE static __attribute__((noinline))
#endif

// Without VNNI there is a product of bytes that sums pairs in 16 bits.
#define CK_DOT_PAIRS ((CK_DOT_512 || CK_DOT_256) && !CK_DOT_VNNI)

#if CK_DOT_PAIRS
#if CK_DOT_512
#define CK_INTS __m512i
#define CK_MM(operation) _mm512_##operation
#else
#define CK_INTS __m256i
#define CK_MM(operation) _mm256_##operation
#endif
#define CK_PARTS (64 / (int)sizeof(CK_INTS))

/// The products of codes with activations, summed by pairs.
///
/// - magnitudes: of the codes, where these are signed; otherwise NULL.
CK_INLINE CK_INTS CK_NAME(pair_products)(CK_INTS codes, const CK_INTS *magnitudes, CK_INTS y) {
    if (!magnitudes) return CK_MM(maddubs_epi16)(codes, y);
#if CK_DOT_512
    y = _mm512_mask_sub_epi8(y, _mm512_movepi8_mask(codes), _mm512_setzero_si512(), y);
#else
    y = _mm256_sign_epi8(y, codes);
#endif
    return CK_MM(maddubs_epi16)(*magnitudes, y);
}
#else
/// acc[r] += the products of four codes of each row with four activations.
CK_DOT_INLINE ck_i16 CK_NAME(dot)(ck_i16 acc, ck_u16 codes, int32_t y) {
#if CK_DOT_512
    return (ck_i16)_mm512_dpbusd_epi32((__m512i)acc, (__m512i)codes, _mm512_set1_epi32(y));
#elif CK_DOT_256
    __m256i sums[2], parts[2];
    __builtin_memcpy(sums, &acc, 64);
    __builtin_memcpy(parts, &codes, 64);
    const __m256i four = _mm256_set1_epi32(y);
#pragma clang loop unroll(full)
    for (int h = 0; h < 2; h++) sums[h] = _mm256_dpbusd_avx_epi32(sums[h], parts[h], four);
    __builtin_memcpy(&acc, sums, 64);
    return acc;
#else
    for (int k = 0; k < 4; k++)
        acc += (ck_i16)(codes >> 8 * k & 255) * (int32_t)(int8_t)((uint32_t)y >> 8 * k);
    return acc;
#endif
}
#endif

/// acc[r] += the products of two 16-bit numbers of each row with two of the activations.
CK_DOT_INLINE ck_i16 CK_NAME(dot_pairs)(ck_i16 acc, ck_i16 pairs, int32_t y) {
#if CK_DOT_512 && CK_DOT_VNNI
    return (ck_i16)_mm512_dpwssd_epi32((__m512i)acc, (__m512i)pairs, _mm512_set1_epi32(y));
#elif CK_DOT_512
    return acc + (ck_i16)_mm512_madd_epi16((__m512i)pairs, _mm512_set1_epi32(y));
#elif CK_DOT_256
    __m256i parts[2];
    __builtin_memcpy(parts, &pairs, 64);
#pragma clang loop unroll(full)
    for (int h = 0; h < 2; h++) parts[h] = _mm256_madd_epi16(parts[h], _mm256_set1_epi32(y));
    __builtin_memcpy(&pairs, parts, 64);
    return acc + pairs;
#else
    for (int r = 0; r < 16; r++)
        acc[r] += (int16_t)pairs[r] * (int16_t)y
            + (int16_t)((uint32_t)pairs[r] >> 16) * (int16_t)((uint32_t)y >> 16);
    return acc;
#endif
}

CK_INLINE int32_t CK_NAME(load_int)(const void *p) {
    int32_t v;
    __builtin_memcpy(&v, p, sizeof v);
    return v;
}

CK_INLINE ck_i16 CK_NAME(splat_int)(int32_t x) {
    return (ck_i16){x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x};
}

CK_INLINE ck_v16 CK_NAME(to_float)(ck_i16 x) { return __builtin_convertvector(x, ck_v16); }

// MARK: Decoding

/// Asks for what lies `distance` after `p`, which may be outside all memory.
///
/// A panel is one stream, and the next panel follows it, so this is seldom in vain.
CK_INLINE void CK_NAME(prefetch)(const uint8_t *p, size_t distance) {
    __builtin_prefetch((const void *)((uintptr_t)p + distance));
}

CK_INLINE ck_u16 CK_NAME(plane)(const uint8_t *p) {
    ck_u16 v;
    __builtin_memcpy(&v, p, sizeof v);
    return v;
}

/// The level of each IQ4 code, plus 128.
CK_INLINE ck_u16 CK_NAME(iq4_levels)(ck_u16 codes) {
#if CK_DOT_512 || CK_DOT_256
    const __m128i table =
        _mm_setr_epi8(1, 24, 45, 63, 79, 93, 106, 118, (char)129, (char)141, (char)153, (char)166,
                      (char)181, (char)197, (char)217, (char)241);
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
    static const uint8_t table[16] = {
        1, 24, 45, 63, 79, 93, 106, 118, 129, 141, 153, 166, 181, 197, 217, 241};
    uint8_t bytes[64];
    __builtin_memcpy(bytes, &codes, 64);
    for (int i = 0; i < 64; i++) bytes[i] = table[bytes[i]];
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
    case CK_Q6_K: case CK_IQ4_NL: case CK_IQ4_XS: {
        const int fifth = format == CK_Q5_0 || format == CK_Q5_1 || format == CK_Q5_K;
        const int levels = format == CK_IQ4_NL || format == CK_IQ4_XS;
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
            codes[j] = levels ? CK_NAME(iq4_levels)(low) : low;
            codes[j + 4] = levels ? CK_NAME(iq4_levels)(top) : top;
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
    case CK_Q5_0: case CK_Q5_1: case CK_Q5_K: return 5;
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
    case CK_Q5_0: return 4;
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
                for (size_t part = 0; part < 2; part++) {
                    CK_NAME(store)(to->d[k / 32 + part], CK_NAME(halves)(p + 32 * part));
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

// MARK: Sums

/// Where the integer sums of 32 columns begin: at what corrects the codes' offset.
CK_INLINE ck_i16 CK_NAME(first32)(ck_format format, const ck_activation_block *x, size_t b) {
    const int shift = CK_NAME(offset_shift)(format);
    return shift ? CK_NAME(splat_int)(x->by32.negated_sums[b]) << shift : CK_NAME(splat_int)(0);
}

/// The same for sub-block `j` of a 256-column block.
CK_INLINE ck_i16 CK_NAME(first256)(ck_format format, const ck_activation_block *x, int j) {
    const int shift = CK_NAME(offset_shift)(format);
    const int32_t *const negated = x->by256.negated_sums;
    if (!shift) return CK_NAME(splat_int)(0);
    if (CK_NAME(scale_width)(format) == 16) return CK_NAME(splat_int)(negated[j]) << shift;
    return (CK_NAME(splat_int)(negated[2 * j]) + CK_NAME(splat_int)(negated[2 * j + 1])) << shift;
}

/// Adds the integer sums of 32 columns to the sum of a token.
CK_INLINE ck_v16 CK_NAME(add32)(
    ck_format format, ck_i16 products, ck_v16 d, ck_v16 m, const ck_activation_block *x, size_t b,
    ck_v16 sum) {
    sum = CK_NAME(fma)(
        CK_NAME(to_float)(products), d * CK_NAME(splat)(x->by32.scales[b]), sum);
    if (format == CK_Q4_1 || format == CK_Q5_1)
        sum = CK_NAME(fma)(m, CK_NAME(splat)(x->by32.scaled_sums[b]), sum);
    return sum;
}

/// Adds the integer sums of a 256-column block, scaled by sub-block, to the sum of a token.
CK_INLINE ck_v16 CK_NAME(add256)(
    ck_format format, ck_i16 products, ck_v16 d, ck_v16 m, const ck_i16 *minimums,
    const ck_activation_block *x, ck_v16 sum) {
    const int pairs = CK_NAME(minimum_pair_count)(format);
    const ck_v16 scale = CK_NAME(splat)(x->by256.scale);
    sum = CK_NAME(fma)(CK_NAME(to_float)(products), d * scale, sum);
    if (pairs) {
        const int16_t *const sums = pairs == 4 ? x->by256.sums32 : x->by256.sums16;
        ck_i16 minimum = CK_NAME(splat_int)(0);
#pragma clang loop unroll(full)
        for (int i = 0; i < pairs; i++)
            minimum =
                CK_NAME(dot_pairs)(minimum, minimums[i], CK_NAME(load_int)(sums + 2 * i));
        sum = CK_NAME(fma)(CK_NAME(to_float)(minimum), -m * scale, sum);
    }
    return sum;
}

// MARK: Tiles

/// Adds the products of groups of four columns from column `k` on.
///
/// - codes: the first group; those of the next strip are `strip_bytes` away.
CK_INLINE void CK_NAME(add_groups)(
    ck_format format, int strips, int tokens, int groups, const void *codes, size_t strip_bytes,
    const ck_activation_block *const *x, size_t k, ck_i16 *acc) {
#if CK_DOT_PAIRS
    // So many sums of pairs fit into 16 bits: the largest code decides.
    const int bits = CK_NAME(code_bits)(format);
    const int fit = bits <= 4 ? 8 : bits == 5 ? 4 : bits == 6 ? 2 : 1;
    const int depth = fit < groups ? fit : groups;
#pragma clang loop unroll(full)
    for (int first = 0; first < groups; first += depth) {
        CK_INTS sums[CK_TILE_SUMS][CK_PARTS];
#pragma clang loop unroll(full)
        for (int g = first; g < first + depth; g++)
#pragma clang loop unroll(full)
            for (int i = 0; i < CK_PARTS * strips; i++) {
                const int s = i / CK_PARTS, part = i % CK_PARTS;
                CK_INTS v, magnitudes;
                __builtin_memcpy(
                    &v, (const uint8_t *)codes + strip_bytes * (size_t)s + 64 * (size_t)g
                        + sizeof v * (size_t)part, sizeof v);
                if (bits == 8) v ^= CK_MM(set1_epi8)((char)128);
                magnitudes = CK_MM(abs_epi8)(v);
#pragma clang loop unroll(full)
                for (int t = 0; t < tokens; t++) {
                    const CK_INTS products = CK_NAME(pair_products)(
                        v, bits == 8 ? &magnitudes : NULL,
                        CK_MM(set1_epi32)(CK_NAME(load_int)(x[t]->codes + k + 4 * (size_t)g)));
                    CK_INTS *const sum = &sums[t * strips + s][part];
                    *sum = g == first ? products : CK_MM(add_epi16)(*sum, products);
                }
            }
#pragma clang loop unroll(full)
        for (int i = 0; i < strips * tokens; i++) {
            CK_INTS parts[CK_PARTS];
            __builtin_memcpy(parts, &acc[i], 64);
#pragma clang loop unroll(full)
            for (int h = 0; h < CK_PARTS; h++)
                parts[h] = CK_MM(add_epi32)(
                    parts[h], CK_MM(madd_epi16)(sums[i][h], CK_MM(set1_epi16)(1)));
            __builtin_memcpy(&acc[i], parts, 64);
        }
    }
#else
    (void)format;
#pragma clang loop unroll(full)
    for (int g = 0; g < groups; g++) {
        ck_u16 v[CK_TILE_STRIPS];
#pragma clang loop unroll(full)
        for (int s = 0; s < strips; s++)
            __builtin_memcpy(
                &v[s], (const uint8_t *)codes + strip_bytes * (size_t)s + 64 * (size_t)g, 64);
#pragma clang loop unroll(full)
        for (int t = 0; t < tokens; t++) {
            const int32_t y = CK_NAME(load_int)(x[t]->codes + k + 4 * g);
#pragma clang loop unroll(full)
            for (int s = 0; s < strips; s++)
                acc[t * strips + s] = CK_NAME(dot)(acc[t * strips + s], v[s], y);
        }
    }
#endif
}

/// Where the sum of strip `i % strips` and token `i / strips` waits.
#define CK_SUM(i) (sums + ((i) / strips * CK_PANEL_STRIPS + (i) % strips) * CK_LANES)

/// Adds `columns` columns, at most 256, of types with a scale per 32.
CK_INLINE void CK_NAME(tile32)(
    ck_format format, int strips, int tokens, size_t columns, const ck_decoded *w,
    const ck_activation_block *const *x, float *sums) {
    ck_v16 sum[CK_TILE_SUMS];
#pragma clang loop unroll(full)
    for (int i = 0; i < strips * tokens; i++) sum[i] = CK_NAME(load)(CK_SUM(i));
    for (size_t b = 0; b < columns / 32; b++) {
        ck_i16 acc[CK_TILE_SUMS];
#pragma clang loop unroll(full)
        for (int i = 0; i < strips * tokens; i++)
            acc[i] = CK_NAME(first32)(format, x[i / strips], b);
        CK_NAME(add_groups)(
            format, strips, tokens, 8, w->codes + 512 * b, sizeof *w, x, 32 * b, acc);
#pragma clang loop unroll(full)
        for (int i = 0; i < strips * tokens; i++)
            sum[i] = CK_NAME(add32)(
                format, acc[i], CK_NAME(load)(w[i % strips].d[b]),
                CK_NAME(load)(w[i % strips].m[b]), x[i / strips], b, sum[i]);
    }
#pragma clang loop unroll(full)
    for (int i = 0; i < strips * tokens; i++) CK_NAME(store)(CK_SUM(i), sum[i]);
}

/// Adds 256 columns of types with integer scales of sub-blocks.
CK_INLINE void CK_NAME(tile256)(
    ck_format format, int strips, int tokens, const ck_decoded *w,
    const ck_activation_block *const *x, float *sums) {
    const int width = CK_NAME(scale_width)(format);
    ck_i16 sum[CK_TILE_SUMS];
#pragma clang loop unroll(full)
    for (int i = 0; i < strips * tokens; i++) sum[i] = CK_NAME(splat_int)(0);
    for (int j = 0; j < 256 / width; j++) {
        ck_i16 acc[CK_TILE_SUMS];
#pragma clang loop unroll(full)
        for (int i = 0; i < strips * tokens; i++)
            acc[i] = CK_NAME(first256)(format, x[i / strips], j);
        CK_NAME(add_groups)(
            format, strips, tokens, width / 4, w->codes + 16 * width * j, sizeof *w, x,
            (size_t)(width * j), acc);
#pragma clang loop unroll(full)
        for (int i = 0; i < strips * tokens; i++)
            sum[i] += acc[i] * CK_NAME(load_ints)(w[i % strips].scales[j]);
    }
#pragma clang loop unroll(full)
    for (int i = 0; i < strips * tokens; i++) {
        ck_i16 minimums[8];
#pragma clang loop unroll(full)
        for (int pair = 0; pair < CK_NAME(minimum_pair_count)(format); pair++)
            minimums[pair] = CK_NAME(load_ints)(w[i % strips].minimums[pair]);
        CK_NAME(store)(
            CK_SUM(i),
            CK_NAME(add256)(
                format, sum[i], CK_NAME(load)(w[i % strips].d[0]),
                CK_NAME(load)(w[i % strips].m[0]), minimums, x[i / strips],
                CK_NAME(load)(CK_SUM(i))));
    }
}

#undef CK_SUM

CK_INLINE void CK_NAME(tile)(
    ck_format format, int strips, int tokens, size_t columns, const ck_decoded *w,
    const ck_activation_block *const *x, float *sums) {
    if (ck_packing_of(format).columns == 256)
        CK_NAME(tile256)(format, strips, tokens, w, x, sums);
    else
        CK_NAME(tile32)(format, strips, tokens, columns, w, x, sums);
}

#define CK_TILE_CASE(strips, tokens) \
    case tokens: CK_NAME(tile)(format, strips, tokens, columns, w + s, x + t, \
                               sums + (t * CK_PANEL_STRIPS + s) * CK_LANES); break

/// Adds a decoded block to the sums of all tokens, and asks for the next block meanwhile.
CK_INLINE void CK_NAME(add_decoded)(
    ck_format format, size_t strip_count, size_t token_count, size_t columns, const ck_decoded *w,
    const ck_activation_block *const *x, float *sums, const uint8_t *next, size_t next_bytes) {
    const size_t share = next_bytes * CK_TILE_TOKENS / token_count + 64;
    size_t s = 0;
    for (; s + CK_TILE_STRIPS <= strip_count; s += CK_TILE_STRIPS)
        for (size_t t = 0; t < token_count; t += CK_TILE_TOKENS) {
            if (s == 0) {
                for (size_t i = 0; i < share; i += 64) CK_NAME(prefetch)(next + i, 0);
                next += share;
            }
            switch (token_count - t) {
                CK_TILE_CASE(CK_TILE_STRIPS, 1);
#if CK_TILE_TOKENS > 2
                CK_TILE_CASE(CK_TILE_STRIPS, 2);
#endif
            default:
                CK_NAME(tile)(
                    format, CK_TILE_STRIPS, CK_TILE_TOKENS, columns, w + s, x + t,
                    sums + (t * CK_PANEL_STRIPS + s) * CK_LANES);
            }
        }
    for (; s < strip_count; s++)
        for (size_t t = 0; t < token_count; t++)
            CK_NAME(tile)(
                format, 1, 1, columns, w + s, x + t, sums + (t * CK_PANEL_STRIPS + s) * CK_LANES);
}

#undef CK_TILE_CASE

// MARK: A few tokens

/// Bytes of `columns` columns of one strip, at most 256.
CK_INLINE size_t CK_NAME(block_bytes)(ck_format format, size_t columns) {
    const ck_packing packing = ck_packing_of(format);
    return columns / packing.columns * ck_packed_block_bytes(packing, packing.columns)
        + (columns % packing.columns
               ? ck_packed_block_bytes(packing, columns % packing.columns) : 0);
}

/// Adds 32 columns of one strip, from its codes as they are packed.
CK_INLINE void CK_NAME(stream32)(
    ck_format format, int tokens, const uint8_t *codes, const ck_activation_block *const *x,
    size_t k, ck_v16 d, ck_v16 m, ck_v16 *sum) {
    ck_u16 groups[8];
    CK_NAME(decode_codes)(format, codes, groups);
#pragma clang loop unroll(full)
    for (int t = 0; t < tokens; t++) {
        ck_i16 acc = CK_NAME(first32)(format, x[t], k / 32);
        CK_NAME(add_groups)(format, 1, 1, 8, groups, 0, x + t, k, &acc);
        sum[t] = CK_NAME(add32)(format, acc, d, m, x[t], k / 32, sum[t]);
    }
}

/// Adds a 256-column block of one strip.
CK_INLINE void CK_NAME(stream256)(
    ck_format format, int tokens, const uint8_t *p,
    const ck_activation_block *const *x, ck_v16 *sum) {
    const ck_packing packing = ck_packing_of(format);
    const int width = CK_NAME(scale_width)(format);
    const size_t bytes = ck_packed_block_bytes(packing, 256);
    ck_i16 products[CK_STREAM_TOKENS];
#pragma clang loop unroll(full)
    for (int t = 0; t < tokens; t++) products[t] = CK_NAME(splat_int)(0);
    for (int b = 0; b < 8; b++) {
        ck_u16 groups[8];
#pragma clang loop unroll(full)
        for (size_t i = 0; i < (bytes + 511) / 512; i++)
            CK_NAME(prefetch)(p + 64 * ((size_t)b + 8 * i), CK_PREFETCH_BYTES);
        CK_NAME(decode_codes)(format, p + packing.header_bytes + b * packing.code_bytes, groups);
#pragma clang loop unroll(full)
        for (int part = 0; part < 32 / width; part++) {
            const int j = b * 32 / width + part;
            const ck_i16 scale = CK_NAME(scale)(format, p, j);
#pragma clang loop unroll(full)
            for (int t = 0; t < tokens; t++) {
                ck_i16 acc = CK_NAME(first256)(format, x[t], j);
                CK_NAME(add_groups)(
                    format, 1, 1, width / 4, groups + part * width / 4, 0, x + t,
                    (size_t)(width * j), &acc);
                products[t] += acc * scale;
            }
        }
    }
    ck_i16 minimums[8];
#pragma clang loop unroll(full)
    for (int i = 0; i < CK_NAME(minimum_pair_count)(format); i++)
        minimums[i] = CK_NAME(minimum_pair)(format, p, i);
    const ck_v16 d = CK_NAME(halves)(p), m = CK_NAME(halves)(p + 32);
#pragma clang loop unroll(full)
    for (int t = 0; t < tokens; t++)
        sum[t] = CK_NAME(add256)(format, products[t], d, m, minimums, x[t], sum[t]);
}

/// Adds up to 256 columns of each strip of a panel for so few tokens that their codes need not be
/// kept.
CK_INLINE void CK_NAME(stream)(
    ck_format format, int tokens, const uint8_t *p, size_t strips, size_t columns,
    const ck_activation_block *const *x, float *sums) {
    const ck_packing packing = ck_packing_of(format);
    for (size_t k = 0; k < columns; k += packing.columns) {
        const size_t width = columns - k < packing.columns ? columns - k : packing.columns;
        for (size_t strip = 0; strip < strips; strip++) {
            float *const to = sums + strip * CK_LANES;
            ck_v16 sum[CK_STREAM_TOKENS];
#pragma clang loop unroll(full)
            for (int t = 0; t < tokens; t++)
                sum[t] = CK_NAME(load)(to + t * CK_PANEL_STRIPS * CK_LANES);
            if (packing.columns == 256) {
                CK_NAME(stream256)(format, tokens, p, x, sum);
            } else {
                const uint8_t *const codes = p + packing.header_bytes;
                for (size_t i = 0; i < ck_packed_block_bytes(packing, 64); i += 64)
                    CK_NAME(prefetch)(p + i, CK_PREFETCH_BYTES);
                const uint8_t *const m = p + (packing.header_bytes == 128 ? 64 : 0);
                CK_NAME(stream32)(
                    format, tokens, codes, x, k, CK_NAME(halves)(p), CK_NAME(halves)(m), sum);
                if (width == 64)
                    CK_NAME(stream32)(
                        format, tokens, codes + packing.code_bytes, x, k + 32,
                        CK_NAME(halves)(p + 32), CK_NAME(halves)(m + 32), sum);
            }
            p += ck_packed_block_bytes(packing, width);
#pragma clang loop unroll(full)
            for (int t = 0; t < tokens; t++)
                CK_NAME(store)(to + t * CK_PANEL_STRIPS * CK_LANES, sum[t]);
        }
    }
}

/// Up to how many tokens codes are decoded anew for each group of tokens: where 32 columns share an
/// integer scale that beats the tiles for any number of them (748 to 690 Gop/s of one Zen 5 core,
/// Q4_K, in the cache); else it does while weights come from memory (Q8_0: 497 to 404 Gop/s at 16
/// tokens, 548 to 683 at 64). Sixteen narrower registers do not hold the codes of 32 columns, so
/// there it pays while weights come from memory only (AVX2, Q4_K, 1 token: 39 GB/s to 26).
CK_INLINE size_t CK_NAME(stream_limit)(ck_format format) {
    if (!CK_DOT_512) return 8;
    const int is_integer = ck_packing_of(format).columns == 256;
    const int is_wide = CK_NAME(scale_width)(format) == 32;
    return is_wide && (is_integer || CK_DOT_PAIRS) ? SIZE_MAX : 16;
}

#define CK_STREAM_CASE(tokens) \
    case tokens: CK_NAME(stream)(format, tokens, p, strips, columns, x, sums); break

/// Adds the panel's block of up to 256 columns to the sums of all tokens.
///
/// - Returns: where the panel's next block begins.
CK_INLINE const uint8_t *CK_NAME(add_block)(
    ck_format format, const uint8_t *p, size_t strips, size_t columns, size_t token_count,
    const ck_activation_block *const *x, float *sums, ck_decoded *decoded) {
#if CK_STREAM_TOKENS
    if (token_count <= CK_NAME(stream_limit)(format)) {
        // Near-equal groups: a small one would waste the decoding.
        size_t groups = (token_count + CK_STREAM_TOKENS - 1) / CK_STREAM_TOKENS;
        for (; groups > 0; groups--) {
            const size_t tokens = (token_count + groups - 1) / groups;
            switch (tokens) {
                CK_STREAM_CASE(1);
                CK_STREAM_CASE(2);
                CK_STREAM_CASE(3);
                CK_STREAM_CASE(4);
#if CK_STREAM_TOKENS > 4
                CK_STREAM_CASE(5);
                CK_STREAM_CASE(6);
                CK_STREAM_CASE(7);
                CK_STREAM_CASE(8);
#endif
            }
            token_count -= tokens;
            x += tokens;
            sums += tokens * CK_PANEL_ROWS;
        }
        return p + strips * CK_NAME(block_bytes)(format, columns);
    }
#endif
    const uint8_t *const next = CK_NAME(decode)(format, p, strips, columns, decoded);
    CK_NAME(add_decoded)(
        format, strips, token_count, columns, decoded, x, sums, next, (size_t)(next - p));
    return next;
}

#undef CK_STREAM_CASE

// MARK: Products

CK_INLINE void CK_NAME(multiply_format)(
    ck_format format, const ck_packed_product *p, size_t first_panel, size_t panel_count,
    ck_packed_scratch *scratch) {
    const size_t strip_bytes = ck_strip_bytes(format, p->columns);
    const size_t all_strips = (p->row_count + CK_STRIP_ROWS - 1) / CK_STRIP_ROWS;
    for (size_t t0 = 0; t0 < p->token_count; t0 += CK_TOKEN_BLOCK) {
        const size_t tokens =
            p->token_count - t0 < CK_TOKEN_BLOCK ? p->token_count - t0 : CK_TOKEN_BLOCK;
        for (size_t panel = first_panel; panel < first_panel + panel_count; panel++) {
            const size_t first_strip = panel * CK_PANEL_STRIPS;
            const size_t strips = all_strips - first_strip < CK_PANEL_STRIPS
                ? all_strips - first_strip : CK_PANEL_STRIPS;
            const uint8_t *weights = p->panels + first_strip * strip_bytes;
            const ck_activation_block *x[CK_TOKEN_BLOCK];
            for (size_t t = 0; t < tokens; t++)
                x[t] = (const ck_activation_block *)(const void *)p->x
                    + (p->x_rows ? (size_t)p->x_rows[t0 + t] : t0 + t);
            __builtin_memset(
                scratch->sums, 0, tokens * CK_PANEL_STRIPS * CK_LANES * sizeof(float));
            for (size_t k = 0; k < p->columns; k += CK_ACTIVATION_COLUMNS) {
                const size_t columns = p->columns - k < CK_ACTIVATION_COLUMNS
                    ? p->columns - k : CK_ACTIVATION_COLUMNS;
                weights = CK_NAME(add_block)(
                    format, weights, strips, columns, tokens, x, scratch->sums,
                    scratch->decoded);
                for (size_t t = 0; t < tokens; t++)
                    x[t] = (const ck_activation_block *)(const void *)
                        ((const uint8_t *)x[t] + p->block_stride);
            }
            for (size_t t = 0; t < tokens; t++) {
                const size_t row = p->y_rows ? (size_t)p->y_rows[t0 + t] : t0 + t;
                const size_t first = panel * CK_PANEL_ROWS;
                const size_t rows = p->row_count - first < CK_PANEL_ROWS
                    ? p->row_count - first : CK_PANEL_ROWS;
                __builtin_memcpy(
                    p->y + row * p->y_stride + first,
                    scratch->sums + t * CK_PANEL_STRIPS * CK_LANES, rows * sizeof(float));
            }
        }
    }
}

#define CK_FORMAT_CASE(format) \
    case format: \
        CK_NAME(multiply_format)(format, p, first_panel, panel_count, scratch); \
        return

static void CK_NAME(multiply_packed)(
    const ck_packed_product *p, size_t first_panel, size_t panel_count,
    ck_packed_scratch *scratch) {
    switch (p->format) {
        CK_FORMAT_CASE(CK_Q4_0);
        CK_FORMAT_CASE(CK_Q4_1);
        CK_FORMAT_CASE(CK_Q5_0);
        CK_FORMAT_CASE(CK_Q5_1);
        CK_FORMAT_CASE(CK_Q8_0);
        CK_FORMAT_CASE(CK_Q2_K);
        CK_FORMAT_CASE(CK_Q3_K);
        CK_FORMAT_CASE(CK_Q4_K);
        CK_FORMAT_CASE(CK_Q5_K);
        CK_FORMAT_CASE(CK_Q6_K);
        CK_FORMAT_CASE(CK_IQ4_NL);
        CK_FORMAT_CASE(CK_IQ4_XS);
    default: return;
    }
}

#undef CK_FORMAT_CASE
#undef CK_DOT_INLINE

#undef CK_DOT_PAIRS
#undef CK_INTS
#undef CK_MM
#undef CK_PARTS
