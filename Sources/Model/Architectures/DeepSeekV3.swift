// SPDX-License-Identifier: Apache-2.0

import Computation
import JSON
import ModelFiles

extension Architecture {
    /// DeepSeek V3, V3.1 and R1, Kimi K2, and whatever else GGUF files call `deepseek2`: latent
    /// attention, the first layers dense, experts chosen by sigmoid and bias, and one beside them.
    ///
    /// GGUF files of that name may be of models that choose by softmax, as DeepSeek V2 does, or scale
    /// their queries, as Mistral Large 3 does: they say so. What a last layer drafts is not used.
    ///
    /// - Source: transformers' `modeling_deepseek_v3.py`.
    static let deepSeekV3 = Architecture(
        name: "DeepSeek V3", experts: .always,
        gguf: GGUFKeys(
            architectures: ["deepseek2"], written: "deepseek2", numbers: QueryScale.ggufKeys,
            mixture: choosing(by: .softmax, normalizes: false),
            latent: GGUFLatentKeys(equalScales: true)),
        huggingFace: huggingFace,
        layer: { LatentFamily.tensors($0, $1) }, problem: { LatentFamily.problem(in: $0) },
        kv: { LatentAttention.kv($0, $1) }, scratch: { LatentFamily.scratch($0) },
        network: { LatentFamily.network($0) })

    private static let huggingFace = {
        var usual = choosing(by: .sigmoid)
        usual.hasSelectionBias = true
        (usual.rule.scale, usual.rule.groupCount, usual.rule.groupsPerToken) = (2.5, 8, 4)
        var keys = HuggingFaceKeys(
            architecture: "DeepseekV3ForCausalLM", modelType: "deepseek_v3",
            contextLength: 4096, ropeTheta: 10_000, rmsNormEpsilon: 1e-6, hasSlidingWindow: false,
            mixture: HuggingFaceMixtureKeys(
                expertCount: ("n_routed_experts", 256),
                expertsPerToken: ("num_experts_per_tok", 8),
                expertSize: ("moe_intermediate_size", 2048), sharedCount: ("n_shared_experts", 1),
                normalizes: "norm_topk_prob", scale: "routed_scaling_factor",
                groups: ("n_group", "topk_group"),
                dense: .leading(("first_k_dense_replace", 3)), usual: usual),
            constants: [("scoring_func", ["sigmoid"]), ("topk_method", ["noaux_tc"])])
        keys.latent = HuggingFaceLatentKeys(
            queryRank: 1536, rank: 512, unrotatedDimension: 128, ropeDimension: 64,
            valueDimension: 128)
        return keys
    }()

    /// DeepSeek V2 Lite and others whose experts do not stand in groups: as V3, but for a softmax that
    /// is not normalised.
    ///
    /// V2 itself chooses groups by their best expert, which is not supported.
    ///
    /// - Source: transformers' `modeling_deepseek_v2.py`.
    static let deepSeekV2 = Architecture(
        name: "DeepSeek V2", experts: .always,
        gguf: GGUFKeys(
            architectures: [], written: "deepseek2",
            mixture: choosing(by: .softmax, normalizes: false),
            latent: GGUFLatentKeys(equalScales: true)),
        huggingFace: {
            var keys = HuggingFaceKeys(
                architecture: "DeepseekV2ForCausalLM", modelType: "deepseek_v2",
                contextLength: 2048, ropeTheta: 10_000, rmsNormEpsilon: 1e-6,
                hasSlidingWindow: false,
                mixture: HuggingFaceMixtureKeys(
                    expertCount: ("n_routed_experts", 64),
                    expertsPerToken: ("num_experts_per_tok", 6),
                    expertSize: ("moe_intermediate_size", 1407),
                    sharedCount: ("n_shared_experts", 2), scale: "routed_scaling_factor",
                    dense: .leading(("first_k_dense_replace", 0)),
                    usual: choosing(by: .softmax, normalizes: false)),
                constants: [
                    ("scoring_func", ["softmax"]), ("topk_method", ["greedy"]),
                    ("norm_topk_prob", [false]), ("rope_interleave", [true]),
                ])
            keys.latent = HuggingFaceLatentKeys(
                queryRank: 1536, rank: 512, unrotatedDimension: 128, ropeDimension: 64,
                valueDimension: 128)
            return keys
        }(),
        layer: { LatentFamily.tensors($0, $1) }, kv: { LatentAttention.kv($0, $1) },
        scratch: { LatentFamily.scratch($0) }, network: { LatentFamily.network($0) })

    /// GLM-4.7-Flash: DeepSeek V3's layers.
    ///
    /// - Source: transformers' `modeling_glm4_moe_lite.py`.
    static let glm4MoELite = Architecture(
        name: "GLM-4-MoE-Lite", experts: .always,
        gguf: GGUFKeys(
            architectures: [], written: "deepseek2",
            mixture: choosing(by: .softmax, normalizes: false),
            latent: GGUFLatentKeys(equalScales: true)),
        huggingFace: {
            var usual = choosing(by: .sigmoid)
            (usual.hasSelectionBias, usual.rule.scale) = (true, 1.8)
            var keys = HuggingFaceKeys(
                architecture: "Glm4MoeLiteForCausalLM", modelType: "glm4_moe_lite",
                contextLength: 202_752, ropeTheta: 10_000, rmsNormEpsilon: 1e-5,
                hasSlidingWindow: false,
                mixture: HuggingFaceMixtureKeys(
                    expertCount: ("n_routed_experts", 64),
                    expertsPerToken: ("num_experts_per_tok", 4),
                    expertSize: ("moe_intermediate_size", 1536),
                    sharedCount: ("n_shared_experts", 1), normalizes: "norm_topk_prob",
                    scale: "routed_scaling_factor", groups: ("n_group", "topk_group"),
                    dense: .kinds("mlp_layer_types", leading: 1), usual: usual),
                constants: [
                    ("scoring_func", ["sigmoid"]), ("topk_method", ["noaux_tc"]),
                    // Published beside mlp_layer_types, and not read.
                    ("first_k_dense_replace", [1]),
                ])
            keys.latent = HuggingFaceLatentKeys(
                queryRank: 768, rank: 512, unrotatedDimension: 192, ropeDimension: 64,
                valueDimension: 256)
            return keys
        }(),
        layer: { LatentFamily.tensors($0, $1) }, kv: { LatentAttention.kv($0, $1) },
        scratch: { LatentFamily.scratch($0) }, network: { LatentFamily.network($0) })

    private static func choosing(
        by scoring: RouterRule.Scoring, normalizes: Bool = true
    ) -> ExpertMixture {
        var mixture = ExpertMixture()
        mixture.rule.scoring = scoring
        mixture.rule.normalizesWeights = normalizes
        mixture.rule.epsilon = 1e-20
        return mixture
    }
}
