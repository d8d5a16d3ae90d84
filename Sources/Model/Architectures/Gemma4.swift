// SPDX-License-Identifier: Apache-2.0

import Computation
import JSON
import ModelFiles

extension FamilyNumber {
    fileprivate static let keysAreValues = FamilyNumber("values that are keys")
}

extension Architecture {
    /// Gemma 4: windows in most layers, with heads of their own, norms around everything, and in some
    /// models experts beside the network, inputs of layers, or layers that borrow keys and values; the
    /// part for text.
    ///
    /// - Source: transformers' `modeling_gemma4.py`.
    static let gemma4 = Architecture(
        name: "Gemma 4", experts: .optional, gguf: gguf, huggingFace: huggingFace,
        furtherInputs: { LayerInputs.tensors(of: $0) },
        layer: { c, layer in
            [RMSNorm.beforeAttention] + attention(c, layer) + [Attention.outputNorm]
                + NormedFeedForward.tensors(c)
        },
        prefixes: [
            (usual: "model.", own: "model.language_model."),
            (usual: "model.", own: "language_model.model."), (usual: "", own: "language_model."),
        ],
        ignored: [
            "model.vision_tower.", "model.audio_tower.", "model.embed_vision.",
            "model.embed_audio.", "vision_tower.", "audio_tower.", "embed_vision.", "embed_audio.",
        ],
        scratch: {
            Attention.scratch + RotaryEmbedding.windowScratch($0) + LayerInputs.scratch(of: $0)
                + NormedFeedForward.scratch($0)
        },
        network: { parts in
            Decoder(
                parts, embeddingScale: Float(parts.configuration.hiddenSize).squareRoot(),
                layerInputs: LayerInputs(parts)
            ) { layer in
                let norm = HeadNorm(layer, normalizesValues: true)
                return LlamaLayer(
                    layer, Attention(layer, scale: 1), NormedFeedForward(layer)
                ) { norm.normalize($0, $1) }
            }
        })

    /// Attention and its norms in a layer, without what the layer borrows.
    private static func attention(
        _ c: ModelConfiguration, _ layer: Int
    ) -> [TensorDeclaration] {
        let hasValues = c.window(layer: layer) != nil || c.numbers[.keysAreValues] == nil
        return (Attention.tensors + HeadNorm.tensors).filter { tensor in
            switch tensor.role {
            case .key, .keyNorm: !c.borrows(layer: layer)
            case .value: !c.borrows(layer: layer) && hasValues
            default: true
            }
        }
    }

    private static let windows = WindowPattern(period: 6, isUnstretched: true)

    private static func numbers(layerInputs: String) -> [NumberKey] {
        [
            NumberKey(layerInputs, .layerInputSize, in: 0...65536, isCount: true),
            NumberKey("final_logit_softcapping", .logitLimit, in: 0...1e6),
        ]
    }

    private static let gguf = {
        var keys = GGUFKeys(
            architectures: ["gemma4"], written: "gemma4",
            numbers: numbers(layerInputs: "embedding_length_per_layer_input"),
            ropePairing: .halves, mixture: ExpertMixture(), windows: windows)
        keys.hasWindowHeads = true
        keys.keysAreValues = .keysAreValues
        return keys
    }()

    private static let huggingFace = {
        var keys = HuggingFaceKeys(
            architecture: "Gemma4ForCausalLM", modelType: "gemma4_text",
            wrapper: "Gemma4ForConditionalGeneration", kvHeadCount: 4, headDimension: 256,
            contextLength: 131_072, ropeTheta: 10_000, rmsNormEpsilon: 1e-6, slidingWindow: 512,
            mixesWindows: true,
            mixture: HuggingFaceMixtureKeys(
                expertCount: ("num_experts", 128), expertsPerToken: ("top_k_experts", 8),
                expertSize: ("moe_intermediate_size", 704)),
            isTied: true, flags: [("attention_k_eq_v", .keysAreValues)],
            constants: [
                ("hidden_activation", ["gelu_pytorch_tanh"]),
                // Of images; text sees what is before it.
                ("use_bidirectional_attention", ["vision"]),
            ],
            ropeParameters: [
                "sliding_attention": ["rope_type": "default", "rope_theta": 10_000],
                "full_attention": [
                    "rope_type": "proportional", "partial_rotary_factor": 0.25,
                    "rope_theta": 1_000_000,
                ],
            ])
        keys.mixture?.isOn = "enable_moe_block"
        keys.windows = windows
        keys.windowHeads = HuggingFaceWindowHeads.Keys(fullHeadDimension: 512)
        keys.intermediateSize = 9216
        keys.numbers = numbers(layerInputs: "hidden_size_per_layer_input")
        keys.defaults = [.layerInputSize: 256]
        return keys
    }()
}
