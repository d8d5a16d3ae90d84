// SPDX-License-Identifier: Apache-2.0
#include "ck_normalization.h"

#include "variants.h"

#define CK_BODY "normalization_body.h"
#include "every_variant.h"

void ck_rms_norm(
    ck_isa isa, const float *x, const float *weight, float *y, size_t count, float epsilon) {
    CK_DISPATCH(isa, rms_norm, x, weight, y, count, epsilon);
}

void ck_layer_norm(
    ck_isa isa, const float *x, const float *added, const float *weight, const float *bias,
    float *y, size_t count, float epsilon) {
    CK_DISPATCH(isa, layer_norm, x, added, weight, bias, y, count, epsilon);
}
