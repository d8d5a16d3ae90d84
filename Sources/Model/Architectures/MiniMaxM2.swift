// SPDX-License-Identifier: Apache-2.0

import Computation
import JSON
import ModelFiles

extension Architecture {
    /// MiniMax-M2: norms over all queries and all keys, heads of which a part rotates, and experts
    /// chosen by sigmoid and bias.
    ///
    /// - Source: transformers' `modeling_minimax_m2.py`.
    static let minimaxM2 = Architecture(
        name: "MiniMax-M2", experts: .always,
        gguf: GGUFKeys(
            architectures: ["minimax-m2"], written: "minimax-m2", ropePairing: .halves,
            mixture: chosenByBias),
        huggingFace: HuggingFaceKeys(
            architecture: "MiniMaxM2ForCausalLM", modelType: "minimax_m2", kvHeadCount: 8,
            headDimension: 128, contextLength: 196_608, ropeTheta: 5e6, rmsNormEpsilon: 1e-6,
            hasSlidingWindow: false,
            mixture: HuggingFaceMixtureKeys(
                expertCount: ("num_local_experts", 256),
                expertsPerToken: ("num_experts_per_tok", 8), usual: chosenByBias),
            constants: [
                ("scoring_func", ["sigmoid"]), ("use_routing_bias", [true]),
                ("use_qk_norm", [true]), ("qk_norm_type", ["per_layer"]),
                ("attn_type_list", [1]), ("shared_intermediate_size", [0]),
                ("mlp_intermediate_size", []),
            ]),
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

    private static let chosenByBias = {
        var mixture = ExpertMixture()
        mixture.rule.scoring = .sigmoid
        mixture.hasSelectionBias = true
        return mixture
    }()
}
