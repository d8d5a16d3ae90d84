// SPDX-License-Identifier: Apache-2.0
// Products with weights that were packed for it.
//
// Layout. A *strip* is 16 weight rows, a *panel* 4 strips (64 rows; the last panel of a matrix has as
// many strips as its rows need, the rows that miss are zero). Columns come in blocks, 64 columns of
// the types with a scale per 32 (128 of MXFP4), 256 of the others; a panel is, block after block, its strips' blocks.
// So a product reads one unbroken stream. Every strip's block is a multiple of 64 bytes:
//   Q4_0 IQ4_NL Q5_0 Q8_0   f16 d[2][16]                         then 2 x 32 columns of codes
//   Q4_1 Q5_1               f16 d[2][16], m[2][16]               then 2 x 32 columns of codes
//   MXFP4                   e8m0 d[4][16]                        then 4 x 32 columns of codes
//   Q4_K Q5_K               f16 d[16], dmin[16], u8 s[8][16], m[8][16]     then 8 x 32 columns
//   IQ4_XS                  f16 d[16], i8 s[8][16], 32 bytes of padding    then 8 x 32 columns
//   Q6_K                    f16 d[16], i8 s[16][16], 32 bytes of padding   then 8 x 32 columns
//   Q3_K                    f16 d[16], s of 6 bits: 4 low [8][16] (sub-blocks j, j + 8),
//                           2 high [4][16] (j, j + 4, j + 8, j + 12), 32 bytes of padding,  then 8 x 32
//   Q2_K                    f16 d[16], dmin[16], u8 (s | m << 4)[16][16]   then 8 x 32 columns
// (a last block of fewer columns has the whole header and its own runs of codes). 32 columns of codes are
// planes of bytes (row r, k) = 4 r + k, where group j is columns 4 j + k, j = 0..<8, k = 0..<4:
//   four bits   4 x 64 bytes: plane j, j < 4, has group j in the low half and j + 4 in the high half
//   two bits    2 x 64 bytes: plane h has group 4 h + i at bits 2 i
//   one bit     64 bytes: group j at bit j
//   eight bits  8 x 64 bytes: plane j is group j
//   5 = 4 + 1, 6 = 4 + 2, 3 = 2 + 1 bits, low bits first.
// F16 and BF16 have blocks of two columns and 64 bytes, an odd last column is followed by zeros:
//   BF16   column k of row r at 4 r + 2 k        F16   at 2 r + 32 k
//
// Arithmetic of quantised types: int8 activations, int32 sums. Codes are unsigned, as vpdpbusd wants them; what is stored with an offset is corrected
// by the sums of the activations. Within a block of 32 columns (scale per 32) or 256 (K types, whose
// sub-block scales are integers) all is int32 and exact; then each row takes one fused multiply-add
// per block, and one more where there are minimums, in ascending order of columns. So an element of
// the result depends on its row of weights and its row of activations alone, and every instruction
// set, tile and batch size gives the same bits.
//
// F16 weights are multiplied with f32 activations, BF16 weights with bf16 ones, one fused
// multiply-add per column: F16 in ascending order; BF16 takes the odd column of each pair before the
// even one and subnormal numbers for zero, as vdpbf16ps does. So here too all bits are the same.
#ifndef CIERZO_CK_PACKED_H
#define CIERZO_CK_PACKED_H

#include <stddef.h>
#include <stdint.h>

#include "ck_cpu.h"
#include "ck_dequantize.h"

enum {
    /// Rows of a strip: what one vector of sums covers.
    CK_STRIP_ROWS = 16,
    /// Strips of a panel.
    CK_PANEL_STRIPS = 4,
    /// Rows of a panel.
    CK_PANEL_ROWS = CK_STRIP_ROWS * CK_PANEL_STRIPS,
    /// Columns of a block of activations.
    CK_ACTIVATION_COLUMNS = 256
};

/// How activations are prepared for the weights of a format.
typedef enum {
    /// As they are.
    CK_ACTIVATION_F32 = 0,
    /// int8, one scale per 32 columns.
    CK_ACTIVATION_Q8_32 = 1,
    /// int8, one scale per 256 columns.
    CK_ACTIVATION_Q8_256 = 2,
    /// bf16, rounded to the nearest, ties to even.
    CK_ACTIVATION_BF16 = 3
} ck_activation;

/// 1 where weights of `format` with rows of `columns` elements can be packed.
int ck_can_pack(ck_format format, size_t columns);

/// Bytes of one strip of `columns`: a matrix takes this for each 16 rows, rounded up.
size_t ck_strip_bytes(ck_format format, size_t columns);

/// Packs up to 64 rows, `row_bytes` apart, into a panel of (row_count + 15) / 16 strips.
void ck_pack_panel(
    ck_format format, const uint8_t *rows, size_t row_bytes, size_t row_count, size_t columns,
    uint8_t *panel);

/// Decodes row `row` of a panel of `strip_count` strips to f32, with the bits of ck_dequantize.
void ck_decode_packed_row(
    ck_isa isa, ck_format format, const uint8_t *panel, size_t strip_count, size_t row,
    size_t columns, float *y);

/// How the activations for `format` are prepared.
ck_activation ck_activation_of(ck_format format);

/// Bytes of a block of activations.
size_t ck_activation_bytes(ck_activation kind);

/// Prepares one row: block b of 256 columns goes to `blocks + b * block_stride`.
///
/// int8: q = round(x * 127 / max |x|) to the nearest, ties to even. A row of any `columns` is padded with
/// zeros to whole blocks. Values that are not finite spoil the sums of their row and no others.
void ck_quantize_row(
    ck_isa isa, ck_activation kind, const float *x, size_t columns, void *blocks,
    size_t block_stride);

/// y = x · Wᵀ for some tokens.
typedef struct {
    /// The packed weights, 64-byte aligned.
    const uint8_t *panels;
    ck_format format;
    size_t columns;
    /// The rows of W.
    size_t row_count;
    /// Activations: block b of row i at x + b * block_stride + i * ck_activation_bytes(kind).
    const uint8_t *x;
    size_t block_stride;
    float *y;
    /// The distance between rows of y, in elements.
    size_t y_stride;
    /// Which row of x each token reads, and which row of y it writes; NULL: its own number.
    const int32_t *x_rows;
    const int32_t *y_rows;
    size_t token_count;
} ck_packed_product;

/// Bytes of scratch, 64-byte aligned, that ck_multiply_packed needs.
size_t ck_multiply_packed_scratch(void);

/// Computes the outputs of panels `first_panel` ..< `first_panel + panel_count`.
void ck_multiply_packed(
    ck_isa isa, const ck_packed_product *product, size_t first_panel, size_t panel_count,
    void *scratch);

#endif
