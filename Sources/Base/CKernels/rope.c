// SPDX-License-Identifier: Apache-2.0
#include "ck_rope.h"

#include <math.h>

#include "variants.h"

#define CK_VARIANT scalar
#include "rope_body.h"
#undef CK_VARIANT

#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#define CK_VARIANT avx2
#include "rope_body.h"
#undef CK_VARIANT
#pragma clang attribute pop

#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,fma,f16c"))), apply_to = function)
#define CK_VARIANT avx512
#include "rope_body.h"
#undef CK_VARIANT
#pragma clang attribute pop
#endif

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
