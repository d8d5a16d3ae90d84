// SPDX-License-Identifier: Apache-2.0
// SIMD primitives on raw pointers: one header and one .c file per format or operation.
#ifndef CIERZO_CKERNELS_H
#define CIERZO_CKERNELS_H

#include "ck_activation.h"
#include "ck_attention.h"
#include "ck_cpu.h"
#include "ck_delta.h"
#include "ck_dequantize.h"
#include "ck_float_panels.h"
#include "ck_normalization.h"
#include "ck_peak.h"
#include "ck_packed.h"
#include "ck_product.h"
#include "ck_rearrange.h"
#include "ck_rope.h"
#include "ck_thread.h"

#endif
