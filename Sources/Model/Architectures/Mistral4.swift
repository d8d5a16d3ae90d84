// SPDX-License-Identifier: Apache-2.0

import Computation
import JSON
import ModelFiles

extension Architecture {
    /// Mistral Small 4 and Large 3: latent attention, queries that grow with the logarithm of their
    /// position, experts chosen by softmax, and one beside them.
    ///
    /// Files of Large 3 are read in the form in which Mistral publishes its own; its GGUF files say
    /// `deepseek2`.
    ///
    /// - Source: transformers' `modeling_mistral4.py`; of Mistral's own files vLLM's
    ///   `mistral_large_3.py` and `configs/mistral.py`.
    static let mistral4 = Architecture(
        name: "Mistral 4", experts: .always,
        gguf: GGUFKeys(
            architectures: ["mistral4"], written: "mistral4", numbers: QueryScale.ggufKeys,
            mixture: usual(normalizes: false), latent: GGUFLatentKeys(equalScales: false)),
        huggingFace: {
            var keys = HuggingFaceKeys(
                architecture: "Mistral4ForCausalLM", modelType: "mistral4",
                wrapper: "Mistral3ForConditionalGeneration", contextLength: 1_048_576,
                ropeTheta: 10_000, rmsNormEpsilon: 1e-6, hasSlidingWindow: false,
                mixture: HuggingFaceMixtureKeys(
                    expertCount: ("n_routed_experts", 128),
                    expertsPerToken: ("num_experts_per_tok", 4),
                    expertSize: ("moe_intermediate_size", 2048),
                    sharedCount: ("n_shared_experts", 1), normalizes: "norm_topk_prob",
                    scale: "routed_scaling_factor", groups: ("n_group", "topk_group"),
                    dense: .leading(("first_k_dense_replace", 0)), usual: usual()),
                ropeNumbers: [
                    NumberKey("llama_4_scaling_beta", .queryScale, in: 0...100),
                    NumberKey(
                        "original_max_position_embeddings", .queryScaleContext, in: 1...1e9),
                ],
                ropeParameters: [
                    "rope_type": "yarn", "rope_theta": 10_000, "factor": 128,
                    "original_max_position_embeddings": 8192, "beta_fast": 32, "beta_slow": 1,
                    "mscale": 1, "mscale_all_dim": 1, "llama_4_scaling_beta": 0.1,
                ])
            keys.latent = HuggingFaceLatentKeys(
                queryRank: 1024, rank: 256, unrotatedDimension: 64, ropeDimension: 64,
                valueDimension: 128, ropeIsShareOfHead: true)
            return keys
        }(),
        mistral: MistralKeys(
            name: "mistral4", ropeTheta: 10_000, mark: "llama_4_scaling", isLatent: true,
            mixture: usual(),
            numbers: [
                NumberKey("beta", .queryScale, in: 0...100),
                NumberKey("original_max_position_embeddings", .queryScaleContext, in: 1...1e9),
            ], ignored: ["vision_encoder"]),
        layer: { LatentFamily.tensors($0, $1) },
        prefixes: MistralWithImages.prefixes, ignored: MistralWithImages.ignored,
        problem: { LatentFamily.problem(in: $0) },
        kv: { LatentAttention.kv($0, $1) }, scratch: { LatentFamily.scratch($0) },
        network: { LatentFamily.network($0) })

    private static func usual(normalizes: Bool = true) -> ExpertMixture {
        var mixture = ExpertMixture()
        mixture.rule.normalizesWeights = normalizes
        mixture.rule.epsilon = 1e-20
        return mixture
    }
}
