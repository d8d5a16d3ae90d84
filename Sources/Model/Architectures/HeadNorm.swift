// SPDX-License-Identifier: Apache-2.0

import Computation
import ModelFiles

extension TensorRole {
    static let queryNorm = TensorRole("query norm")
    static let keyNorm = TensorRole("key norm")
}

/// The root-mean-square norm of every head of queries and keys, before they rotate.
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
    private let keyWeight: [Float]
    private let epsilon: Float

    init(_ parts: LayerParts) {
        queryWeight = parts.weights.vector(.queryNorm)
        keyWeight = parts.weights.vector(.keyNorm)
        epsilon = parts.configuration.rmsNormEpsilon
    }

    func normalize(_ attention: Attention, _ step: ForwardStep) {
        let (compute, rowCount) = (step.compute, step.rowCount)
        compute.rmsNormHeads(
            attention.queries, rowCount: rowCount, weight: queryWeight, epsilon: epsilon)
        compute.rmsNormHeads(
            attention.keys, rowCount: rowCount, weight: keyWeight, epsilon: epsilon)
    }
}
