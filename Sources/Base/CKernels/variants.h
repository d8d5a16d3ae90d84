// SPDX-License-Identifier: Apache-2.0
// What kernels that are written once and compiled per instruction set have in common.
//
// Such a kernel is a body, `<operation>_body.h`, whose functions are named CK_NAME(operation). Its
// `<operation>.c` includes the body once for each variant (every_variant.h does it where the variants
// differ in nothing but their target) and chooses by `ck_isa` with CK_DISPATCH.
#ifndef CIERZO_VARIANTS_H
#define CIERZO_VARIANTS_H

#include <stddef.h>
#include <stdint.h>

#include "ck_cpu.h"

// Vector arguments only reach functions that are always inlined, so the calling convention that
// clang warns about never applies.
#pragma clang diagnostic ignored "-Wpsabi"

typedef float ck_v4 __attribute__((vector_size(16)));
typedef float ck_v8 __attribute__((vector_size(32)));
typedef float ck_v16 __attribute__((vector_size(64)));
typedef int32_t ck_i16 __attribute__((vector_size(64)));
typedef uint32_t ck_u16 __attribute__((vector_size(64)));

#define CK_JOIN_(a, b) ck_##a##_##b
#define CK_JOIN(a, b) CK_JOIN_(a, b)
#define CK_NAME(operation) CK_JOIN(operation, CK_VARIANT)

#if defined(__x86_64__)
#define CK_DISPATCH(isa, operation, ...) \
    switch (isa) { \
    case CK_ISA_AVX512VNNI: \
    case CK_ISA_AVX512: ck_##operation##_avx512(__VA_ARGS__); break; \
    case CK_ISA_AVXVNNI: \
    case CK_ISA_AVX2: ck_##operation##_avx2(__VA_ARGS__); break; \
    default: ck_##operation##_scalar(__VA_ARGS__); \
    }
#else
#define CK_DISPATCH(isa, operation, ...) \
    do { \
        (void)(isa); \
        ck_##operation##_scalar(__VA_ARGS__); \
    } while (0)
#endif

#endif
