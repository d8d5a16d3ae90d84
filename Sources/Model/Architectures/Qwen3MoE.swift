// SPDX-License-Identifier: Apache-2.0

import Computation
import JSON
import ModelFiles

extension Architecture {
    /// Qwen3-30B-A3B, Qwen3-Coder and others: Qwen3's attention and many narrow experts.
    ///
    /// GGUF files are of models whose weights are normalised.
    ///
    /// - Source: transformers' `modeling_qwen3_moe.py`.
    static let qwen3MoE = Architecture(
        name: "Qwen3-MoE", experts: .always,
        gguf: GGUFKeys(
            architectures: ["qwen3moe"], written: "qwen3moe", ropePairing: .halves,
            mixture: ExpertMixture()),
        huggingFace: HuggingFaceKeys(
            architecture: "Qwen3MoeForCausalLM", modelType: "qwen3_moe", kvHeadCount: 4,
            contextLength: 32_768, ropeTheta: 10_000, rmsNormEpsilon: 1e-6, slidingWindow: 4096,
            firstWindowLayer: 0,
            mixture: HuggingFaceMixtureKeys(
                expertCount: ("num_experts", 128), expertsPerToken: ("num_experts_per_tok", 8),
                expertSize: ("moe_intermediate_size", 768), normalizes: "norm_topk_prob",
                dense: .listed("mlp_only_layers", step: ("decoder_sparse_step", 1)),
                usual: .unnormalized),
            constants: [("use_qk_norm", [true])]),
        layer: { c, layer in
            [RMSNorm.beforeAttention] + Attention.tensors + HeadNorm.tensors
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

extension ExpertMixture {
    /// Weights are the scores of the softmax over all experts as they are.
    static let unnormalized = {
        var mixture = ExpertMixture()
        mixture.rule.normalizesWeights = false
        return mixture
    }()
}
