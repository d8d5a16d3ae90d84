// SPDX-License-Identifier: Apache-2.0
#include "ck_dequantize.h"

#include <string.h>

size_t ck_block_elements(ck_format format) {
    switch (format) {
    case CK_F32: case CK_F16: case CK_BF16: return 1;
    case CK_Q4_0: case CK_Q4_1: case CK_Q5_0: case CK_Q5_1: case CK_Q8_0: case CK_IQ4_NL: return 32;
    default: return 256;
    }
}

size_t ck_block_bytes(ck_format format) {
    switch (format) {
    case CK_F32: return 4;
    case CK_F16: case CK_BF16: return 2;
    case CK_Q4_0: case CK_IQ4_NL: return 18;
    case CK_Q4_1: return 20;
    case CK_Q5_0: return 22;
    case CK_Q5_1: return 24;
    case CK_Q8_0: return 34;
    case CK_Q2_K: return 84;
    case CK_Q3_K: return 110;
    case CK_Q4_K: return 144;
    case CK_Q5_K: return 176;
    case CK_Q6_K: return 210;
    case CK_IQ4_XS: return 136;
    }
    return 0;
}

void ck_dequantize(ck_isa isa, ck_format format, const void *blocks, float *y, size_t count) {
    (void)isa;
    if (format == CK_F32) memcpy(y, blocks, count * 4);
    else if (format == CK_BF16) {
        for (size_t k = 0; k < count; k++) {
            uint16_t half;
            memcpy(&half, (const char *)blocks + 2 * k, 2);
            const uint32_t bits = (uint32_t)half << 16;
            memcpy(y + k, &bits, 4);
        }
    } else {
        // The block formats follow.
        __builtin_trap();
    }
}
