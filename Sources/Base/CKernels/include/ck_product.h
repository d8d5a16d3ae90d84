// SPDX-License-Identifier: Apache-2.0
#ifndef CIERZO_CK_PRODUCT_H
#define CIERZO_CK_PRODUCT_H

#include <stddef.h>
#include <stdint.h>

#include "ck_cpu.h"
#include "ck_dequantize.h"

/// y = x · Wᵀ for some tokens.
///
/// Each sum is taken in 16 lanes: lane j adds the products k ≡ j (mod 16) in ascending order by
/// fused multiply-add, from zero; then lane j + lane j+8, + 4, + 2, + 1. So an element of y depends
/// on its row of x and its row of W alone, and every variant and tile shape gives the same bits.
typedef struct {
    /// The first weight row; any alignment.
    const uint8_t *weights;
    /// The distance between weight rows.
    size_t row_bytes;
    ck_format format;
    /// The length of a row of W and x.
    size_t columns;
    const float *x;
    /// The distance between rows of x, in elements.
    size_t x_stride;
    float *y;
    size_t y_stride;
    /// Which row of x token t reads; t itself where NULL.
    const int32_t *x_rows;
    /// Which row of y token t writes; t itself where NULL.
    const int32_t *y_rows;
    size_t token_count;
} ck_product;

/// The number of floats of scratch that ck_multiply needs, 64-byte aligned, for any product.
size_t ck_multiply_scratch(void);

/// Computes the columns `first_row ..< first_row + row_count` of y.
void ck_multiply(
    ck_isa isa, const ck_product *product, size_t first_row, size_t row_count, float *scratch);

#endif
