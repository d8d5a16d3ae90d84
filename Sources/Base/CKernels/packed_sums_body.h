// SPDX-License-Identifier: Apache-2.0
// From integer sums to a token's sums; included by packed_body.h once per instruction set.

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
