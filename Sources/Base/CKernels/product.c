// SPDX-License-Identifier: Apache-2.0
#include "ck_product.h"

#include "variants.h"

/// Weight rows that are decoded together.
#define CK_ROW_BLOCK 16
/// Columns that are decoded together: a multiple of every format's block.
#define CK_COLUMN_BLOCK 1024
/// The distance between decoded rows: not a power of two, which would crowd a few sets of the cache.
#define CK_PANEL_STRIDE (CK_COLUMN_BLOCK + 16)
/// Tokens that pass over a decoded row block.
#define CK_TOKEN_BLOCK 192

size_t ck_multiply_scratch(void) {
    return (size_t)CK_ROW_BLOCK * (CK_PANEL_STRIDE + CK_TOKEN_BLOCK * 16);
}

#define CK_VARIANT scalar
#define CK_ISA_OF_VARIANT CK_ISA_SCALAR
#define CK_TILE_ROWS 4
#define CK_TILE_TOKENS 3
#define CK_TILE_SUMS 12
#define ck_tile ck_v8
#include "product_body.h"
#undef CK_VARIANT
#undef CK_ISA_OF_VARIANT

#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#define CK_VARIANT avx2
#define CK_ISA_OF_VARIANT CK_ISA_AVX2
#include "product_body.h"
#undef CK_VARIANT
#undef CK_ISA_OF_VARIANT
#pragma clang attribute pop

#undef CK_TILE_ROWS
#undef CK_TILE_TOKENS
#undef CK_TILE_SUMS
#undef ck_tile
#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,fma,f16c"))), apply_to = function)
#define CK_VARIANT avx512
#define CK_ISA_OF_VARIANT CK_ISA_AVX512
#define CK_TILE_ROWS 8
#define CK_TILE_TOKENS 6
#define CK_TILE_SUMS 24
#define ck_tile ck_v16
#include "product_body.h"
#pragma clang attribute pop
#endif

void ck_multiply(
    ck_isa isa, const ck_product *product, size_t first_row, size_t row_count, float *scratch) {
    CK_DISPATCH(isa, multiply, product, first_row, row_count, scratch);
}
