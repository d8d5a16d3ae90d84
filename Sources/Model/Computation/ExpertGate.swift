// SPDX-License-Identifier: Apache-2.0

/// (up + 1) · gate · sigmoid(slope · gate), where the gate is at most `limit` and up lies within
/// −`limit` and `limit`.
///
/// - Source: transformers' `modeling_gpt_oss.py`, `GptOssExperts._apply_gate`.
package struct ClampedGate: Sendable, Equatable {
    /// What the gate is multiplied with before its sigmoid is taken.
    package let slope: Float
    /// How far the products count.
    package let limit: Float

    /// A gate.
    package init(slope: Float, limit: Float) {
        self.slope = slope
        self.limit = limit
    }
}

/// What becomes of an expert's first two products, where that is not silu(x · W1ᵀ) ⊙ (x · W3ᵀ).
package struct ExpertGate: Sendable {
    /// The gate.
    package let clamp: ClampedGate
    /// `[E, Fe]`, added to the products with W1.
    package let biases: [Float]
    /// `[E, Fe]`, added to the products with W3.
    package let upBiases: [Float]

    /// A gate and what is added before it.
    package init(clamp: ClampedGate, biases: [Float], upBiases: [Float]) {
        self.clamp = clamp
        self.biases = biases
        self.upBiases = upBiases
    }
}
