// SPDX-License-Identifier: Apache-2.0
// Products with f32 panels, included by float_panels.c once per instruction set.
#include "lanes.h"

/// x · numerator(x²) / denominator(x²), both of degree 5, x held to ±bound and the result to ±1.
CK_INLINE ck_v16 CK_NAME(odd_ratio)(
    ck_v16 x, float bound, const float *numerator, const float *denominator) {
    const ck_v16 high = CK_NAME(splat)(bound), one = CK_NAME(splat)(1);
    x = CK_NAME(select)(x > high, high, x);
    x = CK_NAME(select)(x < -high, -high, x);
    const ck_v16 square = x * x;
    ck_v16 p = CK_NAME(splat)(numerator[5]), q = CK_NAME(splat)(denominator[5]);
#pragma clang loop unroll(full)
    for (int i = 4; i >= 0; i--) {
        p = CK_NAME(fma)(p, square, CK_NAME(splat)(numerator[i]));
        q = CK_NAME(fma)(q, square, CK_NAME(splat)(denominator[i]));
    }
    const ck_v16 ratio = x * p / q;
    const ck_v16 below = CK_NAME(select)(ratio > one, one, ratio);
    return CK_NAME(select)(below < -one, -one, below);
}

/// The coefficients are minimax fits in f64, rounded.
CK_INLINE ck_v16 CK_NAME(gelu)(ck_v16 x) {
    // erf(x / √2)
    static const float numerator[] = {
        0x1.988450p-1f, 0x1.154f06p-4f, 0x1.32858ap-7f, 0x1.6203e8p-12f, 0x1.aa4214p-17f,
        0x1.86d348p-25f};
    static const float denominator[] = {
        1, 0x1.018dfcp-2f, 0x1.d551b2p-6f, 0x1.edf838p-10f, 0x1.34debep-14f, 0x1.41713ap-20f};
    const ck_v16 erf = CK_NAME(odd_ratio)(x, 5.5f, numerator, denominator);
    const ck_v16 half = CK_NAME(splat)(0.5f) * x;
    return CK_NAME(fma)(half, erf, half);
}

CK_INLINE ck_v16 CK_NAME(tanh)(ck_v16 x) {
    static const float numerator[] = {
        1, 0x1.20b5c6p-3f, 0x1.21e1d6p-8f, 0x1.620c8ep-15f, 0x1.dbe8e8p-24f, 0x1.4155acp-35f};
    static const float denominator[] = {
        1, 0x1.e5b038p-2f, 0x1.de466ep-6f, 0x1.064fd8p-11f, 0x1.5ca80ep-19f, 0x1.93ca94p-29f};
    return CK_NAME(odd_ratio)(x, 9.0f, numerator, denominator);
}

/// Some rows of y, for some of the halves of a panel.
///
/// - ahead: weights that are wanted next, `lines` cache lines for every 16 columns.
CK_INLINE void CK_NAME(float_panel_tile)(
    int rows, int halves, const float *x, size_t x_stride, size_t columns, const float *panel,
    const char *ahead, size_t lines, const float *bias, ck_after after, float *y,
    size_t y_stride) {
    ck_v16 sum[CK_TILE_ROWS * CK_TILE_HALVES];
#pragma clang loop unroll(full)
    for (int i = 0; i < rows * halves; i++) sum[i] = CK_NAME(splat)(0);
    for (size_t start = 0; start < columns; start += 16) {
        const size_t end = columns - start < 16 ? columns : start + 16;
        for (size_t l = 0; l < lines; l++, ahead += 64) __builtin_prefetch(ahead, 0, 2);
        for (size_t k = start; k < end; k++) {
            ck_v16 w[CK_TILE_HALVES];
#pragma clang loop unroll(full)
            for (int h = 0; h < halves; h++)
                w[h] = CK_NAME(load)(panel + k * CK_FLOAT_PANEL_ROWS + CK_HALF_PANEL * h);
#pragma clang loop unroll(full)
            for (int t = 0; t < rows; t++) {
                const ck_v16 b = CK_NAME(splat)(x[(size_t)t * x_stride + k]);
#pragma clang loop unroll(full)
                for (int h = 0; h < halves; h++)
                    sum[t * halves + h] = CK_NAME(fma)(w[h], b, sum[t * halves + h]);
            }
        }
    }
#pragma clang loop unroll(full)
    for (int h = 0; h < halves; h++) {
        const ck_v16 b = bias ? CK_NAME(load)(bias + CK_HALF_PANEL * h) : CK_NAME(splat)(0);
#pragma clang loop unroll(full)
        for (int t = 0; t < rows; t++) sum[t * halves + h] += b;
    }
    // Out of the registers first: what comes after is written once, not once for each sum.
    for (int t = 0; t < rows; t++)
#pragma clang loop unroll(full)
        for (int h = 0; h < halves; h++)
            CK_NAME(store)(
                y + (size_t)t * y_stride + CK_HALF_PANEL * h, sum[t * halves + h]);
    if (after == CK_AFTER_NOTHING) return;
    for (int t = 0; t < rows; t++)
#pragma clang loop unroll(full)
        for (int h = 0; h < halves; h++) {
            float *const to = y + (size_t)t * y_stride + CK_HALF_PANEL * h;
            const ck_v16 v = CK_NAME(load)(to);
            CK_NAME(store)(to, after == CK_AFTER_GELU ? CK_NAME(gelu)(v) : CK_NAME(tanh)(v));
        }
}

#define CK_TILE_CASE(rows) \
    case rows: \
        if (rows <= CK_TILE_ROWS) \
            for (int h = 0; h < 2; h += CK_TILE_HALVES) \
                CK_NAME(float_panel_tile)( \
                    rows <= CK_TILE_ROWS ? rows : 1, CK_TILE_HALVES, x, x_stride, columns, \
                    panel + CK_HALF_PANEL * h, ahead, h == 0 ? lines : 0, \
                    bias ? bias + CK_HALF_PANEL * h : 0, after, y + CK_HALF_PANEL * h, y_stride); \
        break

static __attribute__((noinline)) void CK_NAME(float_panel_rows)(
    size_t rows, const float *x, size_t x_stride, size_t columns, const float *panel,
    const char *ahead, size_t lines, const float *bias, ck_after after, float *y,
    size_t y_stride) {
    switch (rows) {
        CK_TILE_CASE(1);
        CK_TILE_CASE(2);
        CK_TILE_CASE(3);
        CK_TILE_CASE(4);
        CK_TILE_CASE(5);
        CK_TILE_CASE(6);
        CK_TILE_CASE(7);
        CK_TILE_CASE(8);
        CK_TILE_CASE(9);
        CK_TILE_CASE(10);
        CK_TILE_CASE(11);
        CK_TILE_CASE(12);
    }
}

#undef CK_TILE_CASE

static __attribute__((noinline)) void CK_NAME(multiply_float_panels)(
    const float *x, size_t x_stride, size_t row_count, size_t columns, const float *panels,
    size_t panel_count, const float *bias, ck_after after, float *y, size_t y_stride) {
    const size_t panel_floats = columns * CK_FLOAT_PANEL_ROWS;
    // Rows of x that stay in the second cache, half a megabyte of them, while all panels pass.
    const size_t fitting = (1 << 17) / (columns + 1) / CK_TILE_ROWS * CK_TILE_ROWS;
    const size_t block = fitting < 4 * CK_TILE_ROWS ? 4 * CK_TILE_ROWS : fitting;
    for (size_t first = 0; first < row_count; first += block) {
        const size_t rows = row_count - first < block ? row_count - first : block;
        // Tiles of about the same number of rows.
        const size_t tiles = (rows + CK_TILE_ROWS - 1) / CK_TILE_ROWS;
        const size_t lines = (CK_FLOAT_PANEL_ROWS + tiles - 1) / tiles;
        for (size_t p = 0; p < panel_count; p++) {
            const float *const panel = panels + p * panel_floats;
            // The next panel, of which each tile asks for its share.
            const char *const next = (const char *)(panel + panel_floats);
            const int has_next = p + 1 < panel_count;
            for (size_t i = 0, t = 0, count; i < tiles; i++, t += count) {
                count = (rows - t) / (tiles - i);
                CK_NAME(float_panel_rows)(
                    count, x + (first + t) * x_stride, x_stride, columns, panel,
                    next + i * lines * 64 * ((columns + 15) / 16), has_next ? lines : 0,
                    bias ? bias + p * CK_FLOAT_PANEL_ROWS : 0, after,
                    y + (first + t) * y_stride + p * CK_FLOAT_PANEL_ROWS, y_stride);
            }
        }
    }
}
