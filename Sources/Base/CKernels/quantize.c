// SPDX-License-Identifier: Apache-2.0
#include "packed_layout.h"
#include "variants.h"

typedef int8_t ck_sb16 __attribute__((vector_size(16)));
typedef uint16_t ck_uh16 __attribute__((vector_size(32)));

#define CK_BODY "quantize_body.h"
#include "every_variant.h"

void ck_quantize_row(
    ck_isa isa, ck_activation kind, const float *x, size_t columns, void *blocks,
    size_t block_stride) {
    CK_DISPATCH(isa, quantize_row, kind, x, columns, (uint8_t *)blocks, block_stride);
}
