// SPDX-License-Identifier: Apache-2.0
#ifndef CIERZO_HALF_H
#define CIERZO_HALF_H

#include <stdint.h>

/// An IEEE half as f32, exactly, by the operations that every processor has.
static inline float ck_f16(uint16_t h) {
    const uint32_t sign = (uint32_t)(h & 0x8000) << 16;
    const uint32_t magnitude = (uint32_t)(h & 0x7FFF) << 13;
    // Shifted into place the exponent is 112 too small; a product corrects it, subnormals included.
    float scaled;
    __builtin_memcpy(&scaled, &magnitude, 4);
    scaled *= 0x1p112f;
    uint32_t bits;
    __builtin_memcpy(&bits, &scaled, 4);
    // Infinity and NaN keep their payload under the largest exponent.
    bits = magnitude >= 0x0F800000u ? magnitude | 0x7F800000u : bits;
    bits |= sign;
    float value;
    __builtin_memcpy(&value, &bits, 4);
    return value;
}

/// The half-precision number at `p`, as f32.
static inline float ck_half(const uint8_t *p) { return ck_f16((uint16_t)(p[0] | p[1] << 8)); }

#endif
