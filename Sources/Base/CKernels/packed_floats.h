// SPDX-License-Identifier: Apache-2.0
// Products with packed F16 and BF16 weights, see ck_packed.h.
#ifndef CIERZO_PACKED_FLOATS_H
#define CIERZO_PACKED_FLOATS_H

#include "packed_layout.h"

/// Tokens that pass over a block of a panel's weights before the next is read.
#define CK_FLOAT_TOKENS 256
/// Columns that are decoded at a time, where they are.
#define CK_FLOAT_COLUMNS 64
/// The most tokens of a tile.
#define CK_FLOAT_TILE 6

typedef struct {
    /// Decoded pairs of columns of the panel.
    float weights[CK_FLOAT_COLUMNS * CK_PANEL_ROWS];
    /// A tile's bf16 activations as f32.
    float x[CK_FLOAT_TILE][CK_ACTIVATION_COLUMNS];
    float sums[CK_FLOAT_TOKENS * CK_PANEL_ROWS];
} ck_floats_scratch;

/// ck_multiply_packed of F16 and BF16.
void ck_multiply_packed_floats(
    ck_isa isa, const ck_packed_product *product, size_t first_panel, size_t panel_count,
    ck_floats_scratch *scratch);

#endif
