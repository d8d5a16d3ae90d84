// SPDX-License-Identifier: Apache-2.0

import Computation
import ModelFiles

/// What is added to the projections of queries, keys and values.
final class ProjectionBias {
    static let tensors = [
        tensor(.query, .H * .Dh, gguf: "blk.{L}.attn_q.bias", huggingFace: "q_proj"),
        tensor(.key, .K * .Dh, gguf: "blk.{L}.attn_k.bias", huggingFace: "k_proj"),
        tensor(.value, .K * .Dh, gguf: "blk.{L}.attn_v.bias", huggingFace: "v_proj"),
    ]

    private static func tensor(
        _ role: TensorRole, _ count: Extent, gguf: TensorName, huggingFace: String
    ) -> TensorDeclaration {
        TensorDeclaration(
            role.bias, [count], gguf: [gguf],
            huggingFace: [
                TensorName(stringLiteral: "model.layers.{L}.self_attn.\(huggingFace).bias")
            ])
    }

    private let queries: [Float]
    private let keys: [Float]
    private let values: [Float]

    init(_ parts: LayerParts) {
        queries = parts.weights.vector(TensorRole.query.bias)
        keys = parts.weights.vector(TensorRole.key.bias)
        values = parts.weights.vector(TensorRole.value.bias)
    }

    func add(to attention: Attention, _ step: ForwardStep) {
        let (compute, rowCount) = (step.compute, step.rowCount)
        compute.add(queries, toEach: attention.queries, rowCount: rowCount)  // [T, H·Dh]
        compute.add(keys, toEach: attention.keys, rowCount: rowCount)  // [T, K·Dh]
        compute.add(values, toEach: attention.values, rowCount: rowCount)  // [T, K·Dh]
    }
}
