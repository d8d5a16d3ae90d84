// SPDX-License-Identifier: Apache-2.0
#include "ck_product.h"

#define MAX_COLUMNS 65536

size_t ck_multiply_scratch(void) { return MAX_COLUMNS; }

static float dot(const float *w, const float *x, size_t count) {
    float l[16] = {0};
    for (size_t k = 0; k < count; k++) l[k % 16] = __builtin_fmaf(w[k], x[k], l[k % 16]);
    for (int half = 8; half > 0; half /= 2)
        for (int j = 0; j < half; j++) l[j] += l[j + half];
    return l[0];
}

void ck_multiply(
    ck_isa isa, const ck_product *p, size_t first_row, size_t row_count, float *scratch) {
    for (size_t r = first_row; r < first_row + row_count; r++) {
        ck_dequantize(isa, p->format, p->weights + r * p->row_bytes, scratch, p->columns);
        for (size_t t = 0; t < p->token_count; t++) {
            const size_t from = p->x_rows ? (size_t)p->x_rows[t] : t;
            const size_t to = p->y_rows ? (size_t)p->y_rows[t] : t;
            p->y[to * p->y_stride + r] = dot(scratch, p->x + from * p->x_stride, p->columns);
        }
    }
}
