// SPDX-License-Identifier: Apache-2.0

import Computation
import ModelFiles

extension TensorRole {
    static let queryNorm = TensorRole("query norm")
    static let keyNorm = TensorRole("key norm")
}

/// The root-mean-square norm of every head of queries and keys, before they rotate, and in some
/// families that of values, which has no weight.
final class HeadNorm {
    static let tensors = [
        TensorDeclaration(
            .queryNorm, [.Dh], gguf: ["blk.{L}.attn_q_norm.weight"],
            huggingFace: ["model.layers.{L}.self_attn.q_norm.weight"]),
        TensorDeclaration(
            .keyNorm, [.Dh], gguf: ["blk.{L}.attn_k_norm.weight"],
            huggingFace: ["model.layers.{L}.self_attn.k_norm.weight"]),
    ]

    private let queryWeight: [Float]
    /// Empty: the layer has no keys of its own.
    private let keyWeight: [Float]
    /// Ones, or empty.
    private let valueWeight: [Float]
    private let epsilon: Float

    /// Builds the norms of a layer.
    ///
    /// - Parameters:
    ///   - parts: its weights.
    ///   - normalizesValues: whether values are normalised, too.
    init(_ parts: LayerParts, normalizesValues: Bool = false) {
        queryWeight = parts.weights.vector(.queryNorm)
        keyWeight = parts.weights.vectorIfDeclared(.keyNorm)
        valueWeight = normalizesValues ? keyWeight.map { _ in 1 } : []
        epsilon = parts.configuration.rmsNormEpsilon
    }

    func normalize(_ attention: Attention, _ step: ForwardStep) {
        let (compute, rowCount) = (step.compute, step.rowCount)
        compute.rmsNormHeads(
            attention.queries, rowCount: rowCount, weight: queryWeight, epsilon: epsilon)
        if !keyWeight.isEmpty {
            compute.rmsNormHeads(
                attention.keys, rowCount: rowCount, weight: keyWeight, epsilon: epsilon)
        }
        if !valueWeight.isEmpty {
            compute.rmsNormHeads(
                attention.values, rowCount: rowCount, weight: valueWeight, epsilon: epsilon)
        }
    }
}
