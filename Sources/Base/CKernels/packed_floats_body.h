// SPDX-License-Identifier: Apache-2.0
// Products with packed F16 and BF16 weights, included by packed_floats.c once per instruction set.
//
// A lane belongs to a row, so that each sum is a chain of fused multiply-adds in an order of columns
// that is the same everywhere: ascending for F16; for BF16 the odd column of each pair comes before
// the even one, because vdpbf16ps takes them so. Where that instruction is, it reads the panel as it
// lies; otherwise 64 columns at a time are decoded to f32, and tiles pass over them.
#include "lanes.h"

/// Adds the products of the decoded columns of `strips` strips with those of `tokens` tokens.
CK_INLINE void CK_NAME(decoded_tile)(
    int strips, int tokens, const float *w, const float *const *x, size_t columns, float *sums) {
    ck_v16 sum[CK_FLOAT_TILE * CK_PANEL_STRIPS];
    const float *from[CK_FLOAT_TILE];
#pragma clang loop unroll(full)
    for (int t = 0; t < tokens; t++) {
        from[t] = x[t];
#pragma clang loop unroll(full)
        for (int s = 0; s < strips; s++)
            sum[t * strips + s] = CK_NAME(load)(sums + (t * CK_PANEL_STRIPS + s) * CK_LANES);
    }
    for (size_t k = 0; k < columns; k++) {
        ck_v16 a[CK_PANEL_STRIPS];
#pragma clang loop unroll(full)
        for (int s = 0; s < strips; s++)
            a[s] = CK_NAME(load)(w + (k * CK_PANEL_STRIPS + (size_t)s) * CK_LANES);
#pragma clang loop unroll(full)
        for (int t = 0; t < tokens; t++) {
            const ck_v16 b = CK_NAME(splat)(from[t][k]);
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
/// Adds the products of pairs of columns, straight from the panel of `panel_strips` strips.
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

/// Decodes up to CK_FLOAT_COLUMNS columns of each strip, an odd count as if there were one more.
CK_INLINE void CK_NAME(decode_weights)(
    ck_format format, const uint8_t *p, size_t strips, size_t columns, float *w) {
    for (size_t k = 0; k < columns; k += 2, w += 2 * CK_PANEL_ROWS)
        for (size_t s = 0; s < strips; s++, p += 64) {
            __builtin_prefetch((const void *)((uintptr_t)p + CK_FLOAT_AHEAD));
            ck_v16 first, second;
            if (format == CK_BF16) {
                ck_u16 pairs;
                __builtin_memcpy(&pairs, p, 64);
                first = (ck_v16)(pairs & 0xFFFF0000u);
                second = (ck_v16)(pairs << 16);
            } else {
#if CK_HAS_F16C
                ck_h16 halves[2];
                __builtin_memcpy(halves, p, 64);
                first = __builtin_convertvector(halves[0], ck_v16);
                second = __builtin_convertvector(halves[1], ck_v16);
#else
                for (int r = 0; r < 16; r++) {
                    first[r] = ck_half(p + 2 * r);
                    second[r] = ck_half(p + 32 + 2 * r);
                }
#endif
            }
            CK_NAME(store)(w + CK_LANES * s, first);
            CK_NAME(store)(w + CK_PANEL_ROWS + CK_LANES * s, second);
        }
}

/// Decodes as many bf16 activations as CK_FLOAT_COLUMNS, odd before even.
CK_INLINE void CK_NAME(decode_activations)(const uint8_t *from, float *to) {
#pragma clang loop unroll(full)
    for (int k = 0; k < CK_FLOAT_COLUMNS; k += 32) {
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
    case tokens: { \
        size_t s = 0; \
        for (; s + CK_FLOAT_STRIPS(tokens) <= strips; s += CK_FLOAT_STRIPS(tokens)) \
            CK_RUN_TILE(CK_FLOAT_STRIPS(tokens), tokens); \
        for (; s < strips; s++) CK_RUN_TILE(1, tokens); \
        break; \
    }

/// Adds a block of up to 256 columns to the sums of up to CK_FLOAT_TILE tokens.
CK_INLINE void CK_NAME(add_decoded_floats)(
    size_t strips, size_t tokens, const float *w, const float *const *x, size_t columns,
    float *sums) {
#define CK_RUN_TILE(strips, tokens) \
    CK_NAME(decoded_tile)( \
        strips, tokens, w + CK_LANES * s, x, columns, sums + CK_LANES * s)
    switch (tokens) {
        CK_TILE_CASE(1)
        CK_TILE_CASE(2)
        CK_TILE_CASE(3)
        CK_TILE_CASE(4)
        CK_TILE_CASE(5)
        CK_TILE_CASE(6)
    }
#undef CK_RUN_TILE
}

#if CK_BF16_DOT
CK_INLINE void CK_NAME(add_bf16)(
    size_t strips, size_t tokens, const uint8_t *w, const uint8_t *const *x, size_t pairs,
    float *sums) {
#define CK_RUN_TILE(tile_strips, tokens) \
    CK_NAME(bf16_tile)( \
        tile_strips, tokens, strips, w + 64 * s, x, pairs, sums + CK_LANES * s)
    switch (tokens) {
        CK_TILE_CASE(1)
        CK_TILE_CASE(2)
        CK_TILE_CASE(3)
        CK_TILE_CASE(4)
        CK_TILE_CASE(5)
        CK_TILE_CASE(6)
    }
#undef CK_RUN_TILE
}
#endif

#undef CK_TILE_CASE

/// Asks for what the tile of the next tokens will read.
CK_INLINE void CK_NAME(prefetch_tile)(
    size_t tokens, const uint8_t *const *x, size_t offset, size_t bytes, const float *sums) {
    for (size_t t = 0; t < tokens; t++) {
        for (size_t i = 0; i < bytes; i += 64) __builtin_prefetch(x[t] + offset + i);
#pragma clang loop unroll(full)
        for (int s = 0; s < CK_PANEL_STRIPS; s++)
            __builtin_prefetch(sums + t * CK_PANEL_ROWS + s * CK_LANES);
    }
}

/// Adds the columns of a block of activations to the sums of all tokens.
CK_INLINE void CK_NAME(add_floats)(
    ck_format format, const uint8_t *weights, size_t strips, size_t columns,
    const uint8_t *const *x, size_t token_count, ck_floats_scratch *scratch) {
    // Tiles of about the same number of tokens.
    const size_t tiles = (token_count + CK_FLOAT_TILE - 1) / CK_FLOAT_TILE;
#if CK_BF16_DOT
    if (format == CK_BF16) {
        for (size_t i = 0, t = 0; i < tiles; i++) {
            const size_t tokens = (token_count - t) / (tiles - i);
            CK_NAME(prefetch_tile)(
                i + 1 < tiles ? (token_count - t - tokens) / (tiles - i - 1) : 0, x + t + tokens, 0,
                2 * columns, scratch->sums + (t + tokens) * CK_PANEL_ROWS);
            CK_NAME(add_bf16)(
                strips, tokens, weights, x + t, (columns + 1) / 2,
                scratch->sums + t * CK_PANEL_ROWS);
            t += tokens;
        }
        return;
    }
#endif
    for (size_t k = 0; k < columns; k += CK_FLOAT_COLUMNS) {
        const size_t width = columns - k < CK_FLOAT_COLUMNS ? columns - k : CK_FLOAT_COLUMNS;
        CK_NAME(decode_weights)(
            format, weights + k / 2 * 64 * strips, strips, width, scratch->weights);
        for (size_t i = 0, t = 0; i < tiles; i++) {
            const size_t tokens = (token_count - t) / (tiles - i);
            CK_NAME(prefetch_tile)(
                i + 1 < tiles ? (token_count - t - tokens) / (tiles - i - 1) : 0, x + t + tokens,
                (format == CK_BF16 ? 2 : 4) * k, (format == CK_BF16 ? 2 : 4) * width,
                scratch->sums + (t + tokens) * CK_PANEL_ROWS);
            const float *from[CK_FLOAT_TILE];
            for (size_t j = 0; j < tokens; j++)
                if (format == CK_BF16) {
                    CK_NAME(decode_activations)(x[t + j] + 2 * k, scratch->x[j]);
                    from[j] = scratch->x[j];
                } else {
                    from[j] = (const float *)(const void *)x[t + j] + k;
                }
            CK_NAME(add_decoded_floats)(
                strips, tokens, scratch->weights, from, (width + 1) / 2 * 2,
                scratch->sums + t * CK_PANEL_ROWS);
            t += tokens;
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
