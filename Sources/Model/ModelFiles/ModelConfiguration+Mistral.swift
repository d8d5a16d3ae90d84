// SPDX-License-Identifier: Apache-2.0

import JSON

extension ModelConfiguration {
    /// Reads the configuration from the params.json that stands beside Mistral's own
    /// consolidated.safetensors.
    init(mistral object: JSONObject, path: String) throws(ModelFileError) {
        let fields = ConfigurationFields(object, path: path)
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
        try refuseUnknown(in: object, fields)
        self = try checked(
            fields,
            names: RelationNames(
                kvHeadCount: "n_kv_heads", headDimension: "head_dim",
                ropeDimensionCount: "head_dim", expertsPerToken: "moe.num_experts_per_tok"))
    }

    /// Refuses keys of other models of the family, where they would change what is computed.
    private func refuseUnknown(
        in object: JSONObject, _ fields: ConfigurationFields
    ) throws(ModelFileError) {
        let one: [ConfigurationFields.Value] = [.integer(1)]
        try fields.refuseUnknown(
            object.map(\.key),
            understood: [
                "dim", "n_layers", "head_dim", "hidden_dim", "n_heads", "n_kv_heads",
                "rope_theta", "norm_eps", "vocab_size", "moe", "yarn", "sliding_window",
                "tied_embeddings", "max_seq_len", "max_position_embeddings",
                // How mistral-inference packs a batch: no answer depends on it.
                "ragged_attention",
            ],
            neutral: [
                "causal": [.bool(true)], "quantization": [], "vision_encoder": [], "lora": [],
                "qlora": [], "llama_4_scaling": [], "multimodal": [], "q_lora_rank": [],
                "qk_nope_head_dim": [], "qk_rope_head_dim": [], "kv_lora_rank": [],
                "v_head_dim": [.integer(headDimension)], "audio_encoder": [],
            ])
        if let moe = object["moe"]?.objectValue {
            let nested = ConfigurationFields(moe, path: fields.path, prefix: "moe.")
            try nested.refuseUnknown(
                moe.map(\.key),
                understood: [
                    "num_experts", "num_experts_per_tok", "expert_parallel",
                    "expert_model_parallel", "router_aux_loss_coef",
                ],
                neutral: [
                    "expert_hidden_dim": [.integer(intermediateSize)], "route_every_n": one,
                    "first_k_dense_replace": [.integer(0)], "num_shared_experts": [.integer(0)],
                    "routed_scale": one, "num_expert_groups": one, "num_expert_groups_per_tok": one,
                ], isStrict: true)
        }
        if let yarn = object["yarn"]?.objectValue {
            let nested = ConfigurationFields(yarn, path: fields.path, prefix: "yarn.")
            try nested.refuseUnknown(
                yarn.map(\.key),
                understood: [
                    "factor", "original_max_position_embeddings", "beta", "alpha", "apply_scale",
                ], neutral: [:], isStrict: true)
        }
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
