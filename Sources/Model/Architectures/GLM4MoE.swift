// SPDX-License-Identifier: Apache-2.0

import Computation
import JSON
import ModelFiles

extension FamilyNumber {
    /// 1 where queries, keys and values have biases.
    fileprivate static let projectionBias = FamilyNumber("biases of projections")
    /// 1 where every head of queries and keys has a norm.
    fileprivate static let headNorm = FamilyNumber("norms of heads")
}

extension Architecture {
    /// GLM-4.5, 4.6 and 4.7: heads of which a part rotates, the first layers dense, experts chosen by
    /// sigmoid and bias, and one beside them.
    ///
    /// What its last layer drafts is not used.
    ///
    /// - Source: transformers' `modeling_glm4_moe.py`.
    static let glm4MoE = Architecture(
        name: "GLM-4-MoE", experts: .always,
        gguf: GGUFKeys(
            architectures: ["glm4moe"], written: "glm4moe", ropePairing: .halves, mixture: usual,
            marks: [
                ("blk.{L}.attn_q.bias", .projectionBias), ("blk.{L}.attn_q_norm.weight", .headNorm),
            ]),
        huggingFace: HuggingFaceKeys(
            architecture: "Glm4MoeForCausalLM", modelType: "glm4_moe", kvHeadCount: 8,
            contextLength: 131_072, ropeTheta: 10_000, rmsNormEpsilon: 1e-5,
            hasSlidingWindow: false,
            mixture: HuggingFaceMixtureKeys(
                expertCount: ("n_routed_experts", 128),
                expertsPerToken: ("num_experts_per_tok", 8),
                expertSize: ("moe_intermediate_size", 1408), sharedCount: ("n_shared_experts", 1),
                normalizes: "norm_topk_prob", scale: "routed_scaling_factor",
                groups: ("n_group", "topk_group"),
                dense: .leading(("first_k_dense_replace", 1)), usual: usual),
            partialRotaryFactor: 0.5,
            flags: [("attention_bias", .projectionBias), ("use_qk_norm", .headNorm)],
            constants: [("scoring_func", ["sigmoid"]), ("topk_method", ["noaux_tc"])]),
        layer: { c, layer in
            [RMSNorm.beforeAttention] + Attention.tensors
                + (c.numbers[.projectionBias] == 1 ? ProjectionBias.tensors : [])
                + (c.numbers[.headNorm] == 1 ? HeadNorm.tensors : [])
                + [RMSNorm.afterAttention] + MixedFeedForward.tensors(c, layer)
        },
        scratch: { Attention.scratch + MixedFeedForward.scratch($0) },
        network: { parts in
            let numbers = parts.configuration.numbers
            return Decoder(parts) { layer in
                let bias = numbers[.projectionBias] == 1 ? ProjectionBias(layer) : nil
                let norm = numbers[.headNorm] == 1 ? HeadNorm(layer) : nil
                return LlamaLayer(layer, MixedFeedForward.make(layer)) { attention, step in
                    bias?.add(to: attention, step)
                    norm?.normalize(attention, step)
                }
            }
        })

    private static let usual = {
        var mixture = ExpertMixture()
        mixture.rule.scoring = .sigmoid
        mixture.rule.epsilon = 1e-20
        mixture.hasSelectionBias = true
        return mixture
    }()
}
