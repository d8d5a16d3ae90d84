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
