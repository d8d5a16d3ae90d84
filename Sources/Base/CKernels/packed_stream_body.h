// SPDX-License-Identifier: Apache-2.0
// A few tokens over weights that are decoded in registers; included by packed_body.h once per
// instruction set.

/// Bytes of `columns` columns of one strip, at most 256.
CK_INLINE size_t CK_NAME(block_bytes)(ck_format format, size_t columns) {
    const ck_packing packing = ck_packing_of(format);
    return columns / packing.columns * ck_packed_block_bytes(packing, packing.columns)
        + (columns % packing.columns
               ? ck_packed_block_bytes(packing, columns % packing.columns) : 0);
}

/// Asks for a part of the weights that come next: line after line in the order of their addresses, and few
/// at a time, so that they never wait for each other's place in the queue of misses. With two
/// tokens that reads at 96 % of the bandwidth of a loop that only reads; with lines out of order 86 %
/// (Q4_K), with all lines of a block at once 82 % (Q8_0; one Zen 5 core).
CK_INLINE void CK_NAME(prefetch_part)(
    const uint8_t *p, size_t block_bytes, size_t part, size_t part_count) {
    const size_t lines = (block_bytes + 64 * part_count - 1) / (64 * part_count);
#pragma clang loop unroll(full)
    for (size_t i = 0; i < lines; i++)
        CK_NAME(prefetch)(p + 64 * (lines * part + i), CK_PREFETCH_BYTES);
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
        CK_NAME(prefetch_part)(p, bytes, (size_t)b, 8);
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
/// kept; asks for the activations of as many `next` tokens, where there are some.
CK_INLINE void CK_NAME(stream)(
    ck_format format, int tokens, const uint8_t *p, size_t strips, size_t columns,
    const ck_activation_block *const *x, const ck_activation_block *const *next, float *sums) {
    const ck_packing packing = ck_packing_of(format);
    const size_t share = (size_t)(tokens + CK_PANEL_STRIPS - 1) / CK_PANEL_STRIPS;
    for (size_t k = 0; k < columns; k += packing.columns) {
        const size_t width = columns - k < packing.columns ? columns - k : packing.columns;
        for (size_t strip = 0; strip < strips; strip++) {
            float *const to = sums + strip * CK_LANES;
            if (next && k == 0) CK_NAME(prefetch_tokens)(next + strip * share, share);
            ck_v16 sum[CK_STREAM_TOKENS];
#pragma clang loop unroll(full)
            for (int t = 0; t < tokens; t++)
                sum[t] = CK_NAME(load)(to + t * CK_PANEL_STRIPS * CK_LANES);
            if (packing.columns == 256) {
                CK_NAME(stream256)(format, tokens, p, x, sum);
            } else {
                const uint8_t *const codes = p + packing.header_bytes;
                const size_t bytes = ck_packed_block_bytes(packing, packing.columns);
                const size_t parts = packing.columns / 32;
                const uint8_t *const m = p + (packing.header_bytes == 128 ? 64 : 0);
#pragma clang loop unroll(full)
                for (size_t part = 0; part < parts; part++) {
                    CK_NAME(prefetch_part)(p, bytes, part, parts);
                    // There is a first part always, which the compiler cannot know.
                    if (part == 0 || 32 * part < width)
                        CK_NAME(stream32)(
                            format, tokens, codes + part * packing.code_bytes, x, k + 32 * part,
                            CK_NAME(part_scale)(format, p, part),
                            CK_NAME(part_scale)(format, m, part), sum);
                }
            }
            p += ck_packed_block_bytes(packing, width);
#pragma clang loop unroll(full)
            for (int t = 0; t < tokens; t++)
                CK_NAME(store)(to + t * CK_PANEL_STRIPS * CK_LANES, sum[t]);
        }
    }
}
