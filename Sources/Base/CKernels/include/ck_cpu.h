// SPDX-License-Identifier: Apache-2.0
#ifndef CIERZO_CK_CPU_H
#define CIERZO_CK_CPU_H

#include <pthread.h>
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

/// Tells the processor that this thread spins.
static inline void ck_pause(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

/// The processors that the calling thread may run on, one bit each from `mask[0]` on.
///
/// Returns the number of bytes set, or 0 where the system does not tell.
size_t ck_affinity(unsigned char *mask, size_t size);

/// Keeps a thread on one processor; 0 where the system agrees.
int ck_pin_thread(pthread_t thread, size_t processor);

#endif
