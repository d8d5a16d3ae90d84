// SPDX-License-Identifier: Apache-2.0

import ModelFiles

extension Architecture {
    /// Qwen3, dense: Llama's layers with a norm on every head of queries and keys.
    ///
    /// - Source: transformers' `modeling_qwen3.py`.
    static let qwen3 = Architecture(
        name: "Qwen3", experts: .never,
        gguf: GGUFKeys(architectures: ["qwen3"], written: "qwen3", ropePairing: .halves),
        huggingFace: HuggingFaceKeys(
            architecture: "Qwen3ForCausalLM", modelType: "qwen3", kvHeadCount: 32,
            headDimension: 128, contextLength: 32_768, ropeTheta: 10_000, rmsNormEpsilon: 1e-6,
            slidingWindow: 4096, firstWindowLayer: 28),
        layer: { _, _ in
            [RMSNorm.beforeAttention] + Attention.tensors + HeadNorm.tensors
                + [RMSNorm.beforeFeedForward] + DenseFeedForward.tensors
        },
        scratch: { _ in Attention.scratch + DenseFeedForward.scratch },
        network: { parts in
            Decoder(parts) { layer in
                let norm = HeadNorm(layer)
                return LlamaLayer(layer, DenseFeedForward(layer)) { norm.normalize($0, $1) }
            }
        })
}
