// SPDX-License-Identifier: Apache-2.0

import JSON
import ModelFiles

extension Architecture {
    /// Mellum 2: Qwen3's attention with a window in most layers, which rotate by themselves, and many
    /// narrow experts.
    ///
    /// - Source: transformers' `modeling_mellum.py`.
    static let mellum = Architecture(
        name: "Mellum", experts: .always,
        gguf: GGUFKeys(
            architectures: ["mellum"], written: "mellum", ropePairing: .halves,
            mixture: ExpertMixture(), windows: WindowPattern(period: 4, isUnstretched: true)),
        huggingFace: HuggingFaceKeys(
            architecture: "MellumForCausalLM", modelType: "mellum", kvHeadCount: 4,
            headDimension: 128, contextLength: 131_072, ropeTheta: 10_000, rmsNormEpsilon: 1e-6,
            slidingWindow: 1024, mixesWindows: true,
            mixture: HuggingFaceMixtureKeys(
                expertCount: ("num_experts", 64), expertsPerToken: ("num_experts_per_tok", 8),
                expertSize: ("moe_intermediate_size", 896), normalizes: "norm_topk_prob",
                dense: .kinds("mlp_layer_types")),
            constants: [("mtp_layer_types", []), ("mtp_mlp_layer_types", [])],
            ropeParameters: [
                "full_attention": ["rope_type": "default", "rope_theta": 500_000],
                "sliding_attention": ["rope_type": "default", "rope_theta": 10_000],
            ]),
        layer: { c, layer in
            [RMSNorm.beforeAttention] + Attention.tensors + HeadNorm.tensors
                + [RMSNorm.beforeFeedForward] + MixedFeedForward.tensors(c, layer)
        },
        ignored: ["mtp."],
        scratch: {
            Attention.scratch + RotaryEmbedding.windowScratch($0) + MixedFeedForward.scratch($0)
        },
        network: { parts in
            Decoder(parts) { layer in
                let norm = HeadNorm(layer)
                return LlamaLayer(layer, MixedFeedForward.make(layer)) { norm.normalize($0, $1) }
            }
        })
}
