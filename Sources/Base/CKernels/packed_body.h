// SPDX-License-Identifier: Apache-2.0
// Products with packed weights, included by packed.c once per instruction set; see ck_packed.h.
//
// A block of a panel's weights is decoded to bytes that stay in the first cache, with its scales as
// whole vectors; then a few tokens at a time pass over it. A tile keeps the sums of CK_TILE_STRIPS
// strips by CK_TILE_TOKENS tokens in registers. Between blocks the sums wait in `sums`.
#include "lanes.h"

/// acc[r] += the products of four codes of each row with four activations.
///
/// - wide: whether codes may exceed 127, which matters where products are summed in 16 bits.
CK_INLINE ck_i16 CK_NAME(dot)(int wide, ck_i16 acc, ck_u16 codes, int32_t y) {
#if CK_DOT_512 && CK_DOT_VNNI
    (void)wide;
    return (ck_i16)_mm512_dpbusd_epi32((__m512i)acc, (__m512i)codes, _mm512_set1_epi32(y));
#elif CK_DOT_512
    const __m512i four = _mm512_set1_epi32(y), one = _mm512_set1_epi16(1);
    __m512i c = (__m512i)codes, sum = (__m512i)acc;
    if (wide) {
        const __m512i top = _mm512_and_si512(_mm512_srli_epi16(c, 7), _mm512_set1_epi8(1));
        c = _mm512_and_si512(c, _mm512_set1_epi8(127));
        sum = _mm512_add_epi32(
            sum, _mm512_madd_epi16(_mm512_maddubs_epi16(top, four), _mm512_set1_epi16(128)));
    }
    return (ck_i16)_mm512_add_epi32(sum, _mm512_madd_epi16(_mm512_maddubs_epi16(c, four), one));
#elif CK_DOT_256
    __m256i sums[2], parts[2];
    __builtin_memcpy(sums, &acc, 64);
    __builtin_memcpy(parts, &codes, 64);
    const __m256i four = _mm256_set1_epi32(y);
#pragma clang loop unroll(full)
    for (int h = 0; h < 2; h++) {
#if CK_DOT_VNNI
        (void)wide;
        sums[h] = _mm256_dpbusd_avx_epi32(sums[h], parts[h], four);
#else
        const __m256i one = _mm256_set1_epi16(1);
        __m256i c = parts[h];
        if (wide) {
            const __m256i top = _mm256_and_si256(_mm256_srli_epi16(c, 7), _mm256_set1_epi8(1));
            c = _mm256_and_si256(c, _mm256_set1_epi8(127));
            sums[h] = _mm256_add_epi32(
                sums[h],
                _mm256_madd_epi16(_mm256_maddubs_epi16(top, four), _mm256_set1_epi16(128)));
        }
        sums[h] =
            _mm256_add_epi32(sums[h], _mm256_madd_epi16(_mm256_maddubs_epi16(c, four), one));
#endif
    }
    __builtin_memcpy(&acc, sums, 64);
    return acc;
#else
    (void)wide;
    for (int r = 0; r < 16; r++)
        for (int k = 0; k < 4; k++)
            acc[r] += (int32_t)(codes[r] >> 8 * k & 255) * (int8_t)((uint32_t)y >> 8 * k);
    return acc;
#endif
}

/// acc[r] += the products of two 16-bit numbers of each row with two of the activations.
CK_INLINE ck_i16 CK_NAME(dot_pairs)(ck_i16 acc, ck_i16 pairs, int32_t y) {
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

CK_INLINE ck_u16 CK_NAME(plane)(const uint8_t *p) {
    // Ask for what comes CK_PREFETCH_BYTES later: a panel is one stream, so this is seldom in vain.
    __builtin_prefetch((const void *)((uintptr_t)p + CK_PREFETCH_BYTES));
    ck_u16 v;
    __builtin_memcpy(&v, p, sizeof v);
    return v;
}

CK_INLINE void CK_NAME(store_group)(uint8_t *p, ck_u16 v) { __builtin_memcpy(p, &v, sizeof v); }

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

/// Decodes 32 columns of codes to one byte each, group after group.
CK_INLINE void CK_NAME(decode_codes)(ck_format format, const uint8_t *p, uint8_t *codes) {
    const ck_u16 ones = (ck_u16)CK_NAME(splat_int)(0x01010101);
    switch (format) {
    case CK_Q8_0:
#pragma clang loop unroll(full)
        for (int j = 0; j < 8; j++)
            CK_NAME(store_group)(codes + 64 * j, CK_NAME(plane)(p + 64 * j));
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
            CK_NAME(store_group)(codes + 64 * j, levels ? CK_NAME(iq4_levels)(low) : low);
            CK_NAME(store_group)(codes + 256 + 64 * j, levels ? CK_NAME(iq4_levels)(top) : top);
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
            CK_NAME(store_group)(codes + 64 * j, v);
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

/// Decodes the header of a 256-column block.
CK_INLINE void CK_NAME(decode_scales)(ck_format format, const uint8_t *p, ck_decoded *w) {
    CK_NAME(store)(w->d[0], CK_NAME(halves)(p));
    switch (format) {
    case CK_Q4_K: case CK_Q5_K:
        CK_NAME(store)(w->m[0], -CK_NAME(halves)(p + 32));
        for (int j = 0; j < 8; j++)
            CK_NAME(store_int)(w->scales[j], CK_NAME(unsigned_bytes)(p + 64 + 16 * j));
        for (int i = 0; i < 4; i++)
            CK_NAME(store_int)(
                w->minimums[i],
                CK_NAME(unsigned_bytes)(p + 192 + 32 * i)
                    | CK_NAME(unsigned_bytes)(p + 208 + 32 * i) << 16);
        return;
    case CK_Q2_K:
        CK_NAME(store)(w->m[0], -CK_NAME(halves)(p + 32));
        for (int i = 0; i < 8; i++) {
            const ck_i16 a = CK_NAME(unsigned_bytes)(p + 64 + 32 * i);
            const ck_i16 b = CK_NAME(unsigned_bytes)(p + 80 + 32 * i);
            CK_NAME(store_int)(w->scales[2 * i], a & 15);
            CK_NAME(store_int)(w->scales[2 * i + 1], b & 15);
            CK_NAME(store_int)(w->minimums[i], a >> 4 | b >> 4 << 16);
        }
        return;
    case CK_Q3_K:
        for (int j = 0; j < 8; j++) {
            const ck_i16 low = CK_NAME(unsigned_bytes)(p + 32 + 16 * j);
            const ck_i16 high = CK_NAME(unsigned_bytes)(p + 160 + 16 * (j % 4)) >> 2 * (j / 4);
            CK_NAME(store_int)(w->scales[j], ((low & 15) | (high & 3) << 4) - 32);
            CK_NAME(store_int)(w->scales[j + 8], (low >> 4 | (high >> 4 & 3) << 4) - 32);
        }
        return;
    case CK_Q6_K:
        for (int j = 0; j < 16; j++)
            CK_NAME(store_int)(w->scales[j], CK_NAME(signed_bytes)(p + 32 + 16 * j));
        return;
    default:
        for (int j = 0; j < 8; j++)
            CK_NAME(store_int)(w->scales[j], CK_NAME(signed_bytes)(p + 32 + 16 * j));
    }
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
            for (size_t c = 0; c < width; c += 32, p += packing.code_bytes)
                CK_NAME(decode_codes)(format, p, to->codes + 16 * (k + c));
        }
    }
    return p;
}

// MARK: Tiles

/// The integer sums of `groups` groups of four columns from column `k` on.
CK_INLINE void CK_NAME(add_groups)(
    int strips, int tokens, int groups, int wide, const ck_decoded *w,
    const ck_activation_block *const *x, size_t k, ck_i16 *acc) {
#pragma clang loop unroll(full)
    for (int g = 0; g < groups; g++) {
        ck_u16 codes[CK_TILE_STRIPS];
#pragma clang loop unroll(full)
        for (int s = 0; s < strips; s++)
            __builtin_memcpy(&codes[s], w[s].codes + 16 * k + 64 * g, 64);
#pragma clang loop unroll(full)
        for (int t = 0; t < tokens; t++) {
            const int32_t y = CK_NAME(load_int)(x[t]->codes + k + 4 * g);
#pragma clang loop unroll(full)
            for (int s = 0; s < strips; s++)
                acc[t * strips + s] = CK_NAME(dot)(wide, acc[t * strips + s], codes[s], y);
        }
    }
}

/// Adds `columns` columns, at most 256, of types with a scale per 32.
CK_INLINE void CK_NAME(tile32)(
    int strips, int tokens, int wide, int shift, int has_minimums, size_t columns,
    const ck_decoded *w, const ck_activation_block *const *x, float *sums) {
    ck_v16 sum[CK_TILE_SUMS];
#pragma clang loop unroll(full)
    for (int i = 0; i < strips * tokens; i++)
        sum[i] = CK_NAME(load)(sums + (i / strips * CK_PANEL_STRIPS + i % strips) * CK_LANES);
    for (size_t b = 0; b < columns / 32; b++) {
        ck_i16 acc[CK_TILE_SUMS];
#pragma clang loop unroll(full)
        for (int i = 0; i < strips * tokens; i++)
            acc[i] = shift
                ? CK_NAME(splat_int)(x[i / strips]->by32.negated_sums[b]) << shift
                : CK_NAME(splat_int)(0);
        CK_NAME(add_groups)(strips, tokens, 8, wide, w, x, 32 * b, acc);
#pragma clang loop unroll(full)
        for (int t = 0; t < tokens; t++) {
            const ck_v16 scale = CK_NAME(splat)(x[t]->by32.scales[b]);
#pragma clang loop unroll(full)
            for (int s = 0; s < strips; s++) {
                const int i = t * strips + s;
                sum[i] = CK_NAME(fma)(
                    CK_NAME(to_float)(acc[i]), CK_NAME(load)(w[s].d[b]) * scale, sum[i]);
            }
            if (has_minimums) {
                const ck_v16 scaled = CK_NAME(splat)(x[t]->by32.scaled_sums[b]);
#pragma clang loop unroll(full)
                for (int s = 0; s < strips; s++) {
                    const int i = t * strips + s;
                    sum[i] = CK_NAME(fma)(CK_NAME(load)(w[s].m[b]), scaled, sum[i]);
                }
            }
        }
    }
#pragma clang loop unroll(full)
    for (int i = 0; i < strips * tokens; i++)
        CK_NAME(store)(sums + (i / strips * CK_PANEL_STRIPS + i % strips) * CK_LANES, sum[i]);
}

/// Adds 256 columns of types with integer scales per `width` columns.
CK_INLINE void CK_NAME(tile256)(
    int strips, int tokens, int wide, int shift, int width, int minimum_pairs,
    const ck_decoded *w, const ck_activation_block *const *x, float *sums) {
    ck_i16 sum[CK_TILE_SUMS];
#pragma clang loop unroll(full)
    for (int i = 0; i < strips * tokens; i++) sum[i] = CK_NAME(splat_int)(0);
    for (int j = 0; j < 256 / width; j++) {
        ck_i16 acc[CK_TILE_SUMS];
#pragma clang loop unroll(full)
        for (int i = 0; i < strips * tokens; i++) {
            const int32_t *const negated = x[i / strips]->by256.negated_sums;
            acc[i] = CK_NAME(splat_int)(0);
            if (shift && width == 16) acc[i] = CK_NAME(splat_int)(negated[j]) << shift;
            if (shift && width == 32)
                acc[i] = (CK_NAME(splat_int)(negated[2 * j])
                          + CK_NAME(splat_int)(negated[2 * j + 1])) << shift;
        }
        CK_NAME(add_groups)(strips, tokens, width / 4, wide, w, x, (size_t)(width * j), acc);
#pragma clang loop unroll(full)
        for (int i = 0; i < strips * tokens; i++)
            sum[i] += acc[i] * CK_NAME(load_ints)(w[i % strips].scales[j]);
    }
#pragma clang loop unroll(full)
    for (int t = 0; t < tokens; t++) {
        const ck_v16 scale = CK_NAME(splat)(x[t]->by256.scale);
#pragma clang loop unroll(full)
        for (int s = 0; s < strips; s++) {
            float *const to = sums + (t * CK_PANEL_STRIPS + s) * CK_LANES;
            ck_v16 total = CK_NAME(fma)(
                CK_NAME(to_float)(sum[t * strips + s]), CK_NAME(load)(w[s].d[0]) * scale,
                CK_NAME(load)(to));
            if (minimum_pairs) {
                const int16_t *const pairs =
                    minimum_pairs == 4 ? x[t]->by256.sums32 : x[t]->by256.sums16;
                ck_i16 minimum = CK_NAME(splat_int)(0);
#pragma clang loop unroll(full)
                for (int i = 0; i < minimum_pairs; i++)
                    minimum = CK_NAME(dot_pairs)(
                        minimum, CK_NAME(load_ints)(w[s].minimums[i]),
                        CK_NAME(load_int)(pairs + 2 * i));
                total = CK_NAME(fma)(
                    CK_NAME(to_float)(minimum), CK_NAME(load)(w[s].m[0]) * scale, total);
            }
            CK_NAME(store)(to, total);
        }
    }
}

CK_INLINE void CK_NAME(tile)(
    ck_format format, int strips, int tokens, size_t columns, const ck_decoded *w,
    const ck_activation_block *const *x, float *sums) {
    switch (format) {
    case CK_Q4_0: CK_NAME(tile32)(strips, tokens, 0, 3, 0, columns, w, x, sums); return;
    case CK_Q4_1: case CK_Q5_1:
        CK_NAME(tile32)(strips, tokens, 0, 0, 1, columns, w, x, sums);
        return;
    case CK_Q5_0: CK_NAME(tile32)(strips, tokens, 0, 4, 0, columns, w, x, sums); return;
    case CK_Q8_0: case CK_IQ4_NL:
        CK_NAME(tile32)(strips, tokens, 1, 7, 0, columns, w, x, sums);
        return;
    case CK_Q2_K: CK_NAME(tile256)(strips, tokens, 0, 0, 16, 8, w, x, sums); return;
    case CK_Q3_K: CK_NAME(tile256)(strips, tokens, 0, 2, 16, 0, w, x, sums); return;
    case CK_Q4_K: case CK_Q5_K:
        CK_NAME(tile256)(strips, tokens, 0, 0, 32, 4, w, x, sums);
        return;
    case CK_Q6_K: CK_NAME(tile256)(strips, tokens, 0, 5, 16, 0, w, x, sums); return;
    case CK_IQ4_XS: CK_NAME(tile256)(strips, tokens, 1, 7, 32, 0, w, x, sums); return;
    default: return;
    }
}

#define CK_TILE_CASE(strips, tokens) \
    case tokens: CK_NAME(tile)(format, strips, tokens, columns, w + s, x + t, \
                               sums + (t * CK_PANEL_STRIPS + s) * CK_LANES); break

/// Adds a decoded block to the sums of all tokens.
CK_INLINE void CK_NAME(add_decoded)(
    ck_format format, size_t strip_count, size_t token_count, size_t columns, const ck_decoded *w,
    const ck_activation_block *const *x, float *sums) {
    size_t s = 0;
    for (; s + CK_TILE_STRIPS <= strip_count; s += CK_TILE_STRIPS)
        for (size_t t = 0; t < token_count; t += CK_TILE_TOKENS)
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
    for (; s < strip_count; s++)
        for (size_t t = 0; t < token_count; t++)
            CK_NAME(tile)(
                format, 1, 1, columns, w + s, x + t, sums + (t * CK_PANEL_STRIPS + s) * CK_LANES);
}

#undef CK_TILE_CASE

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
                weights = CK_NAME(decode)(format, weights, strips, columns, scratch->decoded);
                CK_NAME(add_decoded)(
                    format, strips, tokens, columns, scratch->decoded, x, scratch->sums);
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
