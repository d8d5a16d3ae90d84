// SPDX-License-Identifier: Apache-2.0

import JSON

/// Reads a model's numbers from a Hugging Face config.json: the fields that all families have, with
/// the family's defaults, and those that the family adds.
struct HuggingFaceConfiguration {
    /// The family.
    let schema: ModelSchema
    /// Whether the output matrix is the token embedding; nil: where there is no other.
    let tied: Bool?
    private let keys: HuggingFaceKeys
    private let object: JSONObject
    /// With what a model of text and images has beside its text part.
    private let whole: JSONObject
    private let fields: ConfigurationFields

    /// Finds the family that a config.json states.
    ///
    /// - Parameters:
    ///   - object: its content.
    ///   - path: the file, for error messages.
    ///   - schemas: the families that there are.
    /// - Throws: an error that names the field, or the architecture that is not among them.
    init(
        _ object: JSONObject, path: String, among schemas: [ModelSchema]
    ) throws(ModelFileError) {
        let architecture = try Self.architecture(object, path: path, among: schemas)
        self.whole = object
        let whole = ConfigurationFields(object, path: path)
        let wrapped = schemas.filter { $0.huggingFace?.wrapper == architecture }
        if !wrapped.isEmpty, let text = object["text_config"]?.objectValue {
            // A model of text and images: its text part is a model of text.
            try Self.rejectUnsupported(whole, object)
            var part = text
            part["architectures"] = nil
            let name = try Self.architecture(part, path: path, among: schemas)
            guard let schema = wrapped.first(where: { $0.huggingFace?.architecture == name }),
                let keys = schema.huggingFace
            else {
                let known = wrapped.compactMap { $0.huggingFace?.modelType }
                throw whole.fail(
                    "text_config.model_type",
                    "“\(printable(name, limit: 60))” is not supported in \(architecture) ("
                        + "\(known.sorted().joined(separator: ", ")) are)")
            }
            self.schema = schema
            self.keys = keys
            if part["eos_token_id"] == nil { part["eos_token_id"] = object["eos_token_id"] }
            // transformers goes by the top level, where tied is the default, and yet uses an output
            // matrix that a file has.
            tied = try whole.bool("tie_word_embeddings", default: true) ? nil : false
            self.object = part
            fields = ConfigurationFields(part, path: path, prefix: "text_config.")
            return
        }
        guard
            let schema = schemas.first(where: { $0.huggingFace?.isNamed(architecture) ?? false }),
            let keys = schema.huggingFace
        else {
            let known = schemas.flatMap {
                [$0.huggingFace?.architecture, $0.huggingFace?.wrapper].compactMap(\.self)
            }
            throw .unsupported(
                path: path,
                problem: "architecture “\(printable(architecture, limit: 60))” is not supported ("
                    + Set(known).sorted().joined(separator: ", ") + " are)")
        }
        self.schema = schema
        self.keys = keys
        self.object = object
        fields = whole
        tied = try whole.bool("tie_word_embeddings", default: keys.isTied)
    }

    /// The part that is about text, for what else is in it.
    var text: JSONObject { object }

    /// The model's numbers.
    ///
    /// - Throws: an error that names the field.
    func read() throws(ModelFileError) -> ModelConfiguration {
        if schema.isEncoder {
            return try HuggingFaceEncoderConfiguration(object, fields, keys).read()
        }
        try Self.rejectUnsupported(
            fields, object,
            hasAttentionBias: keys.hasAttentionBias
                || keys.flags.contains { $0.key == "attention_bias" },
            readsMXFP4: keys.readsMXFP4)
        let hiddenSize = try fields.integer("hidden_size", in: ConfigurationBounds.hiddenSize)
        let headCount = try fields.integer(
            "num_attention_heads", in: ConfigurationBounds.headCount)
        var latent = try keys.latent.map { keys throws(ModelFileError) in
            try HuggingFaceLatent(keys, object, fields, headCount: headCount)
        }
        let headDimension: Int
        if let latent {
            headDimension = latent.headDimension
        } else {
            headDimension = try self.headDimension(hiddenSize: hiddenSize, headCount: headCount)
        }
        // A key that is absent takes the architecture's default; null means as many as heads.
        let kvDefault =
            object["num_key_value_heads"] == nil ? keys.kvHeadCount ?? headCount : headCount
        let contextLength = try fields.integer(
            "max_position_embeddings", in: ConfigurationBounds.contextLength,
            default: keys.contextLength)
        let layerCount = try fields.integer(
            "num_hidden_layers", in: ConfigurationBounds.layerCount)
        let windows = try self.windows(layerCount: layerCount)
        let (rope, windowRope) = try ropes(
            windows, layerCount: layerCount, contextLength: contextLength)
        let intermediateSize = try fields.integer(
            "intermediate_size", in: ConfigurationBounds.intermediateSize,
            default: keys.intermediateSize)
        let hasExperts =
            try keys.mixture?.isOn.map { key throws(ModelFileError) in
                try fields.bool(key, default: false)
            } ?? true
        let mixtureKeys = hasExperts ? keys.mixture : nil
        let experts = try mixtureKeys.map { keys throws(ModelFileError) in
            try HuggingFaceMixture(
                keys, object, fields, layerCount: layerCount, intermediateSize: intermediateSize)
        }
        latent?.dimensions.mscaleAllDimensions = rope.mscaleAllDimensions
        try latent?.check(partialFactor: rope.statedPartialFactor, fields)
        var configuration = ModelConfiguration(
            architecture: keys.architecture, hiddenSize: hiddenSize,
            intermediateSize: intermediateSize, layerCount: layerCount, headCount: headCount,
            kvHeadCount: latent == nil
                ? try fields.integer(
                    "num_key_value_heads", in: ConfigurationBounds.headCount, default: kvDefault)
                : 1,
            headDimension: headDimension,
            vocabularySize: try fields.integer(
                "vocab_size", in: ConfigurationBounds.vocabularySize),
            expertCount: experts?.expertCount, expertsPerToken: experts?.expertsPerToken,
            contextLength: contextLength, ropeTheta: rope.theta, ropeScaling: rope.scaling,
            ropePairing: latent?.ropePairing ?? keys.ropePairing,
            ropeDimensionCount: try ropeDimensionCount(
                latent, headDimension: headDimension, partialFactor: rope.partialFactor),
            rmsNormEpsilon: Float(
                try fields.number(
                    "rms_norm_eps", in: ConfigurationBounds.epsilon,
                    default: keys.rmsNormEpsilon)),
            slidingWindow: windows.window)
        (configuration.fullLayers, configuration.windowRope) = (windows.fullLayers, windowRope)
        configuration.numbers = rope.numbers
        try readNumbers(&configuration)
        configuration.latent = latent?.dimensions
        if keys.hasDeltaNets {
            (configuration.deltaNet, configuration.deltaLayers) = try HuggingFaceDeltaNet(
                object, fields, layerCount: layerCount
            ).read()
        }
        for (key, number) in keys.flags where try fields.bool(key, default: false) {
            configuration.numbers[number] = 1
        }
        if let experts { configuration.mixture = experts.mixture }
        if let heads = keys.windowHeads {
            try HuggingFaceWindowHeads(heads, object, fields).read(
                into: &configuration, proportion: rope.proportion ?? 1)
        }
        for key in Self.draftLayerKeys {
            configuration.draftLayerCount = max(
                configuration.draftLayerCount, try fields.integer(key, in: 0...64, default: 0))
        }
        try refuseUnknown(configuration)
        try schema.check(configuration, path: fields.path)
        return try configuration.checked(
            fields,
            names: .init(
                kvHeadCount: keys.windowHeads == nil
                    ? "num_key_value_heads" : "num_global_key_value_heads",
                headDimension: keys.windowHeads == nil ? "head_dim" : "global_head_dim",
                windowKVHeadCount: "num_key_value_heads", windowHeadDimension: "head_dim",
                ropeDimensionCount: latent == nil ? "partial_rotary_factor" : "qk_rope_head_dim",
                expertsPerToken: keys.mixture?.expertsPerToken.key ?? "num_experts_per_tok",
                groupCount: keys.mixture?.groups?.count ?? "n_group"))
    }

    /// The family's own numbers at the top level; those that are 0 are as if they were not there.
    private func readNumbers(_ configuration: inout ModelConfiguration) throws(ModelFileError) {
        for key in keys.numbers {
            var value: Double?
            if key.isCount {
                let range = Int(key.range.lowerBound)...Int(key.range.upperBound)
                value = try fields.optionalInteger(key.key, in: range).map { Double($0) }
            } else {
                value = try fields.optionalNumber(key.key, in: key.range)
            }
            if object[key.key] == nil { value = keys.defaults[key.number] }
            configuration.numbers[key.number] = value == 0 ? nil : value
        }
    }

    /// How many layers a file has after the others to draft tokens with.
    private static let draftLayerKeys = [
        "num_nextn_predict_layers", "num_mtp_layers", "mtp_num_hidden_layers",
    ]

    /// How many components of a head rotate; some files state their number.
    private func ropeDimensionCount(
        _ latent: HuggingFaceLatent?, headDimension: Int, partialFactor: Double
    ) throws(ModelFileError) -> Int {
        if let latent { return latent.ropeDimension }
        // transformers reads it of this family alone; any other number of others is refused.
        if keys.modelType == "minimax_m2", partialFactor == keys.partialRotaryFactor,
            let own = try fields.optionalInteger("rotary_dim", in: 2...headDimension)
        {
            return own
        }
        return Int(Double(headDimension) * partialFactor)
    }

    private static func architecture(
        _ object: JSONObject, path: String, among schemas: [ModelSchema]
    ) throws(ModelFileError) -> String {
        let key = "architectures"
        if let names = object[key]?.arrayValue {
            guard names.count == 1, let name = names[0].stringValue else {
                throw .metadata(path: path, key: key, problem: "expected one string in an array")
            }
            return name
        }
        // Some tools write the model type alone.
        guard let type = object["model_type"]?.stringValue else {
            throw .metadata(path: path, key: key, problem: "missing")
        }
        let keys = schemas.first { $0.huggingFace?.modelType == type }?.huggingFace
        return keys?.architecture ?? type
    }

    private static func rejectUnsupported(
        _ fields: ConfigurationFields, _ object: JSONObject, hasAttentionBias: Bool = false,
        readsMXFP4: Bool = false
    ) throws(ModelFileError) {
        let activation = try fields.optionalString("hidden_act") ?? "silu"
        guard activation == "silu" || activation == "swish" else {
            throw fields.fail(
                "hidden_act", "“\(printable(activation, limit: 40))” is not supported (silu is)")
        }
        for key in hasAttentionBias ? ["mlp_bias"] : ["attention_bias", "mlp_bias"]
        where try fields.bool(key, default: false) {
            throw fields.fail(key, "biases are not supported")
        }
        if let quantization = object["quantization_config"], quantization != .null {
            _ = try QuantizationScheme(
                quantization, fields, key: "quantization_config", readsMXFP4: readsMXFP4)
        }
    }

    /// What the file says of quantised weights.
    func quantization() throws(ModelFileError) -> QuantizationScheme {
        guard let value = whole["quantization_config"] ?? object["quantization_config"],
            value != .null
        else { return QuantizationScheme() }
        return try QuantizationScheme(
            value, fields, key: "quantization_config", readsMXFP4: keys.readsMXFP4)
    }

    private func headDimension(
        hiddenSize: Int, headCount: Int
    ) throws(ModelFileError) -> Int {
        let range = ConfigurationBounds.headDimension
        if let stated = try fields.optionalInteger("head_dim", in: range) { return stated }
        if let usual = keys.headDimension, object["head_dim"] == nil { return usual }
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
    private func refuseUnknown(_ c: ModelConfiguration) throws(ModelFileError) {
        typealias Value = ConfigurationFields.Value
        let off: [Value] = [.bool(false), .integer(0)]
        let one: [Value] = [.integer(1)]
        let width: [Value] = [.integer(c.intermediateSize)]
        let usualScale: [Value] = [.number(1 / Double(c.headDimension).squareRoot())]
        var neutral: [String: [Value]] = [
            "attention_multiplier": usualScale, "attention_scale": usualScale,
            "query_pre_attn_scalar": [.integer(c.headDimension)],
            "rotary_dim": [.integer(c.ropeDimensionCount)], "rotary_pct": one, "rope_ratio": one,
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
            "num_key_value_groups": [.integer(c.headCount / c.kvHeadCount)],
            "layer_norm_eps": [.number(Double(c.rmsNormEpsilon))],
            "norm_eps": [.number(Double(c.rmsNormEpsilon))],
            "num_experts": [.integer(c.expertCount ?? 0)],
            "n_routed_experts": [.integer(c.expertCount ?? 0)],
        ]
        if let expertCount = c.expertCount, let expertsPerToken = c.expertsPerToken {
            neutral["num_local_experts"] = [.integer(expertCount)]
            neutral["num_experts_per_tok"] = [.integer(expertsPerToken)]
        } else {
            // A dense model: one expert is none.
            neutral["num_local_experts"] = off + one
            neutral["num_experts_per_tok"] = off + one
        }
        for (key, values) in keys.constants {
            guard let value = object[key], value != .null, !values.isEmpty else { continue }
            guard values.contains(value) || value.arrayValue?.allSatisfy(values.contains) == true
            else {
                throw fields.fail(
                    key,
                    "\(printable(value.serialized(), limit: 40)) is not supported in \(schema.name)"
                )
            }
        }
        let own =
            keys.constants.map(\.key) + keys.flags.map(\.key) + (keys.mixture?.all ?? [])
            + keys.numbers.map(\.key)
            + (keys.windowHeads == nil ? [] : HuggingFaceWindowHeads.keys)
            + (keys.latent == nil ? [] : HuggingFaceLatent.keys)
            + (keys.hasDeltaNets ? HuggingFaceDeltaNet.keys : [])
        try fields.refuseUnknown(
            object.map(\.key), understood: Self.understood.union(own), neutral: neutral)
    }

    /// The window, and the layers that have none.
    private func windows(
        layerCount: Int
    ) throws(ModelFileError) -> (window: Int?, fullLayers: Set<Int>) {
        if keys.hasDeltaNets { return (nil, []) }
        guard keys.mixesWindows else { return (try slidingWindow(layerCount: layerCount), []) }
        guard let value = object["layer_types"], value != .null else {
            guard let usual = keys.windows else { return (nil, []) }
            let stated = try fields.optionalInteger(
                "sliding_window", in: ConfigurationBounds.contextLength)
            guard let window = object["sliding_window"] == nil ? keys.slidingWindow : stated else {
                throw fields.fail("sliding_window", "null, but some layers have one")
            }
            return (window, usual.fullLayers(of: layerCount))
        }
        let kinds = (value.arrayValue ?? []).map { $0.stringValue ?? "" }
        guard kinds.count == layerCount,
            kinds.allSatisfy({ ["full_attention", "sliding_attention"].contains($0) })
        else {
            throw fields.fail(
                "layer_types",
                "expected full_attention or sliding_attention for each of \(layerCount) layers")
        }
        guard kinds.contains("sliding_attention") else { return (nil, []) }
        let stated = try fields.optionalInteger(
            "sliding_window", in: ConfigurationBounds.contextLength)
        guard let window = object["sliding_window"] == nil ? keys.slidingWindow : stated else {
            throw fields.fail("layer_types", "sliding_attention, but sliding_window is null")
        }
        return (window, Set(kinds.indices.filter { kinds[$0] == "full_attention" }))
    }

    /// The rotary parameters, and those of layers with a window where there are other layers too.
    private func ropes(
        _ windows: (window: Int?, fullLayers: Set<Int>), layerCount: Int, contextLength: Int
    ) throws(ModelFileError) -> (HuggingFaceRope, WindowRope?) {
        func rope(_ kind: String?) throws(ModelFileError) -> HuggingFaceRope {
            try HuggingFaceRope(
                object, fields, contextLength: contextLength, keys: keys, kind: kind)
        }
        guard keys.mixesWindows else { return (try rope(nil), nil) }
        let isUniform = windows.window == nil || windows.fullLayers.isEmpty
        guard !isUniform else {
            return (try rope(windows.window == nil ? "full_attention" : "sliding_attention"), nil)
        }
        let (full, sliding) = (try rope("full_attention"), try rope("sliding_attention"))
        guard full.partialFactor == sliding.partialFactor else {
            throw fields.fail(
                "rope_parameters",
                "partial_rotary_factor differs by layer type, which is not supported")
        }
        guard sliding.proportion == nil else {
            throw fields.fail(
                "rope_parameters.sliding_attention.rope_type",
                "“proportional” is not supported in layers with a window")
        }
        let isSame = full.theta == sliding.theta && full.scaling == sliding.scaling
        guard !isSame || keys.windowHeads != nil else { return (full, nil) }
        return (full, WindowRope(theta: sliding.theta, scaling: sliding.scaling))
    }

    /// The window of all layers, if they have one.
    private func slidingWindow(layerCount: Int) throws(ModelFileError) -> Int? {
        let kinds = Set((object["layer_types"]?.arrayValue ?? []).map { $0.stringValue ?? "" })
        guard kinds.isSubset(of: ["sliding_attention"]) || kinds.isSubset(of: ["full_attention"])
        else {
            throw fields.fail("layer_types", "layers that attend differently are not supported")
        }
        // transformers' Llama has no such field and ignores it.
        guard keys.hasSlidingWindow else {
            guard kinds != ["sliding_attention"] else {
                throw fields.fail(
                    "layer_types", "a sliding window is not supported in \(schema.name)")
            }
            if keys.mixture != nil, try fields.bool("use_sliding_window", default: false) {
                throw fields.fail(
                    "use_sliding_window", "a sliding window is not supported in \(schema.name)")
            }
            return nil
        }
        let stated = try fields.optionalInteger(
            "sliding_window", in: ConfigurationBounds.contextLength)
        let window = object["sliding_window"] == nil ? keys.slidingWindow : stated
        let isOn = try fields.bool("use_sliding_window", default: keys.firstWindowLayer == nil)
        guard isOn || keys.firstWindowLayer == nil || kinds != ["sliding_attention"] else {
            throw fields.fail(
                "layer_types", "sliding_attention, but use_sliding_window is not true")
        }
        guard isOn, kinds != ["full_attention"] else { return nil }
        guard let window else {
            guard kinds.isEmpty else {
                throw fields.fail("layer_types", "sliding_attention, but sliding_window is null")
            }
            return nil
        }
        // transformers' Qwen looks at this only where layers are not said to be of some kind.
        if keys.firstWindowLayer != nil, !kinds.isEmpty { return window }
        let first = try fields.integer(
            "max_window_layers", in: 0...Int(Int32.max), default: keys.firstWindowLayer ?? 0)
        if keys.firstWindowLayer != nil, first >= layerCount { return nil }
        guard first == 0 else {
            throw fields.fail(
                "max_window_layers",
                "\(first), but only the same sliding_window in all layers is supported")
        }
        return window
    }
}
