// SPDX-License-Identifier: Apache-2.0
// Compiles the kernel body that CK_BODY names once for each instruction set (see variants.h).

#define CK_VARIANT scalar
#include CK_BODY
#undef CK_VARIANT

#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#define CK_VARIANT avx2
#include CK_BODY
#undef CK_VARIANT
#pragma clang attribute pop

#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,fma,f16c"))), apply_to = function)
#define CK_VARIANT avx512
#include CK_BODY
#undef CK_VARIANT
#pragma clang attribute pop
#endif
