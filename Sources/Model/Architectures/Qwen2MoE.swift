// SPDX-License-Identifier: Apache-2.0

import JSON
import ModelFiles

extension Architecture {
    /// Qwen1.5-MoE and Qwen2-57B-A14B: Qwen2's attention, experts whose weights are not normalised,
    /// and a gated network beside them.
    ///
    /// - Source: transformers' `modeling_qwen2_moe.py`.
    static let qwen2MoE = Architecture(
        name: "Qwen2-MoE", experts: .always,
        gguf: GGUFKeys(
            architectures: ["qwen2moe"], written: "qwen2moe", ropePairing: .halves,
            mixture: sharing),
        huggingFace: HuggingFaceKeys(
            architecture: "Qwen2MoeForCausalLM", modelType: "qwen2_moe", kvHeadCount: 16,
            contextLength: 32_768, ropeTheta: 10_000, rmsNormEpsilon: 1e-6,
            hasSlidingWindow: false, hasAttentionBias: true,
            mixture: HuggingFaceMixtureKeys(
                expertCount: ("num_experts", 60), expertsPerToken: ("num_experts_per_tok", 4),
                expertSize: ("moe_intermediate_size", 1408),
                sharedSize: ("shared_expert_intermediate_size", 5632),
                normalizes: "norm_topk_prob",
                dense: .listed("mlp_only_layers", step: ("decoder_sparse_step", 1)),
                usual: sharing),
            constants: [("qkv_bias", [true])]),
        layer: { c, layer in
            [RMSNorm.beforeAttention] + Attention.tensors + ProjectionBias.tensors
                + [RMSNorm.beforeFeedForward] + MixedFeedForward.tensors(c, layer)
        },
        scratch: { Attention.scratch + MixedFeedForward.scratch($0) },
        network: { parts in
            Decoder(parts) { layer in
                let bias = ProjectionBias(layer)
                return LlamaLayer(layer, MixedFeedForward.make(layer)) { bias.add(to: $0, $1) }
            }
        })

    private static let sharing = {
        var mixture = ExpertMixture.unnormalized
        mixture.gatesShared = true
        return mixture
    }()
}
