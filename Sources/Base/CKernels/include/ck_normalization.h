// SPDX-License-Identifier: Apache-2.0
#ifndef CIERZO_CK_NORMALIZATION_H
#define CIERZO_CK_NORMALIZATION_H

#include <stddef.h>

#include "ck_cpu.h"

/// y[k] = x[k] / sqrt(mean(x²) + epsilon) * weight[k] for k in 0..<count; y may be x.
///
/// The squares are summed in 16 lanes (lane j takes k ≡ j mod 16, in order), then by halving.
void ck_rms_norm(
    ck_isa isa, const float *x, const float *weight, float *y, size_t count, float epsilon);

#endif
