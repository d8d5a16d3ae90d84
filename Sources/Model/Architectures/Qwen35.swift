// SPDX-License-Identifier: Apache-2.0

import Computation
import JSON
import ModelFiles

extension Architecture {
    /// Qwen3.5 and 3.6 with one network in each layer; the part for text.
    ///
    /// - Source: transformers' `modeling_qwen3_5.py`.
    static let qwen35 = Architecture(
        name: "Qwen3.5", experts: .never,
        gguf: DeltaNetFamily.ggufKeys("qwen35", mixture: nil, isTiled: true),
        huggingFace: huggingFace(
            architecture: "Qwen3_5ForCausalLM", modelType: "qwen3_5_text",
            wrapper: "Qwen3_5ForConditionalGeneration", kvHeadCount: 4, mixture: nil),
        layer: { c, layer in
            DeltaNetFamily.tensors(c, layer, DenseFeedForward.tensors, deltaNetTensors)
        },
        outputs: DeltaNetFamily.outputs, prefixes: prefixes, ignored: ignored,
        problem: DeltaNet.problem, scratch: DeltaNetFamily.scratch,
        network: DeltaNetFamily.network)

    /// Qwen3.5-35B-A3B, Qwen3.6-35B-A3B and others: the same with experts.
    ///
    /// - Source: transformers' `modeling_qwen3_5_moe.py`.
    static let qwen35MoE = Architecture(
        name: "Qwen3.5-MoE", experts: .always,
        gguf: DeltaNetFamily.ggufKeys(
            "qwen35moe", mixture: DeltaNetFamily.usualMixture, isTiled: true),
        huggingFace: huggingFace(
            architecture: "Qwen3_5MoeForCausalLM", modelType: "qwen3_5_moe_text",
            wrapper: "Qwen3_5MoeForConditionalGeneration", kvHeadCount: 2,
            mixture: HuggingFaceMixtureKeys(
                expertCount: ("num_experts", 256), expertsPerToken: ("num_experts_per_tok", 8),
                expertSize: ("moe_intermediate_size", 512),
                sharedSize: ("shared_expert_intermediate_size", 512),
                usual: DeltaNetFamily.usualMixture)),
        layer: { c, layer in
            DeltaNetFamily.tensors(c, layer, MixedFeedForward.tensors(c, layer), deltaNetTensors)
        },
        outputs: DeltaNetFamily.outputs, prefixes: prefixes, ignored: ignored,
        problem: DeltaNet.problem, scratch: DeltaNetFamily.scratch,
        network: DeltaNetFamily.network)

    private static let prefixes = [
        (usual: "model.", own: "model.language_model."),
        (usual: "model.", own: "language_model.model."), (usual: "", own: "language_model."),
    ]

    /// What sees, and what drafts tokens.
    private static let ignored = ["model.visual.", "visual.", "mtp.", "model.mtp."]

    private static let deltaNetTensors = DeltaNet.tensors(
        queryKeyValue: "model.layers.{L}.linear_attn.in_proj_qkv.weight",
        gate: "model.layers.{L}.linear_attn.in_proj_z.weight",
        decay: "model.layers.{L}.linear_attn.in_proj_a.weight",
        beta: "model.layers.{L}.linear_attn.in_proj_b.weight")

    private static func huggingFace(
        architecture: String, modelType: String, wrapper: String, kvHeadCount: Int,
        mixture: HuggingFaceMixtureKeys?
    ) -> HuggingFaceKeys {
        var keys = HuggingFaceKeys(
            architecture: architecture, modelType: modelType, wrapper: wrapper,
            kvHeadCount: kvHeadCount, headDimension: 256, contextLength: 32_768,
            ropeTheta: 10_000, rmsNormEpsilon: 1e-6, hasSlidingWindow: false, mixture: mixture,
            partialRotaryFactor: 0.25,
            constants: [("attn_output_gate", [true]), ("output_gate_type", ["swish", "silu"])])
        keys.hasDeltaNets = true
        // Positions in images have three parts; all of a text's are the same.
        keys.inertRopeKeys = ["mrope_section", "mrope_interleaved"]
        keys.intermediateSize = mixture == nil ? 12_288 : 512
        return keys
    }
}
