// SPDX-License-Identifier: Apache-2.0

import JSON

extension ModelConfiguration {
    /// Reads the configuration from the params.json that stands beside Mistral's own
    /// consolidated.safetensors.
    init(mistral object: JSONObject, path: String) throws(ModelFileError) {
        let fields = ConfigurationFields(object, path: path)
        for key in ["quantization", "vision_encoder", "lora", "llama_4_scaling"] {
            if let value = object[key], !value.isNull {
                throw fields.fail(key, "not supported")
            }
        }
        let moe = try Self.nested(object, "moe", fields)
        let hiddenSize = try fields.integer("dim", in: ConfigurationBounds.hiddenSize)
        let headCount = try fields.integer("n_heads", in: ConfigurationBounds.headCount)
        let stated = try fields.optionalInteger("head_dim", in: ConfigurationBounds.headDimension)
        guard let headDimension = stated ?? Self.quotient(hiddenSize, headCount) else {
            throw fields.fail("head_dim", "missing, and n_heads does not divide dim")
        }
        let contextKeys = ["max_position_embeddings", "max_seq_len"]
        var contextLength: Int?
        for key in contextKeys where contextLength == nil {
            contextLength = try fields.optionalInteger(key, in: ConfigurationBounds.contextLength)
        }
        self.init(
            architecture: moe == nil ? "mistral" : "mixtral", hiddenSize: hiddenSize,
            intermediateSize: try fields.integer(
                "hidden_dim", in: ConfigurationBounds.intermediateSize),
            layerCount: try fields.integer("n_layers", in: ConfigurationBounds.layerCount),
            headCount: headCount,
            kvHeadCount: try fields.integer(
                "n_kv_heads", in: ConfigurationBounds.headCount, default: headCount),
            headDimension: headDimension,
            vocabularySize: try fields.integer(
                "vocab_size", in: ConfigurationBounds.vocabularySize),
            expertCount: try moe?.integer("num_experts", in: ConfigurationBounds.expertCount),
            expertsPerToken: try moe?.integer(
                "num_experts_per_tok", in: ConfigurationBounds.expertCount),
            contextLength: contextLength ?? 32_768,
            // mistral-inference's own defaults.
            ropeTheta: try fields.number(
                "rope_theta", in: ConfigurationBounds.ropeTheta,
                default: moe == nil ? 10_000 : 1_000_000),
            ropeScaling: try Self.yarn(object, fields), ropePairing: .adjacent,
            ropeDimensionCount: headDimension,
            rmsNormEpsilon: Float(
                try fields.number("norm_eps", in: ConfigurationBounds.epsilon, default: 1e-5)),
            slidingWindow: try fields.optionalInteger(
                "sliding_window", in: ConfigurationBounds.contextLength))
        self = try checked(
            fields,
            names: RelationNames(
                kvHeadCount: "n_kv_heads", headDimension: "head_dim",
                ropeDimensionCount: "head_dim", expertsPerToken: "moe.num_experts_per_tok"))
    }

    private static func quotient(_ hiddenSize: Int, _ headCount: Int) -> Int? {
        let quotient = hiddenSize / headCount
        guard hiddenSize % headCount == 0,
            ConfigurationBounds.headDimension.contains(quotient)
        else { return nil }
        return quotient
    }

    private static func nested(
        _ object: JSONObject, _ key: String, _ fields: ConfigurationFields
    ) throws(ModelFileError) -> ConfigurationFields? {
        guard let value = object[key], !value.isNull else { return nil }
        guard let nested = value.objectValue else {
            throw fields.fail(key, "expected an object or null")
        }
        return ConfigurationFields(nested, path: fields.path, prefix: "\(key).")
    }

    private static func yarn(
        _ object: JSONObject, _ fields: ConfigurationFields
    ) throws(ModelFileError) -> RopeScaling {
        guard let yarn = try nested(object, "yarn", fields) else { return .none }
        let range = ConfigurationBounds.scalingFactor
        let factor = try yarn.number("factor", in: range)
        let appliesScale = try yarn.bool("apply_scale", default: true)
        return .yarn(
            YarnScaling(
                factor: factor,
                originalContextLength: try yarn.integer(
                    "original_max_position_embeddings", in: ConfigurationBounds.contextLength),
                betaFast: try yarn.number("beta", in: range, default: 32),
                betaSlow: try yarn.number("alpha", in: range, default: 1),
                attentionFactor: appliesScale
                    ? YarnScaling.attentionFactor(
                        factor: factor, mscale: nil, mscaleAllDimensions: nil) : 1))
    }
}
