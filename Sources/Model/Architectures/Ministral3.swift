// SPDX-License-Identifier: Apache-2.0

import Computation
import JSON
import ModelFiles

extension Architecture {
    /// Ministral 3: Llama's layers, YaRN, and queries that grow with the logarithm of their position.
    ///
    /// - Source: `get_llama_4_attn_scale` of transformers' `modeling_ministral3.py`.
    static let ministral3 = Architecture(
        name: "Ministral 3", experts: .optional,
        gguf: GGUFKeys(
            architectures: ["mistral3"], written: "mistral3",
            numbers: [NumberKey("attention.temperature_scale", .queryScale, in: 0...100)]),
        huggingFace: HuggingFaceKeys(
            architecture: "Ministral3ForCausalLM", modelType: "ministral3",
            wrapper: "Mistral3ForConditionalGeneration", kvHeadCount: 8, headDimension: 128,
            contextLength: 262_144, ropeTheta: 10_000, rmsNormEpsilon: 1e-5,
            ropeNumbers: [NumberKey("llama_4_scaling_beta", .queryScale, in: 0...100)],
            ropeParameters: [
                "rope_type": "yarn", "rope_theta": 1e6, "factor": 16,
                "original_max_position_embeddings": 16384, "beta_fast": 32, "beta_slow": 1,
                "mscale": 1, "mscale_all_dim": 1, "llama_4_scaling_beta": 0.1,
            ]),
        mistral: MistralKeys(
            name: "ministral3", ropeTheta: 1e6, mark: "llama_4_scaling",
            numbers: [
                NumberKey("beta", .queryScale, in: 0...100),
                NumberKey("original_max_position_embeddings", .queryScaleContext, in: 1...1e9),
            ], ignored: ["vision_encoder"]),
        layer: { c, _ in
            [RMSNorm.beforeAttention] + Attention.tensors + [RMSNorm.beforeFeedForward]
                + (c.isMixtureOfExperts ? MixtureOfExperts.tensors : DenseFeedForward.tensors)
        },
        prefixes: MistralWithImages.prefixes, ignored: MistralWithImages.ignored,
        problem: { QueryScale.problem(in: $0) },
        scratch: { c in
            Attention.scratch
                + (c.isMixtureOfExperts ? MixtureOfExperts.scratch : DenseFeedForward.scratch)
        },
        network: { parts in
            let scale = QueryScale(parts)
            return Decoder(parts, prepare: { scale?.prepare($0) }) { layer in
                LlamaLayer(
                    layer, Attention(layer),
                    layer.configuration.isMixtureOfExperts
                        ? MixtureOfExperts(layer) : DenseFeedForward(layer),
                    queryScale: scale)
            }
        })
}
