// SPDX-License-Identifier: Apache-2.0
#include "ck_rope.h"

#include <math.h>

#include "variants.h"

#define CK_BODY "rope_body.h"
#include "every_variant.h"

void ck_rope_table(
    const float *inverse_frequencies, size_t pair_count, int position, float scale, float *table) {
    for (size_t i = 0; i < pair_count; i++) {
        const float angle = (float)position * inverse_frequencies[i];
        table[i] = scale * cosf(angle);
        table[pair_count + i] = scale * sinf(angle);
    }
}

void ck_rope_adjacent(
    ck_isa isa, float *x, const float *table, size_t pair_count, size_t head_count,
    size_t head_dimension) {
    CK_DISPATCH(isa, rope_adjacent, x, table, pair_count, head_count, head_dimension);
}

void ck_rope_halves(
    ck_isa isa, float *x, const float *table, size_t pair_count, size_t head_count,
    size_t head_dimension) {
    CK_DISPATCH(isa, rope_halves, x, table, pair_count, head_count, head_dimension);
}
