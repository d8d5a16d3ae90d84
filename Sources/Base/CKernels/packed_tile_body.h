// SPDX-License-Identifier: Apache-2.0
// Tiles of several strips by several tokens over decoded weights; included by packed_body.h once per
// instruction set.

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
                CK_NAME(prefetch_tokens)(x + t + CK_TILE_TOKENS, CK_TILE_TOKENS);
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
