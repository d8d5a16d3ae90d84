// SPDX-License-Identifier: Apache-2.0
#ifndef CIERZO_CK_CPU_H
#define CIERZO_CK_CPU_H

#include <stddef.h>

/// Instruction sets that the kernels distinguish, slowest first. The two with VNNI differ from the
/// one before them in the products of packed weights only.
typedef enum {
    CK_ISA_SCALAR = 0,
    CK_ISA_AVX2 = 1,
    CK_ISA_AVXVNNI = 2,
    CK_ISA_AVX512 = 3,
    CK_ISA_AVX512VNNI = 4
} ck_isa;

/// 1 where this processor and operating system can run the kernels of `isa`.
int ck_isa_available(ck_isa isa);

/// The strongest instruction set that this processor and operating system support.
ck_isa ck_best_isa(void);

#endif
