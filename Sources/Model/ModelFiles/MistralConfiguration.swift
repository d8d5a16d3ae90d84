// SPDX-License-Identifier: Apache-2.0

import Computation
import JSON

/// Reads a model's numbers from the params.json that stands beside Mistral's own
/// consolidated.safetensors.
struct MistralConfiguration {
    /// The family.
    let schema: ModelSchema
    private let keys: MistralKeys
    private let object: JSONObject
    private let fields: ConfigurationFields

    /// Finds the family of a params.json: by a field that only its files have, and by experts.
    ///
    /// - Parameters:
    ///   - object: its content.
    ///   - path: the file, for error messages.
    ///   - schemas: the families that there are.
    /// - Throws: an error that names the field, or the architecture that is not among them.
    init(
        _ object: JSONObject, path: String, among schemas: [ModelSchema]
    ) throws(ModelFileError) {
        func has(_ key: String) -> Bool { object[key].map { !$0.isNull } ?? false }
        let isLatent = has("kv_lora_rank")
        let known = schemas.filter {
            $0.mistral?.isLatent == isLatent && $0.experts.allows(has("moe"))
        }
        let marked = known.first { $0.mistral?.mark.map(has) ?? false }
        let usual = isLatent ? known.first : known.first { $0.mistral?.mark == nil }
        guard let schema = marked ?? usual, let keys = schema.mistral
        else {
            throw .unsupported(path: path, problem: "no architecture has such a params.json")
        }
        self.schema = schema
        self.keys = keys
        self.object = object
        fields = ConfigurationFields(object, path: path)
    }

    /// Whether the output matrix is the token embedding.
    func isTied() throws(ModelFileError) -> Bool {
        try fields.bool("tied_embeddings", default: false)
    }

    /// What the file says of quantised weights.
    func quantization() throws(ModelFileError) -> QuantizationScheme {
        guard let value = object["quantization"], !value.isNull else { return QuantizationScheme() }
        return try QuantizationScheme(value, fields, key: "quantization")
    }

    /// The model's numbers.
    ///
    /// - Throws: an error that names the field.
    func read() throws(ModelFileError) -> ModelConfiguration {
        let moe = try nested("moe")
        let hiddenSize = try fields.integer("dim", in: ConfigurationBounds.hiddenSize)
        let headCount = try fields.integer("n_heads", in: ConfigurationBounds.headCount)
        let latent = try keys.isLatent ? self.latent(headCount: headCount) : nil
        let stated = try fields.optionalInteger("head_dim", in: ConfigurationBounds.headDimension)
        guard
            let headDimension = latent?.headDimension ?? stated
                ?? Self.quotient(hiddenSize, headCount)
        else {
            throw fields.fail("head_dim", "missing, and n_heads does not divide dim")
        }
        let contextKeys = ["max_position_embeddings", "max_seq_len"]
        var contextLength: Int?
        for key in contextKeys where contextLength == nil {
            contextLength = try fields.optionalInteger(key, in: ConfigurationBounds.contextLength)
        }
        var configuration = ModelConfiguration(
            architecture: keys.name, hiddenSize: hiddenSize,
            intermediateSize: try fields.integer(
                "hidden_dim", in: ConfigurationBounds.intermediateSize),
            layerCount: try fields.integer("n_layers", in: ConfigurationBounds.layerCount),
            headCount: headCount,
            kvHeadCount: latent == nil
                ? try fields.integer(
                    "n_kv_heads", in: ConfigurationBounds.headCount, default: headCount) : 1,
            headDimension: headDimension,
            vocabularySize: try fields.integer(
                "vocab_size", in: ConfigurationBounds.vocabularySize),
            expertCount: try moe?.integer("num_experts", in: ConfigurationBounds.expertCount),
            expertsPerToken: try moe?.integer(
                "num_experts_per_tok", in: ConfigurationBounds.expertCount),
            contextLength: contextLength ?? 32_768,
            ropeTheta: try fields.number(
                "rope_theta", in: ConfigurationBounds.ropeTheta,
                default: keys.ropeTheta),
            ropeScaling: try yarn(), ropePairing: .adjacent,
            ropeDimensionCount: latent?.ropeDimension ?? headDimension,
            rmsNormEpsilon: Float(
                try fields.number("norm_eps", in: ConfigurationBounds.epsilon, default: 1e-5)),
            slidingWindow: try fields.optionalInteger(
                "sliding_window", in: ConfigurationBounds.contextLength))
        configuration.latent = latent?.dimensions
        if let moe, keys.isLatent {
            configuration.mixture = try mixture(moe, layerCount: configuration.layerCount)
        }
        if let mark = keys.mark, let own = try nested(mark) {
            for key in keys.numbers {
                configuration.numbers[key.number] = try own.number(key.key, in: key.range)
            }
        }
        try refuseUnknown(configuration)
        try schema.check(configuration, path: fields.path)
        return try configuration.checked(
            fields,
            names: .init(
                kvHeadCount: "n_kv_heads", headDimension: "head_dim",
                ropeDimensionCount: latent == nil ? "head_dim" : "qk_rope_head_dim",
                expertsPerToken: "moe.num_experts_per_tok", groupCount: "moe.num_expert_groups"))
    }

    /// Refuses keys of other models of the family, where they would change what is computed.
    private func refuseUnknown(_ c: ModelConfiguration) throws(ModelFileError) {
        let own = [keys.mark].compactMap(\.self) + keys.ignored
        let one: [ConfigurationFields.Value] = [.integer(1)]
        try fields.refuseUnknown(
            object.map(\.key),
            understood: Set(own).union([
                "dim", "n_layers", "head_dim", "hidden_dim", "n_heads", "n_kv_heads",
                "rope_theta", "norm_eps", "vocab_size", "moe", "yarn", "sliding_window",
                "tied_embeddings", "max_seq_len", "max_position_embeddings", "quantization",
                // How mistral-inference packs a batch: no answer depends on it.
                "ragged_attention",
            ]).union(keys.isLatent ? Self.latentKeys : []),
            neutral: [
                "causal": [.bool(true)], "vision_encoder": [], "lora": [],
                "qlora": [], "llama_4_scaling": [], "multimodal": [], "q_lora_rank": [],
                "qk_nope_head_dim": [], "qk_rope_head_dim": [], "kv_lora_rank": [],
                "v_head_dim": [.integer(c.headDimension)], "audio_encoder": [],
            ])
        if let moe = object["moe"]?.objectValue {
            let nested = ConfigurationFields(moe, path: fields.path, prefix: "moe.")
            try nested.refuseUnknown(
                moe.map(\.key),
                understood: Set(keys.isLatent ? Self.latentMixtureKeys : []).union([
                    "num_experts", "num_experts_per_tok", "expert_parallel",
                    "expert_model_parallel", "router_aux_loss_coef",
                ]),
                neutral: [
                    "expert_hidden_dim": [.integer(c.intermediateSize)], "route_every_n": one,
                    "first_k_dense_replace": [.integer(0)], "num_shared_experts": [.integer(0)],
                    "routed_scale": one, "num_expert_groups": one, "num_expert_groups_per_tok": one,
                ], isStrict: true)
        }
        if let mark = keys.mark, let own = object[mark]?.objectValue {
            let nested = ConfigurationFields(own, path: fields.path, prefix: "\(mark).")
            try nested.refuseUnknown(
                own.map(\.key), understood: Set(keys.numbers.map(\.key)), neutral: [:],
                isStrict: true)
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

    private static let latentKeys = [
        "q_lora_rank", "kv_lora_rank", "qk_nope_head_dim", "qk_rope_head_dim", "v_head_dim",
    ]

    private static let latentMixtureKeys = [
        "expert_hidden_dim", "first_k_dense_replace", "num_shared_experts", "routed_scale",
        "num_expert_groups", "num_expert_groups_per_tok",
    ]

    /// What the file says of latent attention.
    ///
    /// `apply_scale` of `yarn` says whether scores grow with the stretch.
    private func latent(
        headCount: Int
    ) throws(ModelFileError) -> (
        dimensions: LatentDimensions, headDimension: Int, ropeDimension: Int
    ) {
        let (head, width) = (ConfigurationBounds.headDimension, ConfigurationBounds.hiddenSize)
        let kvHeadCount = try fields.integer(
            "n_kv_heads", in: ConfigurationBounds.headCount, default: headCount)
        guard kvHeadCount == headCount else {
            throw fields.fail(
                "n_kv_heads",
                "\(kvHeadCount), but latent attention has one for each of the \(headCount) heads")
        }
        let ropeDimension = try fields.integer("qk_rope_head_dim", in: head)
        return (
            LatentDimensions(
                queryRank: try fields.optionalInteger("q_lora_rank", in: width),
                rank: try fields.integer("kv_lora_rank", in: width),
                valueDimension: try fields.integer("v_head_dim", in: 1...head.upperBound),
                mscaleAllDimensions: try nested("yarn")?.bool("apply_scale", default: true) == true
                    ? 1 : 0),
            try fields.integer("qk_nope_head_dim", in: 1...head.upperBound) + ropeDimension,
            ropeDimension
        )
    }

    /// What the networks of a mixture are, where they differ from Mixtral's.
    private func mixture(
        _ moe: ConfigurationFields, layerCount: Int
    ) throws(ModelFileError) -> ExpertMixture {
        var mixture = keys.mixture
        let size = try moe.integer("expert_hidden_dim", in: ConfigurationBounds.intermediateSize)
        mixture.expertSize = size
        mixture.sharedSize = try moe.integer("num_shared_experts", in: 0...1024, default: 0) * size
        mixture.rule.scale = Float(
            try moe.number("routed_scale", in: ConfigurationBounds.scalingFactor, default: 1))
        mixture.rule.groupCount = try moe.integer(
            "num_expert_groups", in: 1...65536, default: 1)
        mixture.rule.groupsPerToken = try moe.integer(
            "num_expert_groups_per_tok", in: 1...65536, default: 1)
        let leading = try moe.integer(
            "first_k_dense_replace", in: 0...ConfigurationBounds.layerCount.upperBound, default: 0)
        mixture.denseLayers = DenseLayers(leading: leading).layers(of: layerCount)
        return mixture
    }

    private static func quotient(_ hiddenSize: Int, _ headCount: Int) -> Int? {
        let quotient = hiddenSize / headCount
        guard hiddenSize % headCount == 0,
            ConfigurationBounds.headDimension.contains(quotient)
        else { return nil }
        return quotient
    }

    private func nested(
        _ key: String
    ) throws(ModelFileError) -> ConfigurationFields? {
        guard let value = object[key], !value.isNull else { return nil }
        guard let nested = value.objectValue else {
            throw fields.fail(key, "expected an object or null")
        }
        return ConfigurationFields(nested, path: fields.path, prefix: "\(key).")
    }

    private func yarn() throws(ModelFileError) -> RopeScaling {
        guard let yarn = try nested("yarn") else { return .none }
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
                attentionFactor: appliesScale && !keys.isLatent
                    ? YarnScaling.attentionFactor(
                        factor: factor, mscale: nil, mscaleAllDimensions: nil) : 1))
    }
}
