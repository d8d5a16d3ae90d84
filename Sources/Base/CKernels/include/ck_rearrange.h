// SPDX-License-Identifier: Apache-2.0
// Weights as some files have them, row after row as products read them.
#ifndef CIERZO_CK_REARRANGE_H
#define CIERZO_CK_REARRANGE_H

#include <stddef.h>
#include <stdint.h>

/// Which rows of a matrix are taken: `row_count` of them from `first_row` on, `row_step` apart.
typedef struct {
    size_t first_row;
    size_t row_step;
    size_t row_count;
} ck_row_choice;

/// Rows of a matrix that lies column after column, `all_rows` elements of `element_bytes` each.
void ck_transpose_rows(
    const uint8_t *source, size_t element_bytes, size_t columns, size_t all_rows,
    ck_row_choice rows, uint8_t *target);

/// Rows of MXFP4 in ggml's blocks, of codes and scales that lie apart.
///
/// - blocks: [row][block][16]; byte j holds the codes of columns 2 j (low half) and 2 j + 1.
/// - scales: [row][block].
/// - block_count: of a row.
void ck_join_mxfp4_rows(
    const uint8_t *blocks, const uint8_t *scales, size_t block_count, ck_row_choice rows,
    uint8_t *target);

/// A row of E4M3 numbers times their scales.
///
/// - levels: what each of the 256 codes means.
/// - scales: of each `block_columns` numbers.
void ck_decode_e4m3_row(
    const uint8_t *codes, size_t columns, const float *levels, const float *scales,
    size_t block_columns, float *y);

/// A row of E2M1 numbers times their scales.
///
/// - codes: byte j holds columns 2 j (low half) and 2 j + 1.
/// - scales: of each 16 numbers.
void ck_decode_e2m1_row(const uint8_t *codes, size_t columns, const float *scales, float *y);

/// Numbers times a factor as bf16, to the nearest, ties to even.
void ck_round_bf16_row(const float *x, float factor, size_t count, uint16_t *y);

#endif
