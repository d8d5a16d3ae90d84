// SPDX-License-Identifier: Apache-2.0

import Computation
import JSON
import ModelFiles

extension Architecture {
    /// gpt-oss: heads with sinks, a window in every second layer, biases everywhere, and experts with a
    /// clamped gate, published in MXFP4.
    ///
    /// - Source: transformers' `modeling_gpt_oss.py`.
    static let gptOSS = Architecture(
        name: "gpt-oss", experts: .always,
        gguf: GGUFKeys(
            architectures: ["gpt-oss"], written: "gpt-oss", ropePairing: .halves, mixture: usual,
            windows: windows, roundsRamp: false),
        huggingFace: huggingFace,
        layer: { c, _ in
            [RMSNorm.beforeAttention] + Attention.tensors + ProjectionBias.tensors
                + [Attention.sinks, Attention.outputBias, RMSNorm.afterAttention]
                + MixtureOfExperts.tensors(of: c).map(published)
        },
        scratch: { Attention.scratch + MixtureOfExperts.scratch(of: $0) },
        network: { parts in
            Decoder(parts) { layer in
                let bias = ProjectionBias(layer)
                return LlamaLayer(layer, MixtureOfExperts(layer)) { bias.add(to: $0, $1) }
            }
        })

    private static let windows = WindowPattern(period: 2, isUnstretched: false)

    private static let usual = {
        var mixture = ExpertMixture()
        mixture.hasBiases = true
        mixture.gate = ClampedGate(slope: 1.702, limit: 7)
        return mixture
    }()

    private static let huggingFace = {
        var keys = HuggingFaceKeys(
            architecture: "GptOssForCausalLM", modelType: "gpt_oss", kvHeadCount: 8,
            headDimension: 64, contextLength: 131_072, ropeTheta: 150_000, rmsNormEpsilon: 1e-5,
            slidingWindow: 128, mixesWindows: true, hasAttentionBias: true,
            mixture: HuggingFaceMixtureKeys(
                expertCount: ("num_local_experts", 128),
                expertsPerToken: ("num_experts_per_tok", 4), usual: usual),
            constants: [
                ("attention_bias", [true]), ("swiglu_limit", [.number(7), .integer(7)]),
                ("swiglu_alpha", [.number(1.702)]), ("initial_context_length", []),
                ("experts_per_token", []),
            ],
            ropeParameters: [
                "rope_type": "yarn", "factor": 32, "beta_fast": 32, "beta_slow": 1,
                "truncate": false, "original_max_position_embeddings": 4096,
            ])
        keys.windows = windows
        keys.readsMXFP4 = true
        return keys
    }()

    /// Experts as the family's own files have them: those of a layer in one tensor, gate and up
    /// projection row by row, in MXFP4 or transposed.
    @Sendable private static func published(_ tensor: TensorDeclaration) -> TensorDeclaration {
        let (name, rows): (String, TensorName.RowChoice)
        switch tensor.role {
        case .gate: (name, rows) = ("gate_up_proj", .even)
        case .up: (name, rows) = ("gate_up_proj", .odd)
        case .down: (name, rows) = ("down_proj", .all)
        default: return tensor
        }
        let stem = "model.layers.{L}.mlp.experts.\(name)"
        return tensor.named(huggingFace: [
            .mxfp4Stack("\(stem)_blocks", rows: rows), .transposedStack(stem, rows: rows),
        ])
    }
}
