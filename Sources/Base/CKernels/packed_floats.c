// SPDX-License-Identifier: Apache-2.0
#include "packed_floats.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "half.h"
#include "variants.h"

/// How far ahead weights are asked for.
#define CK_FLOAT_AHEAD 4096

#if defined(__x86_64__)
typedef _Float16 ck_h16 __attribute__((vector_size(32)));
#endif

// Strips of a tile of some tokens: sums and weights have to fit into the registers, and with few
// tokens there have to be enough sums to hide the latency of a multiply-add.
#define CK_FLOAT_STRIPS(tokens) 1
// The most tokens for which weights are not decoded beforehand, since a tile uses each so often.
#define CK_DIRECT_TOKENS 0
#define CK_BF16_DOT 0
#define CK_HAS_F16C 0
#define CK_VARIANT scalar
#include "packed_floats_body.h"
#undef CK_VARIANT

#if defined(__x86_64__)
#undef CK_HAS_F16C
#define CK_HAS_F16C 1
#undef CK_FLOAT_STRIPS
#undef CK_DIRECT_TOKENS
#define CK_DIRECT_TOKENS 1
#define CK_FLOAT_STRIPS(tokens) (tokens == 1 ? 4 : tokens <= 3 ? 2 : 1)
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#define CK_VARIANT avx2
#include "packed_floats_body.h"
#undef CK_VARIANT
#pragma clang attribute pop

#undef CK_FLOAT_STRIPS
#define CK_FLOAT_STRIPS(tokens) CK_PANEL_STRIPS
#undef CK_DIRECT_TOKENS
#define CK_DIRECT_TOKENS SIZE_MAX
#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,fma,f16c"))), apply_to = function)
#define CK_VARIANT avx512
#include "packed_floats_body.h"
#undef CK_VARIANT
#pragma clang attribute pop

#undef CK_BF16_DOT
#define CK_BF16_DOT 1
#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,fma,f16c"))), \
    apply_to = function)
#define CK_VARIANT avx512bf16
#include "packed_floats_body.h"
#undef CK_VARIANT
#pragma clang attribute pop
#endif

void ck_multiply_packed_floats(
    ck_isa isa, const ck_packed_product *product, size_t first_panel, size_t panel_count,
    ck_floats_scratch *scratch) {
#if defined(__x86_64__)
    // vdpbf16ps takes subnormal numbers for zero and makes none; for BF16 all variants do the same.
    const unsigned int control = _mm_getcsr();
    if (product->format == CK_BF16) {
        if (isa == CK_ISA_AVX512VNNI && __builtin_cpu_supports("avx512bf16")) {
            ck_multiply_floats_avx512bf16(product, first_panel, panel_count, scratch);
            return;
        }
        _mm_setcsr(control | 0x8040);
    }
#endif
    CK_DISPATCH(isa, multiply_floats, product, first_panel, panel_count, scratch);
#if defined(__x86_64__)
    _mm_setcsr(control);
#endif
}
