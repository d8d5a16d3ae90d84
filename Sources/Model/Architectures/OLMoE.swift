// SPDX-License-Identifier: Apache-2.0

import ModelFiles

extension Architecture {
    /// OLMoE: Llama's layers with norms over all queries and all keys, and experts whose weights are
    /// not normalised.
    ///
    /// - Source: transformers' `modeling_olmoe.py`.
    static let olmoe = Architecture(
        name: "OLMoE", experts: .always,
        gguf: GGUFKeys(
            architectures: ["olmoe"], written: "olmoe", ropePairing: .halves,
            mixture: .unnormalized),
        huggingFace: HuggingFaceKeys(
            architecture: "OlmoeForCausalLM", modelType: "olmoe", contextLength: 4096,
            ropeTheta: 10_000, rmsNormEpsilon: 1e-5, hasSlidingWindow: false,
            mixture: HuggingFaceMixtureKeys(
                expertCount: ("num_experts", 64), expertsPerToken: ("num_experts_per_tok", 8),
                normalizes: "norm_topk_prob", usual: .unnormalized)),
        layer: { c, layer in
            [RMSNorm.beforeAttention] + Attention.tensors + ProjectionNorm.tensors
                + [RMSNorm.beforeFeedForward] + MixedFeedForward.tensors(c, layer)
        },
        scratch: { Attention.scratch + MixedFeedForward.scratch($0) },
        network: { parts in
            Decoder(parts) { layer in
                let norm = HeadNorm(layer)
                return LlamaLayer(layer, MixedFeedForward.make(layer)) { norm.normalize($0, $1) }
            }
        })
}
