// SPDX-License-Identifier: Apache-2.0
// Rotary embedding, included by rope.c once per instruction set.

static void CK_NAME(rope_adjacent)(
    float *restrict x, const float *restrict table, size_t pair_count, size_t head_count,
    size_t head_dimension) {
    for (size_t h = 0; h < head_count; h++, x += head_dimension) {
        for (size_t i = 0; i < pair_count; i++) {
            const float cosine = table[i], sine = table[pair_count + i];
            const float a = x[2 * i], b = x[2 * i + 1];
            x[2 * i] = a * cosine - b * sine;
            x[2 * i + 1] = b * cosine + a * sine;
        }
    }
}

static void CK_NAME(rope_halves)(
    float *restrict x, const float *restrict table, size_t pair_count, size_t head_count,
    size_t head_dimension) {
    for (size_t h = 0; h < head_count; h++, x += head_dimension) {
        for (size_t i = 0; i < pair_count; i++) {
            const float cosine = table[i], sine = table[pair_count + i];
            const float a = x[i], b = x[pair_count + i];
            x[i] = a * cosine - b * sine;
            x[pair_count + i] = b * cosine + a * sine;
        }
    }
}
