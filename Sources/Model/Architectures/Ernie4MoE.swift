// SPDX-License-Identifier: Apache-2.0

import Computation
import JSON
import ModelFiles

extension Architecture {
    /// ERNIE 4.5 with experts: Llama's attention with adjacent pairs, the first layers dense, experts
    /// chosen by softmax and bias, and some beside them.
    ///
    /// - Source: transformers' `modeling_ernie4_5_moe.py`.
    static let ernie4MoE = Architecture(
        name: "ERNIE 4.5 MoE", experts: .always,
        gguf: GGUFKeys(
            architectures: ["ernie4_5-moe"], written: "ernie4_5-moe", mixture: usual),
        huggingFace: HuggingFaceKeys(
            architecture: "Ernie4_5_MoeForCausalLM", modelType: "ernie4_5_moe", kvHeadCount: 4,
            contextLength: 131_072, ropeTheta: 500_000, rmsNormEpsilon: 1e-5,
            hasSlidingWindow: false,
            mixture: HuggingFaceMixtureKeys(
                expertCount: ("moe_num_experts", 64), expertsPerToken: ("moe_k", 6),
                expertSize: ("moe_intermediate_size", 1536),
                sharedCount: ("moe_num_shared_experts", 2), floor: "moe_norm_min",
                dense: .outside(
                    first: ("moe_layer_start_index", 1), last: ("moe_layer_end_index", -1),
                    step: ("moe_layer_interval", 1)),
                usual: usual),
            isTied: true, ropePairing: .adjacent,
            constants: [
                ("use_bias", [false]), ("moe_use_aux_free", [true]), ("moe_capacity", []),
                ("moe_gate", ["topk", "topk_fused"]),
            ]),
        layer: { c, layer in
            [RMSNorm.beforeAttention] + Attention.tensors
                + [RMSNorm.beforeFeedForward] + MixedFeedForward.tensors(c, layer)
        },
        ignored: ["model.mtp_"],
        scratch: { Attention.scratch + MixedFeedForward.scratch($0) },
        network: { Decoder($0) { LlamaLayer($0, MixedFeedForward.make($0)) } })

    private static let usual = {
        var mixture = ExpertMixture()
        mixture.rule.floor = 1e-12
        mixture.hasSelectionBias = true
        return mixture
    }()
}
