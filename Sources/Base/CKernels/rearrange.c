// SPDX-License-Identifier: Apache-2.0
#include "ck_rearrange.h"

#include <string.h>

// Inlined with a constant size, so that an element is one load and one store.
static inline void transpose_rows(
    const uint8_t *source, size_t element_bytes, size_t columns, size_t all_rows,
    ck_row_choice rows, uint8_t *target) {
    for (size_t k = 0; k < columns; k++) {
        const uint8_t *from = source + (k * all_rows + rows.first_row) * element_bytes;
        uint8_t *to = target + k * element_bytes;
        for (size_t r = 0; r < rows.row_count; r++) {
            memcpy(to, from, element_bytes);
            from += rows.row_step * element_bytes;
            to += columns * element_bytes;
        }
    }
}

void ck_transpose_rows(
    const uint8_t *source, size_t element_bytes, size_t columns, size_t all_rows,
    ck_row_choice rows, uint8_t *target) {
    switch (element_bytes) {
    case 2: transpose_rows(source, 2, columns, all_rows, rows, target); return;
    case 4: transpose_rows(source, 4, columns, all_rows, rows, target); return;
    default: transpose_rows(source, element_bytes, columns, all_rows, rows, target);
    }
}

void ck_join_mxfp4_rows(
    const uint8_t *blocks, const uint8_t *scales, size_t block_count, ck_row_choice rows,
    uint8_t *target) {
    for (size_t r = 0; r < rows.row_count; r++) {
        const size_t first = (rows.first_row + r * rows.row_step) * block_count;
        for (size_t b = first; b < first + block_count; b++, target += 17) {
            const uint8_t *const codes = blocks + 16 * b;
            target[0] = scales[b];
            for (int j = 0; j < 8; j++) {
                const int low = codes[j], high = codes[j + 8];
                target[1 + 2 * j] = (uint8_t)((low & 15) | (high & 15) << 4);
                target[2 + 2 * j] = (uint8_t)(low >> 4 | (high >> 4) << 4);
            }
        }
    }
}

void ck_decode_e4m3_row(
    const uint8_t *codes, size_t columns, const float *levels, const float *scales,
    size_t block_columns, float *y) {
    for (size_t first = 0; first < columns; first += block_columns, scales++) {
        const size_t end = columns - first < block_columns ? columns : first + block_columns;
        for (size_t k = first; k < end; k++) y[k] = levels[codes[k]] * *scales;
    }
}

void ck_decode_e2m1_row(const uint8_t *codes, size_t columns, const float *scales, float *y) {
    static const float levels[16] = {0,  0.5f,  1,  1.5f,  2,  3,  4,  6,
                                     -0.0f, -0.5f, -1, -1.5f, -2, -3, -4, -6};
    for (size_t k = 0; k < columns; k += 2) {
        const float scale = scales[k / 16];
        y[k] = levels[codes[k / 2] & 15] * scale;
        y[k + 1] = levels[codes[k / 2] >> 4] * scale;
    }
}

void ck_round_bf16_row(const float *x, float factor, size_t count, uint16_t *y) {
    for (size_t k = 0; k < count; k++) {
        const float value = x[k] * factor;
        uint32_t bits;
        memcpy(&bits, &value, sizeof bits);
        y[k] = (uint16_t)((bits & 0x7FFFFFFF) > 0x7F800000
                              ? bits >> 16 | 0x40
                              : (bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
    }
}
