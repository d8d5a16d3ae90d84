// SPDX-License-Identifier: Apache-2.0

import CKernels

/// What a gated network makes of its first product before it multiplies the second by it.
package enum GateActivation: Sendable, Equatable {
    /// x / (1 + e⁻ˣ).
    case silu
    /// x/2 · (1 + tanh(√(2/π) · (x + 0.044715 · x³))).
    ///
    /// - Source: arXiv:1606.08415 §2; `gelu_pytorch_tanh` in Hugging Face's files.
    case gelu

    /// y = activation(gate) ⊙ up for `count` numbers; y may be either of them.
    func multiply(
        _ gate: UnsafePointer<Float>, _ up: UnsafePointer<Float>,
        into y: UnsafeMutablePointer<Float>, count: Int, isa: ck_isa
    ) {
        switch self {
        case .silu: unsafe ck_silu_multiply(isa, gate, up, y, count)
        case .gelu: unsafe ck_gelu_multiply(isa, gate, up, y, count)
        }
    }
}
