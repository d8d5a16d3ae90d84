// SPDX-License-Identifier: Apache-2.0

import ModelFiles

extension Architecture {
    /// Qwen2 and Qwen2.5, dense: Llama's layers with biases on queries, keys and values.
    ///
    /// - Source: transformers' `modeling_qwen2.py`.
    static let qwen2 = Architecture(
        name: "Qwen2", experts: .never,
        gguf: GGUFKeys(architectures: ["qwen2"], written: "qwen2", ropePairing: .halves),
        huggingFace: HuggingFaceKeys(
            architecture: "Qwen2ForCausalLM", modelType: "qwen2", kvHeadCount: 32,
            contextLength: 32_768, ropeTheta: 10_000, rmsNormEpsilon: 1e-6, slidingWindow: 4096,
            firstWindowLayer: 28, hasAttentionBias: true),
        layer: { _, _ in
            [RMSNorm.beforeAttention] + Attention.tensors + ProjectionBias.tensors
                + [RMSNorm.beforeFeedForward] + DenseFeedForward.tensors
        },
        scratch: { _ in Attention.scratch + DenseFeedForward.scratch },
        network: { parts in
            Decoder(parts) { layer in
                let bias = ProjectionBias(layer)
                return LlamaLayer(layer, DenseFeedForward(layer)) { bias.add(to: $0, $1) }
            }
        })
}
