// SPDX-License-Identifier: Apache-2.0
#include "ck_float_panels.h"

#include "variants.h"

#define CK_HALF_PANEL 16

// The tiles are as large as the registers allow: their sums, the weights of a column, and a number.
#define CK_TILE_ROWS 4
#define CK_TILE_HALVES 1
#define CK_VARIANT scalar
#include "float_panels_body.h"
#undef CK_VARIANT

#if defined(__x86_64__)
#undef CK_TILE_ROWS
#define CK_TILE_ROWS 6
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#define CK_VARIANT avx2
#include "float_panels_body.h"
#undef CK_VARIANT
#pragma clang attribute pop

#undef CK_TILE_ROWS
#undef CK_TILE_HALVES
#define CK_TILE_ROWS 12
#define CK_TILE_HALVES 2
#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,fma,f16c"))), apply_to = function)
#define CK_VARIANT avx512
#include "float_panels_body.h"
#undef CK_VARIANT
#pragma clang attribute pop
#endif

void ck_fill_float_panel(
    const float *rows, size_t stride, size_t row_count, size_t columns, float *panel) {
    for (size_t k = 0; k < columns; k++)
        for (size_t n = 0; n < CK_FLOAT_PANEL_ROWS; n++)
            panel[k * CK_FLOAT_PANEL_ROWS + n] = n < row_count ? rows[n * stride + k] : 0;
}

void ck_fill_float_panel_transposed(
    const float *columns, size_t stride, size_t column_count, size_t row_count, float *panel) {
    for (size_t k = 0; k < column_count; k++) {
        __builtin_memcpy(
            panel + k * CK_FLOAT_PANEL_ROWS, columns + k * stride, row_count * sizeof(float));
        for (size_t n = row_count; n < CK_FLOAT_PANEL_ROWS; n++)
            panel[k * CK_FLOAT_PANEL_ROWS + n] = 0;
    }
}

void ck_multiply_float_panels(
    ck_isa isa, const float *x, size_t x_stride, size_t row_count, size_t columns,
    const float *panels, size_t panel_count, const float *bias, ck_after after, float *y,
    size_t y_stride) {
    CK_DISPATCH(
        isa, multiply_float_panels, x, x_stride, row_count, columns, panels, panel_count, bias,
        after, y, y_stride);
}
