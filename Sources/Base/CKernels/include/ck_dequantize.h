// SPDX-License-Identifier: Apache-2.0
#ifndef CIERZO_CK_DEQUANTIZE_H
#define CIERZO_CK_DEQUANTIZE_H

#include <stddef.h>
#include <stdint.h>

#include "ck_cpu.h"

/// Element formats; the numbers are those of GGUF files.
typedef enum {
    CK_F32 = 0,
    CK_F16 = 1,
    CK_Q4_0 = 2,
    CK_Q4_1 = 3,
    CK_Q5_0 = 6,
    CK_Q5_1 = 7,
    CK_Q8_0 = 8,
    CK_Q2_K = 10,
    CK_Q3_K = 11,
    CK_Q4_K = 12,
    CK_Q5_K = 13,
    CK_Q6_K = 14,
    CK_IQ2_XXS = 16,
    CK_IQ2_XS = 17,
    CK_IQ3_XXS = 18,
    CK_IQ1_S = 19,
    CK_IQ4_NL = 20,
    CK_IQ3_S = 21,
    CK_IQ2_S = 22,
    CK_IQ4_XS = 23,
    CK_IQ1_M = 29,
    CK_BF16 = 30,
    CK_TQ1_0 = 34,
    CK_TQ2_0 = 35,
    CK_MXFP4 = 39,
    CK_NVFP4 = 40,
} ck_format;

/// The number of elements in a block of `format`.
size_t ck_block_elements(ck_format format);

/// The number of bytes in a block of `format`.
size_t ck_block_bytes(ck_format format);

/// Decodes `count` elements, whole blocks at any alignment, to f32. Every variant gives the same
/// bits, but for the payload of values that are not a number.
void ck_dequantize(ck_isa isa, ck_format format, const void *blocks, float *y, size_t count);

#endif
