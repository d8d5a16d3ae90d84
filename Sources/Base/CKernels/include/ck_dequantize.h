// SPDX-License-Identifier: Apache-2.0
#ifndef CIERZO_CK_DEQUANTIZE_H
#define CIERZO_CK_DEQUANTIZE_H

#include <stddef.h>
#include <stdint.h>

#include "ck_cpu.h"

/// Every element format: X(name, its number in GGUF files, elements of a block, bytes of a block).
#define CK_FORMATS(X) \
    X(F32, 0, 1, 4) X(F16, 1, 1, 2) X(Q4_0, 2, 32, 18) \
    X(Q4_1, 3, 32, 20) X(Q5_0, 6, 32, 22) X(Q5_1, 7, 32, 24) \
    X(Q8_0, 8, 32, 34) X(Q2_K, 10, 256, 84) X(Q3_K, 11, 256, 110) \
    X(Q4_K, 12, 256, 144) X(Q5_K, 13, 256, 176) X(Q6_K, 14, 256, 210) \
    X(IQ2_XXS, 16, 256, 66) X(IQ2_XS, 17, 256, 74) X(IQ3_XXS, 18, 256, 98) \
    X(IQ1_S, 19, 256, 50) X(IQ4_NL, 20, 32, 18) X(IQ3_S, 21, 256, 110) \
    X(IQ2_S, 22, 256, 82) X(IQ4_XS, 23, 256, 136) X(IQ1_M, 29, 256, 56) \
    X(BF16, 30, 1, 2) X(TQ1_0, 34, 256, 54) X(TQ2_0, 35, 256, 66) \
    X(MXFP4, 39, 32, 17) X(NVFP4, 40, 64, 36)

/// Element formats; the numbers are those of GGUF files.
typedef enum {
#define CK_NUMBER(name, number, elements, bytes) CK_##name = number,
    CK_FORMATS(CK_NUMBER)
#undef CK_NUMBER
} ck_format;

/// The number of elements in a block of `format`.
size_t ck_block_elements(ck_format format);

/// The number of bytes in a block of `format`.
size_t ck_block_bytes(ck_format format);

/// Decodes `count` elements, whole blocks at any alignment, to f32. Every variant gives the same
/// bits, but for the payload of values that are not a number.
void ck_dequantize(ck_isa isa, ck_format format, const void *blocks, float *y, size_t count);

#endif
