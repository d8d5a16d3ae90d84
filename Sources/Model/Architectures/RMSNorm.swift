// SPDX-License-Identifier: Apache-2.0

import Computation
import ModelFiles

/// The residual stream divided by its root mean square, times a weight.
final class RMSNorm {
    /// The norm before attention.
    static let beforeAttention = tensor(
        .attentionNorm, gguf: "blk.{L}.attn_norm.weight",
        huggingFace: "model.layers.{L}.input_layernorm.weight",
        mistral: "layers.{L}.attention_norm.weight")
    /// The norm before the feed-forward network.
    static let beforeFeedForward = tensor(
        .feedForwardNorm, gguf: "blk.{L}.ffn_norm.weight",
        huggingFace: "model.layers.{L}.post_attention_layernorm.weight",
        mistral: "layers.{L}.ffn_norm.weight")
    /// The same norm under the name that some families' GGUF files have for it.
    static let afterAttention = TensorDeclaration(
        .feedForwardNorm, [.D], gguf: ["blk.{L}.post_attention_norm.weight"],
        huggingFace: ["model.layers.{L}.post_attention_layernorm.weight"])

    /// Declares the weight of a norm over the residual stream.
    static func tensor(
        _ role: TensorRole, gguf: TensorName, huggingFace: TensorName, mistral: TensorName
    ) -> TensorDeclaration {
        TensorDeclaration(
            role, [.D], gguf: [gguf], huggingFace: [huggingFace], mistral: [mistral])
    }

    private let weight: [Float]
    private let epsilon: Float

    init(_ weight: [Float], _ configuration: ModelConfiguration) {
        self.weight = weight
        epsilon = configuration.rmsNormEpsilon
    }

    func normalize(_ step: ForwardStep) {
        step.compute.rmsNorm(
            step.residual, rowCount: step.rowCount, weight: weight, epsilon: epsilon,
            into: step.normed)
    }
}
