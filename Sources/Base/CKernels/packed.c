// SPDX-License-Identifier: Apache-2.0
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "half.h"
#include "packed_floats.h"
#include "packed_layout.h"
#include "variants.h"

/// Tokens that pass over a decoded block before the next is decoded.
#define CK_TOKEN_BLOCK 256

/// Of how many tokens at most activations are asked for before they are read.
#define CK_AHEAD_TOKENS 8

/// How far ahead of the decoder weights are asked for.
#define CK_PREFETCH_BYTES 8192

typedef uint8_t ck_b16 __attribute__((vector_size(16)));
typedef int8_t ck_sb16 __attribute__((vector_size(16)));
#if defined(__x86_64__)
typedef _Float16 ck_h16 __attribute__((vector_size(32)));
#endif

/// 256 columns of a strip as the tiles read them.
typedef struct {
    /// Group after group of four columns: byte 4 r + k is column k of row r.
    uint8_t codes[256 * CK_STRIP_ROWS];
    /// K types: the scale of each sub-block.
    int32_t scales[16][CK_STRIP_ROWS];
    /// K types: the minimums of sub-blocks 2 i and 2 i + 1 as 16-bit halves.
    int32_t minimums[8][CK_STRIP_ROWS];
    /// Per 32 columns; K types: the first, of all.
    float d[8][CK_STRIP_ROWS];
    float m[8][CK_STRIP_ROWS];
} ck_decoded;

typedef struct {
    ck_decoded decoded[CK_PANEL_STRIPS];
    float sums[CK_TOKEN_BLOCK * CK_PANEL_ROWS];
} ck_packed_scratch;

size_t ck_multiply_packed_scratch(void) {
    return sizeof(ck_packed_scratch) > sizeof(ck_floats_scratch)
        ? sizeof(ck_packed_scratch) : sizeof(ck_floats_scratch);
}

#define CK_VARIANT scalar
#define CK_DOT_512 0
#define CK_DOT_256 0
#define CK_DOT_VNNI 0
/// How many tokens share codes that are decoded in registers and not kept; none here.
#define CK_STREAM_TOKENS 0
#define CK_TILE_STRIPS 1
#define CK_TILE_TOKENS 2
#define CK_TILE_SUMS 2
#include "packed_body.h"
#undef CK_VARIANT

#if defined(__x86_64__)
#undef CK_DOT_256
#define CK_DOT_256 1
#undef CK_STREAM_TOKENS
#define CK_STREAM_TOKENS 4
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#define CK_VARIANT avx2
#include "packed_body.h"
#undef CK_VARIANT
#pragma clang attribute pop

#undef CK_DOT_VNNI
#define CK_DOT_VNNI 1
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c,avxvnni"))), apply_to = function)
#define CK_VARIANT avxvnni
#include "packed_body.h"
#undef CK_VARIANT
#pragma clang attribute pop

#undef CK_DOT_512
#define CK_DOT_512 1
#undef CK_STREAM_TOKENS
#undef CK_TILE_STRIPS
#undef CK_TILE_TOKENS
#define CK_STREAM_TOKENS 8
#undef CK_TILE_SUMS
#define CK_TILE_STRIPS 4
#define CK_TILE_TOKENS 3
#define CK_TILE_SUMS 12
#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,fma,f16c"))), \
    apply_to = function)
#define CK_VARIANT avx512vnni
#include "packed_body.h"
#undef CK_VARIANT
#pragma clang attribute pop

#undef CK_STREAM_TOKENS
#define CK_STREAM_TOKENS 4
#undef CK_DOT_VNNI
#define CK_DOT_VNNI 0
#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,fma,f16c"))), apply_to = function)
#define CK_VARIANT avx512
#include "packed_body.h"
#undef CK_VARIANT
#pragma clang attribute pop
#endif

void ck_multiply_packed(
    ck_isa isa, const ck_packed_product *product, size_t first_panel, size_t panel_count,
    void *scratch) {
    if (ck_is_packed_float(product->format)) {
        ck_multiply_packed_floats(isa, product, first_panel, panel_count, scratch);
        return;
    }
    switch (isa) {
#if defined(__x86_64__)
    case CK_ISA_AVX512VNNI:
        ck_multiply_packed_avx512vnni(product, first_panel, panel_count, scratch);
        return;
    case CK_ISA_AVX512:
        ck_multiply_packed_avx512(product, first_panel, panel_count, scratch);
        return;
    case CK_ISA_AVXVNNI:
        ck_multiply_packed_avxvnni(product, first_panel, panel_count, scratch);
        return;
    case CK_ISA_AVX2:
        ck_multiply_packed_avx2(product, first_panel, panel_count, scratch);
        return;
#endif
    default: ck_multiply_packed_scalar(product, first_panel, panel_count, scratch);
    }
}
