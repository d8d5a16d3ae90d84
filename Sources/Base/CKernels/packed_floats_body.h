// SPDX-License-Identifier: Apache-2.0
// Products with packed F16 and BF16 weights, included by packed_floats.c once per instruction set.
//
// A lane belongs to a row, so that each sum is a chain of fused multiply-adds in an order of columns
// that is the same everywhere: ascending for F16; for BF16 the odd column of each pair comes before
// the even one, because vdpbf16ps takes them so. A tile reads the panel as it lies, or, where
// CK_DIRECT_TOKENS says that this is too dear, columns that were decoded to f32 before.
#include "lanes.h"

/// Bytes of a pair of columns of a strip; F32 stands for decoded columns.
CK_INLINE size_t CK_NAME(pair_bytes)(ck_format format) { return format == CK_F32 ? 128 : 64; }

/// One of a pair of columns of a strip, in the order of the sums.
CK_INLINE ck_v16 CK_NAME(column)(ck_format format, const uint8_t *p, int second) {
    if (format == CK_F32) return CK_NAME(load)((const float *)(const void *)p + 16 * second);
    if (format == CK_BF16) {
        ck_u16 pairs;
        __builtin_memcpy(&pairs, p, 64);
        return (ck_v16)(second ? pairs << 16 : pairs & 0xFFFF0000u);
    }
    p += 32 * second;
#if CK_HAS_F16C
    ck_h16 halves;
    __builtin_memcpy(&halves, p, 32);
    return __builtin_convertvector(halves, ck_v16);
#else
    ck_v16 column;
    for (int r = 0; r < 16; r++) column[r] = ck_half(p + 2 * r);
    return column;
#endif
}

/// Adds the products of pairs of columns of some strips of a panel with those of some tokens.
CK_INLINE void CK_NAME(float_tile)(
    ck_format format, int strips, int tokens, size_t panel_strips, const uint8_t *w,
    const float *const *x, size_t pairs, float *sums) {
    const size_t bytes = CK_NAME(pair_bytes)(format);
    ck_v16 sum[CK_FLOAT_TILE * CK_PANEL_STRIPS];
    const float *from[CK_FLOAT_TILE];
#pragma clang loop unroll(full)
    for (int t = 0; t < tokens; t++) {
        from[t] = x[t];
#pragma clang loop unroll(full)
        for (int s = 0; s < strips; s++)
            sum[t * strips + s] = CK_NAME(load)(sums + (t * CK_PANEL_STRIPS + s) * CK_LANES);
    }
    for (size_t k = 0; k < 2 * pairs; k += 2, w += bytes * panel_strips)
#pragma clang loop unroll(full)
        for (int h = 0; h < 2; h++) {
            ck_v16 a[CK_PANEL_STRIPS];
#pragma clang loop unroll(full)
            for (int s = 0; s < strips; s++) {
                const uint8_t *const p = w + bytes * (size_t)s;
                if (format != CK_F32 && h == 0)
                    __builtin_prefetch((const void *)((uintptr_t)p + CK_FLOAT_AHEAD));
                a[s] = CK_NAME(column)(format, p, h);
            }
#pragma clang loop unroll(full)
            for (int t = 0; t < tokens; t++) {
                const ck_v16 b = CK_NAME(splat)(from[t][k + (size_t)h]);
#pragma clang loop unroll(full)
                for (int s = 0; s < strips; s++)
                    sum[t * strips + s] = CK_NAME(fma)(a[s], b, sum[t * strips + s]);
            }
        }
#pragma clang loop unroll(full)
    for (int t = 0; t < tokens; t++)
#pragma clang loop unroll(full)
        for (int s = 0; s < strips; s++)
            CK_NAME(store)(sums + (t * CK_PANEL_STRIPS + s) * CK_LANES, sum[t * strips + s]);
}

#if CK_BF16_DOT
/// The same with bf16 weights and activations.
CK_INLINE void CK_NAME(bf16_tile)(
    int strips, int tokens, size_t panel_strips, const uint8_t *w, const uint8_t *const *x,
    size_t pairs, float *sums) {
    __m512 sum[CK_FLOAT_TILE * CK_PANEL_STRIPS];
    const uint8_t *from[CK_FLOAT_TILE];
#pragma clang loop unroll(full)
    for (int t = 0; t < tokens; t++) {
        from[t] = x[t];
#pragma clang loop unroll(full)
        for (int s = 0; s < strips; s++)
            sum[t * strips + s] = _mm512_loadu_ps(sums + (t * CK_PANEL_STRIPS + s) * CK_LANES);
    }
    for (size_t k = 0; k < pairs; k++, w += 64 * panel_strips) {
        __m512bh a[CK_PANEL_STRIPS];
#pragma clang loop unroll(full)
        for (int s = 0; s < strips; s++) {
            __builtin_prefetch((const void *)((uintptr_t)w + 64 * (size_t)s + CK_FLOAT_AHEAD));
            a[s] = (__m512bh)_mm512_loadu_si512(w + 64 * s);
        }
#pragma clang loop unroll(full)
        for (int t = 0; t < tokens; t++) {
            int32_t pair;
            __builtin_memcpy(&pair, from[t] + 4 * k, 4);
            const __m512bh b = (__m512bh)_mm512_set1_epi32(pair);
#pragma clang loop unroll(full)
            for (int s = 0; s < strips; s++)
                sum[t * strips + s] = _mm512_dpbf16_ps(sum[t * strips + s], a[s], b);
        }
    }
#pragma clang loop unroll(full)
    for (int t = 0; t < tokens; t++)
#pragma clang loop unroll(full)
        for (int s = 0; s < strips; s++)
            _mm512_storeu_ps(sums + (t * CK_PANEL_STRIPS + s) * CK_LANES, sum[t * strips + s]);
}
#endif

/// Decodes pairs of columns of all strips of a panel.
CK_INLINE void CK_NAME(decode_weights)(
    ck_format format, const uint8_t *p, size_t strips, size_t pairs, float *w) {
    for (size_t i = 0; i < pairs * strips; i++, p += 64, w += 2 * CK_LANES) {
        __builtin_prefetch((const void *)((uintptr_t)p + CK_FLOAT_AHEAD));
        CK_NAME(store)(w, CK_NAME(column)(format, p, 0));
        CK_NAME(store)(w + CK_LANES, CK_NAME(column)(format, p, 1));
    }
}

/// Decodes `columns` bf16 activations, a multiple of 32, in the order of the sums.
CK_INLINE void CK_NAME(decode_activations)(const uint8_t *from, size_t columns, float *to) {
    for (size_t k = 0; k < columns; k += 32) {
        ck_u16 pairs;
        __builtin_memcpy(&pairs, from + 2 * k, 64);
        const ck_v16 odd = (ck_v16)(pairs & 0xFFFF0000u), even = (ck_v16)(pairs << 16);
        CK_NAME(store)(
            to + k, __builtin_shufflevector(
                odd, even, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23));
        CK_NAME(store)(
            to + k + 16, __builtin_shufflevector(
                odd, even, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31));
    }
}

#define CK_TILE_CASE(tokens) \
    case tokens: \
        for (; s + CK_FLOAT_STRIPS(tokens) <= strips; s += CK_FLOAT_STRIPS(tokens)) \
            CK_TILE(CK_FLOAT_STRIPS(tokens), tokens); \
        for (; s < strips; s++) CK_TILE(1, tokens); \
        break

#define CK_TILE_CASES \
    CK_TILE_CASE(1); \
    CK_TILE_CASE(2); \
    CK_TILE_CASE(3); \
    CK_TILE_CASE(4); \
    CK_TILE_CASE(5); \
    CK_TILE_CASE(6)

/// Adds pairs of columns of all strips of a panel to the sums of a tile's tokens.
CK_INLINE void CK_NAME(add_pairs)(
    ck_format format, size_t strips, size_t tokens, const uint8_t *w, const float *const *x,
    size_t pairs, float *sums) {
#define CK_TILE(tile_strips, tokens) \
    CK_NAME(float_tile)( \
        format, tile_strips, tokens, strips, w + CK_NAME(pair_bytes)(format) * s, x, pairs, \
        sums + CK_LANES * s)
    size_t s = 0;
    switch (tokens) { CK_TILE_CASES; }
#undef CK_TILE
}

#if CK_BF16_DOT
CK_INLINE void CK_NAME(add_bf16_pairs)(
    size_t strips, size_t tokens, const uint8_t *w, const uint8_t *const *x, size_t pairs,
    float *sums) {
#define CK_TILE(tile_strips, tokens) \
    CK_NAME(bf16_tile)(tile_strips, tokens, strips, w + 64 * s, x, pairs, sums + CK_LANES * s)
    size_t s = 0;
    switch (tokens) { CK_TILE_CASES; }
#undef CK_TILE
}
#endif

#undef CK_TILE_CASE
#undef CK_TILE_CASES

/// Adds up to CK_ACTIVATION_COLUMNS columns to the sums of all tokens.
CK_INLINE void CK_NAME(add_floats)(
    ck_format format, const uint8_t *weights, size_t strips, size_t columns,
    const uint8_t *const *x, size_t token_count, ck_floats_scratch *scratch) {
    const size_t element = format == CK_BF16 ? 2 : 4;
    const size_t step = token_count <= CK_DIRECT_TOKENS ? CK_ACTIVATION_COLUMNS : CK_FLOAT_COLUMNS;
    // Tiles of about the same number of tokens.
    const size_t tiles = (token_count + CK_FLOAT_TILE - 1) / CK_FLOAT_TILE;
    for (size_t k = 0; k < columns; k += step) {
        const size_t width = columns - k < step ? columns - k : step, pairs = (width + 1) / 2;
        const uint8_t *const w = weights + k / 2 * 64 * strips;
        if (token_count > CK_DIRECT_TOKENS)
            CK_NAME(decode_weights)(format, w, strips, pairs, scratch->weights);
        for (size_t i = 0, t = 0, tokens; i < tiles; i++, t += tokens) {
            tokens = (token_count - t) / (tiles - i);
            float *const sums = scratch->sums + t * CK_PANEL_ROWS;
            // Ask for what the next tile reads.
            for (size_t j = t + tokens; j < t + tokens + CK_FLOAT_TILE && j < token_count; j++) {
                for (size_t b = 0; b < element * width; b += 64)
                    __builtin_prefetch(x[j] + element * k + b);
                for (size_t s = 0; s < CK_PANEL_STRIPS; s++)
                    __builtin_prefetch(scratch->sums + j * CK_PANEL_ROWS + s * CK_LANES);
            }
#if CK_BF16_DOT
            if (format == CK_BF16) {
                CK_NAME(add_bf16_pairs)(strips, tokens, w, x + t, pairs, sums);
                continue;
            }
#endif
            const float *from[CK_FLOAT_TILE];
            for (size_t j = 0; j < tokens; j++) {
                from[j] = (const float *)(const void *)(x[t + j] + element * k);
                if (format == CK_F16) continue;
                CK_NAME(decode_activations)(x[t + j] + 2 * k, step, scratch->x[j]);
                from[j] = scratch->x[j];
            }
            if (token_count > CK_DIRECT_TOKENS)
                CK_NAME(add_pairs)(
                    CK_F32, strips, tokens, (const uint8_t *)scratch->weights, from, pairs, sums);
            else
                CK_NAME(add_pairs)(format, strips, tokens, w, from, pairs, sums);
        }
    }
}

static __attribute__((noinline)) void CK_NAME(multiply_floats)(
    const ck_packed_product *p, size_t first_panel, size_t panel_count,
    ck_floats_scratch *scratch) {
    const size_t strip_bytes = ck_strip_bytes(p->format, p->columns);
    const size_t all_strips = (p->row_count + CK_STRIP_ROWS - 1) / CK_STRIP_ROWS;
    const size_t x_stride = ck_activation_bytes(ck_activation_of(p->format));
    for (size_t t0 = 0; t0 < p->token_count; t0 += CK_FLOAT_TOKENS) {
        const size_t tokens =
            p->token_count - t0 < CK_FLOAT_TOKENS ? p->token_count - t0 : CK_FLOAT_TOKENS;
        for (size_t panel = first_panel; panel < first_panel + panel_count; panel++) {
            const size_t first_strip = panel * CK_PANEL_STRIPS;
            const size_t strips = all_strips - first_strip < CK_PANEL_STRIPS
                ? all_strips - first_strip : CK_PANEL_STRIPS;
            const uint8_t *weights = p->panels + first_strip * strip_bytes;
            const uint8_t *x[CK_FLOAT_TOKENS];
            for (size_t t = 0; t < tokens; t++)
                x[t] = p->x + (p->x_rows ? (size_t)p->x_rows[t0 + t] : t0 + t) * x_stride;
            __builtin_memset(scratch->sums, 0, tokens * CK_PANEL_ROWS * sizeof(float));
            for (size_t k = 0; k < p->columns; k += CK_ACTIVATION_COLUMNS) {
                const size_t columns = p->columns - k < CK_ACTIVATION_COLUMNS
                    ? p->columns - k : CK_ACTIVATION_COLUMNS;
                if (p->format == CK_BF16)
                    CK_NAME(add_floats)(CK_BF16, weights, strips, columns, x, tokens, scratch);
                else
                    CK_NAME(add_floats)(CK_F16, weights, strips, columns, x, tokens, scratch);
                weights += CK_ACTIVATION_COLUMNS / 2 * 64 * strips;
                for (size_t t = 0; t < tokens; t++) x[t] += p->block_stride;
            }
            const size_t first = panel * CK_PANEL_ROWS;
            const size_t rows =
                p->row_count - first < CK_PANEL_ROWS ? p->row_count - first : CK_PANEL_ROWS;
            for (size_t t = 0; t < tokens; t++) {
                const size_t row = p->y_rows ? (size_t)p->y_rows[t0 + t] : t0 + t;
                __builtin_memcpy(
                    p->y + row * p->y_stride + first, scratch->sums + t * CK_PANEL_ROWS,
                    rows * sizeof(float));
            }
        }
    }
}
