// SPDX-License-Identifier: Apache-2.0
// Matrix products, included by product.c once per instruction set.
//
// A row block of weights is decoded a column block at a time, so that it stays in the second-level
// cache while a block of tokens passes over it; the sixteen lanes of every sum wait in `sums`
// between column blocks. Tiles of 4 rows by up to 6 tokens keep their sums in registers.
#include "lanes.h"

/// Adds the products of a column block to the lanes of `rows` x `tokens` sums.
CK_INLINE void CK_NAME(tile)(
    int rows, int tokens, const float *w, size_t w_stride, const float *const *x, size_t offset,
    size_t count, float *sums) {
    ck_v16 s[4][CK_TILE_TOKENS];
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; r++)
#pragma clang loop unroll(full)
        for (int t = 0; t < tokens; t++)
            s[r][t] = CK_NAME(load)(sums + ((size_t)r * CK_TOKEN_BLOCK + t) * CK_LANES);
    const float *from[CK_TILE_TOKENS];
#pragma clang loop unroll(full)
    for (int t = 0; t < tokens; t++) from[t] = x[t] + offset;
    const size_t whole = count - count % CK_LANES;
    for (size_t k = 0; k < whole; k += CK_LANES) {
        ck_v16 v[CK_TILE_TOKENS];
#pragma clang loop unroll(full)
        for (int t = 0; t < tokens; t++) v[t] = CK_NAME(load)(from[t] + k);
#pragma clang loop unroll(full)
        for (int r = 0; r < rows; r++) {
            const ck_v16 weights = CK_NAME(load)(w + (size_t)r * w_stride + k);
#pragma clang loop unroll(full)
            for (int t = 0; t < tokens; t++) s[r][t] = CK_NAME(fma)(weights, v[t], s[r][t]);
        }
    }
    if (whole < count) {
        const int rest = (int)(count - whole);
        for (int t = 0; t < tokens; t++) {
            const ck_v16 v = CK_NAME(load_partial)(from[t] + whole, rest);
            for (int r = 0; r < rows; r++) {
                const ck_v16 weights = CK_NAME(load_partial)(w + (size_t)r * w_stride + whole, rest);
                s[r][t] = CK_NAME(fma)(weights, v, s[r][t]);
            }
        }
    }
#pragma clang loop unroll(full)
    for (int r = 0; r < rows; r++)
#pragma clang loop unroll(full)
        for (int t = 0; t < tokens; t++)
            CK_NAME(store)(sums + ((size_t)r * CK_TOKEN_BLOCK + t) * CK_LANES, s[r][t]);
}

/// As tile, for any number of tokens up to CK_TILE_TOKENS.
CK_INLINE void CK_NAME(tile_of)(
    int rows, size_t tokens, const float *w, size_t w_stride, const float *const *x, size_t offset,
    size_t count, float *sums) {
    switch (tokens) {
    case 1: CK_NAME(tile)(rows, 1, w, w_stride, x, offset, count, sums); break;
    case 2: CK_NAME(tile)(rows, 2, w, w_stride, x, offset, count, sums); break;
#if CK_TILE_TOKENS > 2
    case 3: CK_NAME(tile)(rows, 3, w, w_stride, x, offset, count, sums); break;
    case 4: CK_NAME(tile)(rows, 4, w, w_stride, x, offset, count, sums); break;
    case 5: CK_NAME(tile)(rows, 5, w, w_stride, x, offset, count, sums); break;
    case 6: CK_NAME(tile)(rows, 6, w, w_stride, x, offset, count, sums); break;
#endif
    }
}

static void CK_NAME(multiply)(
    const ck_product *p, size_t first_row, size_t row_count, float *scratch) {
    float *const panel = scratch;
    float *const sums = scratch + CK_ROW_BLOCK * CK_COLUMN_BLOCK;
    for (size_t t0 = 0; t0 < p->token_count; t0 += CK_TOKEN_BLOCK) {
        const size_t tokens =
            p->token_count - t0 < CK_TOKEN_BLOCK ? p->token_count - t0 : CK_TOKEN_BLOCK;
        const float *x[CK_TOKEN_BLOCK];
        for (size_t t = 0; t < tokens; t++)
            x[t] = p->x + (p->x_rows ? (size_t)p->x_rows[t0 + t] : t0 + t) * p->x_stride;
        for (size_t r0 = 0; r0 < row_count; r0 += CK_ROW_BLOCK) {
            const size_t rows = row_count - r0 < CK_ROW_BLOCK ? row_count - r0 : CK_ROW_BLOCK;
            const uint8_t *const weights = p->weights + (first_row + r0) * p->row_bytes;
            for (size_t r = 0; r < rows; r++)
                __builtin_memset(
                    sums + r * CK_TOKEN_BLOCK * CK_LANES, 0, tokens * CK_LANES * sizeof(float));
            for (size_t k0 = 0; k0 < p->columns; k0 += CK_COLUMN_BLOCK) {
                const size_t columns =
                    p->columns - k0 < CK_COLUMN_BLOCK ? p->columns - k0 : CK_COLUMN_BLOCK;
                const float *w = panel;
                size_t w_stride = CK_COLUMN_BLOCK;
                if (p->format == CK_F32 && (uintptr_t)weights % 4 == 0) {
                    w = (const float *)(const void *)weights + k0;
                    w_stride = p->row_bytes / sizeof(float);
                } else {
                    const size_t offset =
                        k0 / ck_block_elements(p->format) * ck_block_bytes(p->format);
                    for (size_t r = 0; r < rows; r++)
                        ck_dequantize(
                            CK_ISA_OF_VARIANT, 
                            p->format, weights + r * p->row_bytes + offset,
                            panel + r * CK_COLUMN_BLOCK, columns);
                }
                for (size_t r = 0; r < rows; r += 4)
                    for (size_t t = 0; t < tokens; t += CK_TILE_TOKENS) {
                        const size_t group = tokens - t < CK_TILE_TOKENS ? tokens - t : CK_TILE_TOKENS;
                        const float *const from = w + r * w_stride;
                        float *const to = sums + (r * CK_TOKEN_BLOCK + t) * CK_LANES;
                        if (rows - r >= 4)
                            CK_NAME(tile_of)(4, group, from, w_stride, x + t, k0, columns, to);
                        else
                            for (size_t i = 0; i < rows - r; i++)
                                CK_NAME(tile_of)(
                                    1, group, from + i * w_stride, w_stride, x + t, k0, columns,
                                    to + i * CK_TOKEN_BLOCK * CK_LANES);
                    }
            }
            for (size_t t = 0; t < tokens; t++) {
                const size_t row = p->y_rows ? (size_t)p->y_rows[t0 + t] : t0 + t;
                float *const y = p->y + row * p->y_stride + first_row + r0;
                for (size_t r = 0; r < rows; r++)
                    y[r] = CK_NAME(sum)(
                        CK_NAME(load)(sums + (r * CK_TOKEN_BLOCK + t) * CK_LANES));
            }
        }
    }
}
