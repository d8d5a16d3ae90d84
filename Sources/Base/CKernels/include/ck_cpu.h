// SPDX-License-Identifier: Apache-2.0
#ifndef CIERZO_CK_CPU_H
#define CIERZO_CK_CPU_H

/// Instruction sets that the kernels distinguish, weakest first.
typedef enum { CK_ISA_SCALAR = 0, CK_ISA_AVX2 = 1, CK_ISA_AVX512 = 2 } ck_isa;

/// The strongest instruction set that this processor and operating system support.
ck_isa ck_best_isa(void);

#endif
