// SPDX-License-Identifier: Apache-2.0
// Facts of the packed formats, see ck_packed.h.
#ifndef CIERZO_PACKED_LAYOUT_H
#define CIERZO_PACKED_LAYOUT_H

#include "ck_packed.h"

/// One block of int8 activations: 256 columns of one token.
typedef struct {
    int8_t codes[256];
    union {
        struct {
            /// Per 32 columns.
            float scales[8];
            /// Minus the sum of the codes.
            int32_t negated_sums[8];
            /// The sum of the codes times the scale.
            float scaled_sums[8];
        } by32;
        struct {
            /// Minus the sum of each 16 codes.
            int32_t negated_sums[16];
            /// The sum of each 16 codes.
            int16_t sums16[16];
            /// The sum of each 32 codes.
            int16_t sums32[8];
            float scale;
        } by256;
        uint8_t bytes[128];
    };
} ck_activation_block;

_Static_assert(sizeof(ck_activation_block) == 384, "a block is six cache lines");

/// What a packed quantised format is made of.
typedef struct {
    /// Columns of a block.
    uint16_t columns;
    /// Bytes of a strip's block before its codes.
    uint16_t header_bytes;
    /// Bytes of the codes of 32 columns of a strip.
    uint16_t code_bytes;
} ck_packing;

/// Every packed quantised format: X(name, columns, bytes of the header, bytes of codes).
#define CK_PACKED_FORMATS(X) \
    X(Q4_0, 64, 64, 256) X(Q4_1, 64, 128, 256) X(Q5_0, 64, 64, 320) \
    X(Q5_1, 64, 128, 320) X(Q8_0, 64, 64, 512) X(Q2_K, 256, 320, 128) \
    X(Q3_K, 256, 256, 192) X(Q4_K, 256, 320, 256) X(Q5_K, 256, 320, 320) \
    X(Q6_K, 256, 320, 384) X(IQ4_NL, 64, 64, 256) X(IQ4_XS, 256, 192, 256) \
    X(MXFP4, 128, 64, 256)

/// The packing of a format, zero columns where there is none.
static inline ck_packing ck_packing_of(ck_format format) {
    switch (format) {
#define CK_PACKING(name, columns, header_bytes, code_bytes) \
    case CK_##name: return (ck_packing){columns, header_bytes, code_bytes};
        CK_PACKED_FORMATS(CK_PACKING)
#undef CK_PACKING
    default: return (ck_packing){0, 0, 0};
    }
}

/// Whether the format is packed without being quantised: pairs of columns, 64 bytes of each strip.
static inline int ck_is_packed_float(ck_format format) {
    return format == CK_F16 || format == CK_BF16;
}

/// Bytes of a strip's block of `columns` columns, at most those of a whole block.
static inline size_t ck_packed_block_bytes(ck_packing p, size_t columns) {
    return p.header_bytes + columns / 32 * p.code_bytes;
}

#endif
