// SPDX-License-Identifier: Apache-2.0
// Products of many rows with f32 weights, exact to rounding: what encoders compute with.
#ifndef CIERZO_CK_FLOAT_PANELS_H
#define CIERZO_CK_FLOAT_PANELS_H

#include <stddef.h>

#include "ck_cpu.h"

/// Outputs of a panel of f32 weights.
#define CK_FLOAT_PANEL_ROWS 32

/// What is done with a sum once its bias has been added.
typedef enum {
    CK_AFTER_NOTHING = 0,
    /// x/2 · (1 + erf(x/√2)), erf within 2e-7.
    CK_AFTER_GELU = 1,
    /// The hyperbolic tangent, within 2e-7.
    CK_AFTER_TANH = 2
} ck_after;

/// Writes rows of f32 into a panel: panel[k · 32 + n] = rows[n · stride + k]; the rows that a panel
/// lacks are zeros.
///
/// - rows: `[row_count, columns]`, row_count <= 32.
void ck_fill_float_panel(
    const float *rows, size_t stride, size_t row_count, size_t columns, float *panel);

/// Writes columns of f32 into a panel: panel[k · 32 + n] = columns[k · stride + n]; the columns that
/// a panel lacks are zeros.
void ck_fill_float_panel_transposed(
    const float *columns, size_t stride, size_t column_count, size_t row_count, float *panel);

/// y[t][n] = after(Σ_k x[t][k] · w[n][k] + bias[n]).
///
/// Each sum is one chain of fused multiply-adds in the order of k, so that a row of y depends on its
/// own row of x alone, and has the same bits on every instruction set.
///
/// - x: `[row_count, columns]`, rows x_stride apart.
/// - panels: panel_count of them, `[columns, 32]` each.
/// - bias: for all rows of all panels; NULL: none.
/// - y: `[row_count, 32 · panel_count]`, rows y_stride apart; must not overlap x.
void ck_multiply_float_panels(
    ck_isa isa, const float *x, size_t x_stride, size_t row_count, size_t columns,
    const float *panels, size_t panel_count, const float *bias, ck_after after, float *y,
    size_t y_stride);

#endif
