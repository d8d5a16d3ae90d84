// SPDX-License-Identifier: Apache-2.0
// Quantisation of activations to int8, included by quantize.c once per instruction set.
#include "lanes.h"

CK_INLINE float CK_NAME(magnitude)(const float *x, int count) {
    ck_v16 largest = CK_NAME(splat)(0);
#pragma clang loop unroll(full)
    for (int k = 0; k < count; k += CK_LANES) {
        const ck_v16 v = CK_NAME(load)(x + k);
        largest = CK_NAME(max)(largest, (ck_v16)((ck_i16)v & 0x7FFFFFFF));
    }
    return CK_NAME(largest)(largest);
}

/// Quantises sixteen numbers.
///
/// - Returns: the codes.
CK_INLINE ck_i16 CK_NAME(quantize16)(const float *x, ck_v16 inverse, int8_t *codes) {
    const ck_v16 limit = CK_NAME(splat)(127);
    // In this order a value that is not a number becomes one.
    ck_v16 v = CK_NAME(max)(CK_NAME(load)(x) * inverse, -limit);
    v = CK_NAME(select)(v < limit, v, limit);
    const ck_v16 shifter = CK_NAME(splat)(0x1.8p23f);
    // Adding and subtracting 1.5 * 2^23 rounds to the nearest, ties to even.
    const ck_i16 q = __builtin_convertvector((v + shifter) - shifter, ck_i16);
    const ck_sb16 narrow = __builtin_convertvector(q, ck_sb16);
    __builtin_memcpy(codes, &narrow, 16);
    return q;
}

/// Rounds sixteen numbers to bf16.
CK_INLINE void CK_NAME(round16)(const float *x, uint8_t *y) {
    const ck_u16 bits = (ck_u16)CK_NAME(load)(x);
    const ck_u16 rounded = bits + 0x7FFF + (bits >> 16 & 1);
    // What is not a number stays so, whatever its low bits.
    const ck_u16 is_nan = (ck_u16)((bits & 0x7FFFFFFFu) > 0x7F800000u);
    const ck_uh16 narrow = __builtin_convertvector(
        ((is_nan & (bits | 0x400000)) | (~is_nan & rounded)) >> 16, ck_uh16);
    __builtin_memcpy(y, &narrow, 32);
}

/// The factors between numbers and codes where the largest magnitude is `largest`.
CK_INLINE float CK_NAME(inverse_scale)(float largest, float *scale) {
    // Below this the inverse would not be finite; not a number stays one, in the scale.
    const int vanishes = largest < 1e-35f;
    *scale = vanishes ? 0 : largest / 127;
    return vanishes ? 0 : 127 / largest;
}

static void CK_NAME(quantize_row)(
    ck_activation kind, const float *x, size_t columns, uint8_t *blocks, size_t block_stride) {
    for (size_t k = 0; k < columns; k += 256, blocks += block_stride) {
        float padded[256];
        const float *from = x + k;
        if (columns - k < 256 && (kind != CK_ACTIVATION_Q8_32 || columns % 32)) {
            __builtin_memset(padded, 0, sizeof padded);
            __builtin_memcpy(padded, from, (columns - k) * sizeof(float));
            from = padded;
        }
        if (kind == CK_ACTIVATION_F32) {
            __builtin_memcpy(blocks, from, 256 * sizeof(float));
            continue;
        }
        if (kind == CK_ACTIVATION_BF16) {
            for (int i = 0; i < 256; i += 16) CK_NAME(round16)(from + i, blocks + 2 * i);
            continue;
        }
        ck_activation_block *const y = (ck_activation_block *)(void *)blocks;
        if (kind == CK_ACTIVATION_Q8_32) {
            // Nobody reads blocks past the last column; they are set to be the same every time.
            const int blocks_used = columns - k < 256 ? (int)((columns - k + 31) / 32) : 8;
            if (blocks_used < 8) __builtin_memset(y, 0, sizeof *y);
            for (int b = 0; b < blocks_used; b++) {
                float scale;
                const ck_v16 inverse = CK_NAME(splat)(
                    CK_NAME(inverse_scale)(CK_NAME(magnitude)(from + 32 * b, 32), &scale));
                const int32_t sum = __builtin_reduce_add(
                    CK_NAME(quantize16)(from + 32 * b, inverse, y->codes + 32 * b)
                    + CK_NAME(quantize16)(from + 32 * b + 16, inverse, y->codes + 32 * b + 16));
                y->by32.scales[b] = scale;
                y->by32.negated_sums[b] = -sum;
                y->by32.scaled_sums[b] = scale * (float)sum;
            }
            continue;
        }
        float scale;
        const ck_v16 inverse = CK_NAME(splat)(
            CK_NAME(inverse_scale)(CK_NAME(magnitude)(from, 256), &scale));
        y->by256.scale = scale;
        for (int j = 0; j < 16; j++) {
            const int32_t sum = __builtin_reduce_add(
                CK_NAME(quantize16)(from + 16 * j, inverse, y->codes + 16 * j));
            y->by256.negated_sums[j] = -sum;
            y->by256.sums16[j] = (int16_t)sum;
            if (j % 2) y->by256.sums32[j / 2] = (int16_t)(sum + y->by256.sums16[j - 1]);
        }
    }
}
