// SPDX-License-Identifier: Apache-2.0
// Matrix products, included by product.c once per instruction set.
//
// A row block of weights is decoded a column block at a time, so that it stays in the cache while a
// block of tokens passes over it; the sixteen lanes of every sum wait in `sums`, row by row for each
// token, between column blocks. Tiles keep their sums in registers: on AVX-512 8 rows by 3 tokens or
// 4 by 6, all lanes at once; elsewhere 4 by 3, the lanes in two halves, one after the other.
#include "lanes.h"

#define CK_TILE_LANES (int)(sizeof(ck_tile) / sizeof(float))

CK_INLINE ck_tile CK_NAME(load_tile)(const float *p) {
    ck_tile v;
    __builtin_memcpy(&v, p, sizeof v);
    return v;
}

/// Adds the products of some columns to some of the lanes of `rows` x `tokens` sums.
CK_INLINE void CK_NAME(tile)(
    int rows, int tokens, const float *w, size_t w_stride, const float *const *x, size_t offset,
    size_t count, float *sums) {
    ck_tile s[CK_TILE_SUMS];
    const float *from[CK_TILE_TOKENS];
#pragma clang loop unroll(full)
    for (int t = 0; t < tokens; t++) from[t] = x[t] + offset;
#pragma clang loop unroll(full)
    for (int t = 0; t < tokens; t++)
#pragma clang loop unroll(full)
        for (int r = 0; r < rows; r++)
            s[t * rows + r] = CK_NAME(load_tile)(sums + (t * CK_ROW_BLOCK + r) * CK_LANES);
    // The side with fewer operands stays in registers, the other passes by.
    if (rows <= tokens)
        for (size_t k = 0; k < count; k += CK_LANES) {
            ck_tile a[CK_TILE_ROWS];
#pragma clang loop unroll(full)
            for (int r = 0; r < rows; r++) a[r] = CK_NAME(load_tile)(w + r * w_stride + k);
#pragma clang loop unroll(full)
            for (int t = 0; t < tokens; t++) {
                const ck_tile b = CK_NAME(load_tile)(from[t] + k);
#pragma clang loop unroll(full)
                for (int r = 0; r < rows; r++)
                    s[t * rows + r] = __builtin_elementwise_fma(a[r], b, s[t * rows + r]);
            }
        }
    else
        for (size_t k = 0; k < count; k += CK_LANES) {
            ck_tile b[CK_TILE_TOKENS];
#pragma clang loop unroll(full)
            for (int t = 0; t < tokens; t++) b[t] = CK_NAME(load_tile)(from[t] + k);
#pragma clang loop unroll(full)
            for (int r = 0; r < rows; r++) {
                const ck_tile a = CK_NAME(load_tile)(w + r * w_stride + k);
#pragma clang loop unroll(full)
                for (int t = 0; t < tokens; t++)
                    s[t * rows + r] = __builtin_elementwise_fma(a, b[t], s[t * rows + r]);
            }
        }
#pragma clang loop unroll(full)
    for (int t = 0; t < tokens; t++)
#pragma clang loop unroll(full)
        for (int r = 0; r < rows; r++)
            __builtin_memcpy(
                sums + (t * CK_ROW_BLOCK + r) * CK_LANES, &s[t * rows + r], sizeof(ck_tile));
}

/// Adds the products of the last, fewer than sixteen columns to all lanes.
static void CK_NAME(tail)(
    size_t rows, size_t tokens, const float *w, size_t w_stride, const float *const *x,
    size_t offset, int count, float *sums) {
    for (size_t t = 0; t < tokens; t++) {
        const ck_v16 b = CK_NAME(load_partial)(x[t] + offset, count);
        for (size_t r = 0; r < rows; r++) {
            float *const to = sums + (t * CK_ROW_BLOCK + r) * CK_LANES;
            const ck_v16 a = CK_NAME(load_partial)(w + r * w_stride, count);
            CK_NAME(store)(to, CK_NAME(fma)(a, b, CK_NAME(load)(to)));
        }
    }
}

#define CK_TILE_CASE(rows, tokens) \
    case tokens: \
        for (; r + rows <= row_count; r += rows) \
            for (int lane = 0; lane < CK_LANES; lane += CK_TILE_LANES) \
                CK_NAME(tile)( \
                    rows, tokens, w + r * w_stride + lane, w_stride, x + t, offset + lane, whole, \
                    sums + (t * CK_ROW_BLOCK + r) * CK_LANES + lane); \
        for (; r < row_count; r++) \
            for (int lane = 0; lane < CK_LANES; lane += CK_TILE_LANES) \
                CK_NAME(tile)( \
                    1, tokens, w + r * w_stride + lane, w_stride, x + t, offset + lane, whole, \
                    sums + (t * CK_ROW_BLOCK + r) * CK_LANES + lane); \
        break

/// Adds the products of a column block to the lanes of all sums of a row block.
static void CK_NAME(add_block)(
    size_t row_count, size_t token_count, const float *w, size_t w_stride, const float *const *x,
    size_t offset, size_t count, float *sums) {
    const size_t whole = count - count % CK_LANES;
    for (size_t t = 0; t < token_count; t += CK_TILE_TOKENS) {
        const size_t tokens = token_count - t < CK_TILE_TOKENS ? token_count - t : CK_TILE_TOKENS;
        size_t r = 0;
        switch (tokens) {
            CK_TILE_CASE(CK_TILE_ROWS, 1);
            CK_TILE_CASE(CK_TILE_ROWS, 2);
            CK_TILE_CASE(CK_TILE_ROWS, 3);
#if CK_TILE_TOKENS > 3
            CK_TILE_CASE(4, 4);
            CK_TILE_CASE(4, 5);
            CK_TILE_CASE(4, 6);
#endif
        }
    }
    if (whole < count)
        CK_NAME(tail)(
            row_count, token_count, w + whole, w_stride, x, offset + whole, (int)(count - whole),
            sums);
}

/// The sums of the lanes of sixteen vectors, each as in lanes.h: by halving.
CK_INLINE ck_v16 CK_NAME(sum_rows)(const float *p) {
    ck_v16 a[8], b[4], c[2];
#pragma clang loop unroll(full)
    for (int i = 0; i < 8; i++) {
        const ck_v16 u = CK_NAME(load)(p + i * CK_LANES), v = CK_NAME(load)(p + (i + 8) * CK_LANES);
        a[i] = __builtin_shufflevector(
                   u, v, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23)
            + __builtin_shufflevector(
                   u, v, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31);
    }
#pragma clang loop unroll(full)
    for (int i = 0; i < 4; i++)
        b[i] = __builtin_shufflevector(
                   a[i], a[i + 4], 0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27)
            + __builtin_shufflevector(
                   a[i], a[i + 4], 4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31);
#pragma clang loop unroll(full)
    for (int i = 0; i < 2; i++)
        c[i] = __builtin_shufflevector(
                   b[i], b[i + 2], 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29)
            + __builtin_shufflevector(
                   b[i], b[i + 2], 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31);
    return __builtin_shufflevector(
               c[0], c[1], 0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30)
        + __builtin_shufflevector(
               c[0], c[1], 1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31);
}

static void CK_NAME(multiply)(
    const ck_product *p, size_t first_row, size_t row_count, float *scratch) {
    float *const sums = scratch;
    float *const panel = scratch + CK_ROW_BLOCK * CK_TOKEN_BLOCK * CK_LANES;
    const int in_place = p->format == CK_F32
        && (uintptr_t)p->weights % sizeof(float) == 0 && p->row_bytes % sizeof(float) == 0;
    // For a few tokens the decoded weights are used once or so: then they stay in the first cache.
    const int few = p->token_count <= 6 && !in_place && p->columns > CK_COLUMN_BLOCK;
    const size_t column_block = few ? 512 : CK_COLUMN_BLOCK;
    const size_t block_elements = ck_block_elements(p->format);
    const size_t block_bytes = ck_block_bytes(p->format);
    for (size_t t0 = 0; t0 < p->token_count; t0 += CK_TOKEN_BLOCK) {
        const size_t tokens =
            p->token_count - t0 < CK_TOKEN_BLOCK ? p->token_count - t0 : CK_TOKEN_BLOCK;
        const float *x[CK_TOKEN_BLOCK];
        for (size_t t = 0; t < tokens; t++)
            x[t] = p->x + (p->x_rows ? (size_t)p->x_rows[t0 + t] : t0 + t) * p->x_stride;
        for (size_t r0 = 0; r0 < row_count; r0 += CK_ROW_BLOCK) {
            const size_t rows = row_count - r0 < CK_ROW_BLOCK ? row_count - r0 : CK_ROW_BLOCK;
            const uint8_t *const weights = p->weights + (first_row + r0) * p->row_bytes;
            __builtin_memset(sums, 0, tokens * CK_ROW_BLOCK * CK_LANES * sizeof(float));
            for (size_t k0 = 0; k0 < p->columns; k0 += column_block) {
                const size_t columns =
                    p->columns - k0 < column_block ? p->columns - k0 : column_block;
                if (in_place) {
                    CK_NAME(add_block)(
                        rows, tokens, (const float *)(const void *)weights + k0,
                        p->row_bytes / sizeof(float), x, k0, columns, sums);
                    continue;
                }
                for (size_t r = 0; r < rows; r++) {
                    const uint8_t *const from =
                        weights + r * p->row_bytes + k0 / block_elements * block_bytes;
                    // Rows come in pieces too short for the processor to foresee, so ask for the
                    // row's next piece, or its like in the next row block, while this is decoded.
                    const uint8_t *const next = k0 + column_block < p->columns
                        ? from + column_block / block_elements * block_bytes
                        : weights + (r + CK_ROW_BLOCK) * p->row_bytes;
                    const size_t next_bytes = columns / block_elements * block_bytes;
                    for (size_t i = 0; i < next_bytes; i += 64) __builtin_prefetch(next + i);
                    ck_dequantize(
                        CK_ISA_OF_VARIANT, p->format, from, panel + r * CK_PANEL_STRIDE, columns);
                }
                CK_NAME(add_block)(rows, tokens, panel, CK_PANEL_STRIDE, x, k0, columns, sums);
            }
            for (size_t t = 0; t < tokens; t++) {
                const size_t row = p->y_rows ? (size_t)p->y_rows[t0 + t] : t0 + t;
                float *const y = p->y + row * p->y_stride + first_row + r0;
                const ck_v16 sum = CK_NAME(sum_rows)(sums + t * CK_ROW_BLOCK * CK_LANES);
                if (rows == CK_ROW_BLOCK)
                    CK_NAME(store)(y, sum);
                else
                    CK_NAME(store_partial)(y, sum, (int)rows);
            }
        }
    }
}

#undef CK_TILE_CASE
#undef CK_TILE_LANES
