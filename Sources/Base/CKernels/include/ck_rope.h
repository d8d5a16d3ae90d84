// SPDX-License-Identifier: Apache-2.0
#ifndef CIERZO_CK_ROPE_H
#define CIERZO_CK_ROPE_H

#include <stddef.h>

#include "ck_cpu.h"

/// Cosines and sines of one position: table[i] = scale·cos(angle), table[pair_count + i] =
/// scale·sin(angle), where angle = (float)position · inverse_frequencies[i] in single precision, as
/// the models were trained.
void ck_rope_table(
    const float *inverse_frequencies, size_t pair_count, int position, float scale, float *table);

/// Rotates the pairs (2i, 2i + 1) of each of `head_count` heads of `head_dimension` floats in
/// place. Components from 2·pair_count on stay.
void ck_rope_adjacent(
    ck_isa isa, float *x, const float *table, size_t pair_count, size_t head_count,
    size_t head_dimension);

/// Rotates the pairs (i, i + pair_count) of each head in place, likewise.
void ck_rope_halves(
    ck_isa isa, float *x, const float *table, size_t pair_count, size_t head_count,
    size_t head_dimension);

#endif
