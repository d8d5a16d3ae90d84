// SPDX-License-Identifier: Apache-2.0

import JSON

extension ModelConfiguration {
    /// What `transformers` assumes where config.json leaves a field out, by architecture.
    private struct Defaults {
        var kvHeadCount: Int?
        var contextLength: Int
        var ropeTheta: Double
        var rmsNormEpsilon: Double
        var slidingWindow: Int?
        var expertCount: Int?

        static let byArchitecture: [String: Defaults] = [
            "MixtralForCausalLM": Defaults(
                kvHeadCount: 8, contextLength: 131_072, ropeTheta: 1e6, rmsNormEpsilon: 1e-5,
                expertCount: 8),
            "MistralForCausalLM": Defaults(
                kvHeadCount: 8, contextLength: 131_072, ropeTheta: 10_000, rmsNormEpsilon: 1e-6,
                slidingWindow: 4096),
            "LlamaForCausalLM": Defaults(
                contextLength: 2048, ropeTheta: 10_000, rmsNormEpsilon: 1e-6),
        ]
    }

    /// Reads the configuration from a Hugging Face config.json.
    init(huggingFace object: JSONObject, path: String) throws(ModelFileError) {
        let architecture = try Self.architecture(object, path: path)
        guard let defaults = Defaults.byArchitecture[architecture] else {
            throw .unsupported(
                path: path,
                problem: "architecture “\(printable(architecture, limit: 60))” is not supported ("
                    + Defaults.byArchitecture.keys.sorted().joined(separator: ", ") + " are)")
        }
        let fields = ConfigurationFields(object, path: path)
        try Self.rejectUnsupported(fields, object)
        let isMoE = defaults.expertCount != nil
        let hiddenSize = try fields.integer("hidden_size", in: ConfigurationBounds.hiddenSize)
        let headCount = try fields.integer(
            "num_attention_heads", in: ConfigurationBounds.headCount)
        let headDimension = try Self.headDimension(
            fields, hiddenSize: hiddenSize, headCount: headCount)
        // A key that is absent takes the architecture's default; null means as many as heads.
        let kvDefault =
            object["num_key_value_heads"] == nil ? defaults.kvHeadCount ?? headCount : headCount
        let contextLength = try fields.integer(
            "max_position_embeddings", in: ConfigurationBounds.contextLength,
            default: defaults.contextLength)
        let rope = try HuggingFaceRope(
            object, fields, contextLength: contextLength, defaultTheta: defaults.ropeTheta)
        let expertCount: Int? =
            isMoE
            ? try fields.integer(
                fields.has("num_local_experts") ? "num_local_experts" : "num_experts",
                in: ConfigurationBounds.expertCount, default: defaults.expertCount) : nil
        self.init(
            architecture: architecture, hiddenSize: hiddenSize,
            intermediateSize: try fields.integer(
                "intermediate_size", in: ConfigurationBounds.intermediateSize),
            layerCount: try fields.integer("num_hidden_layers", in: ConfigurationBounds.layerCount),
            headCount: headCount,
            kvHeadCount: try fields.integer(
                "num_key_value_heads", in: ConfigurationBounds.headCount, default: kvDefault),
            headDimension: headDimension,
            vocabularySize: try fields.integer(
                "vocab_size", in: ConfigurationBounds.vocabularySize),
            expertCount: expertCount,
            expertsPerToken: isMoE
                ? try fields.integer(
                    "num_experts_per_tok", in: ConfigurationBounds.expertCount, default: 2) : nil,
            contextLength: contextLength, ropeTheta: rope.theta, ropeScaling: rope.scaling,
            ropePairing: .halves,
            ropeDimensionCount: Int(Double(headDimension) * rope.partialFactor),
            rmsNormEpsilon: Float(
                try fields.number(
                    "rms_norm_eps", in: ConfigurationBounds.epsilon,
                    default: defaults.rmsNormEpsilon)),
            slidingWindow: try Self.slidingWindow(
                fields, object, architecture: architecture, default: defaults.slidingWindow))
        try refuseUnknown(in: object, fields)
        self = try checked(
            fields,
            names: RelationNames(
                kvHeadCount: "num_key_value_heads", headDimension: "head_dim",
                ropeDimensionCount: "partial_rotary_factor", expertsPerToken: "num_experts_per_tok"
            ))
    }

    private static func architecture(
        _ object: JSONObject, path: String
    ) throws(ModelFileError) -> String {
        let key = "architectures"
        if let names = object[key]?.arrayValue {
            guard names.count == 1, let name = names[0].stringValue else {
                throw .metadata(path: path, key: key, problem: "expected one string in an array")
            }
            return name
        }
        // Some tools write the model type alone.
        let types = [
            "mixtral": "MixtralForCausalLM", "mistral": "MistralForCausalLM",
            "llama": "LlamaForCausalLM",
        ]
        guard let type = object["model_type"]?.stringValue else {
            throw .metadata(path: path, key: key, problem: "missing")
        }
        return types[type] ?? type
    }

    private static func rejectUnsupported(
        _ fields: ConfigurationFields, _ object: JSONObject
    ) throws(ModelFileError) {
        let activation = try fields.optionalString("hidden_act") ?? "silu"
        guard activation == "silu" || activation == "swish" else {
            throw fields.fail(
                "hidden_act", "“\(printable(activation, limit: 40))” is not supported (silu is)")
        }
        for key in ["attention_bias", "mlp_bias"] where try fields.bool(key, default: false) {
            throw fields.fail(key, "biases are not supported")
        }
        if let quantization = object["quantization_config"], quantization != .null {
            let method = quantization["quant_method"]?.stringValue ?? "unknown method"
            throw fields.fail(
                "quantization_config",
                "quantised safetensors (\(printable(method, limit: 40))) are not supported; use the "
                    + "original weights or a GGUF file")
        }
    }

    private static func headDimension(
        _ fields: ConfigurationFields, hiddenSize: Int, headCount: Int
    ) throws(ModelFileError) -> Int {
        let range = ConfigurationBounds.headDimension
        if let stated = try fields.optionalInteger("head_dim", in: range) { return stated }
        guard hiddenSize % headCount == 0, range.contains(hiddenSize / headCount) else {
            throw fields.fail(
                "num_attention_heads",
                "\(headCount) heads do not divide hidden_size \(hiddenSize), and head_dim is "
                    + "missing")
        }
        return hiddenSize / headCount
    }

    /// Keys that are read, or that say nothing of arithmetic although their names sound so.
    private static let understood: Set<String> = [
        "architectures", "model_type", "hidden_size", "intermediate_size", "num_hidden_layers",
        "num_attention_heads", "num_key_value_heads", "head_dim", "vocab_size",
        "max_position_embeddings", "original_max_position_embeddings", "rms_norm_eps",
        "rope_theta", "rope_scaling", "rope_parameters", "partial_rotary_factor", "sliding_window",
        "use_sliding_window", "max_window_layers", "layer_types", "tie_word_embeddings",
        "hidden_act", "attention_bias", "mlp_bias", "quantization_config",
        "num_logits_to_keep", "logits_to_keep",
    ]

    /// Refuses keys of other models of the family, where they would change what is computed.
    private func refuseUnknown(
        in object: JSONObject, _ fields: ConfigurationFields
    ) throws(ModelFileError) {
        typealias Value = ConfigurationFields.Value
        let off: [Value] = [.bool(false), .integer(0)]
        let one: [Value] = [.integer(1)]
        let width: [Value] = [.integer(intermediateSize)]
        let usualScale: [Value] = [.number(1 / Double(headDimension).squareRoot())]
        var neutral: [String: [Value]] = [
            "attention_multiplier": usualScale, "attention_scale": usualScale,
            "query_pre_attn_scalar": [.integer(headDimension)],
            "rotary_dim": [.integer(ropeDimensionCount)], "rotary_pct": one, "rope_ratio": one,
            "attn_logit_softcapping": off, "final_logit_softcapping": off, "logit_scale": one,
            "logits_scaling": one, "embedding_multiplier": one, "residual_multiplier": one,
            "scale_emb": one, "norm_topk_prob": [.bool(true)], "routed_scaling_factor": one,
            "scoring_func": [.string("softmax")], "topk_method": [.string("greedy")],
            "n_group": off + one, "topk_group": off + one, "n_shared_experts": off,
            "num_shared_experts": off, "shared_expert_intermediate_size": off,
            "moe_intermediate_size": width, "expert_intermediate_size": width,
            "moe_layer_freq": one, "decoder_sparse_step": one, "first_k_dense_replace": off,
            "attn_type": [.string("causal")], "is_causal": [.bool(true)],
            "use_rms_norm": [.bool(true)], "use_rmsnorm": [.bool(true)],
            "is_decoder": [
                .bool(true), .bool(false),
            ], "add_cross_attention": off, "cross_attention_hidden_size": off,
            "num_key_value_groups": [.integer(headCount / kvHeadCount)],
            "layer_norm_eps": [.number(Double(rmsNormEpsilon))],
            "norm_eps": [.number(Double(rmsNormEpsilon))],
            "num_experts": [.integer(expertCount ?? 0)],
            "n_routed_experts": [.integer(expertCount ?? 0)],
        ]
        if let expertCount, let expertsPerToken {
            neutral["num_local_experts"] = [.integer(expertCount)]
            neutral["num_experts_per_tok"] = [.integer(expertsPerToken)]
        } else {
            // A dense model: one expert is none.
            neutral["num_local_experts"] = off + one
            neutral["num_experts_per_tok"] = off + one
        }
        try fields.refuseUnknown(
            object.map(\.key), understood: Self.understood, neutral: neutral)
    }

    /// The window of all layers, if they have one.
    private static func slidingWindow(
        _ fields: ConfigurationFields, _ object: JSONObject, architecture: String,
        default fallback: Int?
    ) throws(ModelFileError) -> Int? {
        let kinds = Set((object["layer_types"]?.arrayValue ?? []).map { $0.stringValue ?? "" })
        guard kinds.isSubset(of: ["sliding_attention"]) || kinds.isSubset(of: ["full_attention"])
        else {
            throw fields.fail("layer_types", "layers that attend differently are not supported")
        }
        // transformers' Llama has no such field and ignores it.
        guard architecture != "LlamaForCausalLM" else {
            guard kinds != ["sliding_attention"] else {
                throw fields.fail("layer_types", "a sliding window is not supported in Llama")
            }
            return nil
        }
        let stated = try fields.optionalInteger(
            "sliding_window", in: ConfigurationBounds.contextLength)
        let window = object["sliding_window"] == nil ? fallback : stated
        guard kinds != ["full_attention"], try fields.bool("use_sliding_window", default: true)
        else { return nil }
        guard let window else {
            guard kinds.isEmpty else {
                throw fields.fail("layer_types", "sliding_attention, but sliding_window is null")
            }
            return nil
        }
        if let first = try fields.optionalInteger("max_window_layers", in: 0...Int(Int32.max)),
            first > 0
        {
            throw fields.fail(
                "max_window_layers",
                "\(first), but only the same sliding_window in all layers is supported")
        }
        return window
    }
}
