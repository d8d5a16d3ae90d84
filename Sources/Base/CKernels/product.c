// SPDX-License-Identifier: Apache-2.0
#include "ck_product.h"

#include "variants.h"

enum {
    /// Weight rows that are decoded together.
    CK_ROW_BLOCK = 16,
    /// Columns that are decoded together: a multiple of every format's block.
    CK_COLUMN_BLOCK = 1024,
    /// Tokens that pass over a decoded row block.
    CK_TOKEN_BLOCK = 96,
};

size_t ck_multiply_scratch(void) {
    return (size_t)CK_ROW_BLOCK * (CK_COLUMN_BLOCK + CK_TOKEN_BLOCK * 16);
}

#define CK_VARIANT scalar
#define CK_TILE_TOKENS 2
#define CK_ISA_OF_VARIANT CK_ISA_SCALAR
#include "product_body.h"
#undef CK_VARIANT
#undef CK_TILE_TOKENS
#undef CK_ISA_OF_VARIANT

#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#define CK_VARIANT avx2
#define CK_TILE_TOKENS 2
#define CK_ISA_OF_VARIANT CK_ISA_AVX2
#include "product_body.h"
#undef CK_VARIANT
#undef CK_TILE_TOKENS
#undef CK_ISA_OF_VARIANT
#pragma clang attribute pop

#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,fma,f16c"))), apply_to = function)
#define CK_VARIANT avx512
#define CK_TILE_TOKENS 6
#define CK_ISA_OF_VARIANT CK_ISA_AVX512
#include "product_body.h"
#undef CK_VARIANT
#undef CK_TILE_TOKENS
#undef CK_ISA_OF_VARIANT
#pragma clang attribute pop
#endif

void ck_multiply(
    ck_isa isa, const ck_product *product, size_t first_row, size_t row_count, float *scratch) {
    CK_DISPATCH(isa, multiply, product, first_row, row_count, scratch);
}
