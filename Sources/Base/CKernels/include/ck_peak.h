// SPDX-License-Identifier: Apache-2.0
#ifndef CIERZO_CK_PEAK_H
#define CIERZO_CK_PEAK_H

#include <stddef.h>
#include <stdint.h>

/// What a processor's vector units can be asked for; used by the benchmarks alone.
typedef enum {
    /// Fused multiply-add of f32.
    CK_PEAK_F32 = 0,
    /// Dot products of pairs of bf16.
    CK_PEAK_BF16 = 1,
    /// Dot products of fours of int8.
    CK_PEAK_INT8 = 2
} ck_peak;

/// The multiplications and additions of one round of ck_peak_run, 0 where there is no instruction.
size_t ck_peak_operations(ck_peak kind);

/// Keeps the vector units busy in registers alone; the result only keeps the work from vanishing.
float ck_peak_run(ck_peak kind, size_t rounds);

/// Reads memory once from front to back, as wide as can be; returns the sum of what was read.
uint64_t ck_peak_read(const uint8_t *bytes, size_t count);

#endif
