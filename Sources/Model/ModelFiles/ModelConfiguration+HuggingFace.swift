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
        let isMoE = defaults.expertCount != nil
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
            expertCount: isMoE
                ? try fields.integer(
                    "num_local_experts", in: ConfigurationBounds.expertCount,
                    default: defaults.expertCount) : nil,
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
            throw fields.fail(
                "quantization_config",
                "quantised safetensors are not supported; use the original weights or a GGUF file")
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

    private static func slidingWindow(
        _ fields: ConfigurationFields, _ object: JSONObject, architecture: String,
        default fallback: Int?
    ) throws(ModelFileError) -> Int? {
        // transformers' Llama has no such field and ignores it.
        guard architecture != "LlamaForCausalLM" else { return nil }
        let window = try fields.optionalInteger(
            "sliding_window", in: ConfigurationBounds.contextLength)
        let kinds = Set((object["layer_types"]?.arrayValue ?? []).map { $0.stringValue ?? "" })
        guard kinds.isSubset(of: ["sliding_attention"]) || kinds.isSubset(of: ["full_attention"])
        else {
            throw fields.fail("layer_types", "layers that attend differently are not supported")
        }
        if object["sliding_window"] == nil { return fallback }
        return window
    }
}
