// SPDX-License-Identifier: Apache-2.0

import Computation

/// Reads a model's numbers from GGUF metadata: the keys that all families have, and those that the
/// file's family adds.
struct GGUFConfiguration {
    /// The family.
    let schema: ModelSchema
    /// The architecture, in the file's own spelling.
    private let architecture: String
    private let metadata: GGUFMetadata
    private let fields: ConfigurationFields

    /// Finds the family that the metadata state.
    ///
    /// - Parameters:
    ///   - metadata: the file's key/value pairs.
    ///   - path: the file, for error messages.
    ///   - schemas: the families that there are.
    /// - Throws: an error that names the field, or the architecture that is not among them.
    init(
        _ metadata: GGUFMetadata, path: String, among schemas: [ModelSchema]
    ) throws(ModelFileError) {
        let general = ConfigurationFields(metadata, path: path, prefix: "general.")
        guard let architecture = try general.optionalString("architecture") else {
            throw general.fail("architecture", "missing")
        }
        fields = ConfigurationFields(metadata, path: path, prefix: "\(architecture).")
        var hasExperts = false
        if case .integer(let count) = fields.value(of: "expert_count") { hasExperts = count > 0 }
        let named = schemas.filter { $0.gguf?.architectures.contains(architecture) == true }
        guard let schema = named.first(where: { $0.experts.allows(hasExperts) }) else {
            if let family = named.first {
                throw fields.fail(
                    "expert_count", "models of \(family.name) with experts are not supported")
            }
            let known = Set(schemas.flatMap { $0.gguf?.architectures ?? [] })
            throw .unsupported(
                path: path,
                problem: "architecture “\(printable(architecture, limit: 40))” is not supported ("
                    + known.sorted().joined(separator: ", ") + " are)")
        }
        self.schema = schema
        self.metadata = metadata
        self.architecture = architecture
    }

    /// The model's numbers.
    ///
    /// - Parameters:
    ///   - vocabularySize: rows of the token embedding.
    ///   - ropeFrequencyFactors: the content of `rope_freqs.weight`, if there is one.
    ///   - rowCount: how many rows a tensor has, by its name; nil where there is none of that name.
    /// - Returns: the numbers, which fit each other.
    /// - Throws: an error that names the key.
    func read(
        vocabularySize: Int, ropeFrequencyFactors: [Float]?, rowCount: (String) -> Int?
    ) throws(ModelFileError) -> ModelConfiguration {
        try checkVocabularySize(vocabularySize)
        let hiddenSize = try fields.integer("embedding_length", in: ConfigurationBounds.hiddenSize)
        let headCount = try fields.integer(
            "attention.head_count", in: ConfigurationBounds.headCount)
        let latent = try schema.gguf?.latent.map { _ throws(ModelFileError) in
            try GGUFLatent(fields, headCount: headCount)
        }
        let headDimension: Int
        if let latent {
            headDimension = latent.headDimension
        } else {
            headDimension = try self.headDimension(hiddenSize: hiddenSize, headCount: headCount)
        }
        let contextLength = try fields.integer(
            "context_length",
            in: schema.isEncoder
                ? ConfigurationBounds.encoderContextLength : ConfigurationBounds.contextLength)
        let expertCount = try fields.optionalInteger(
            "expert_count", in: 0...ConfigurationBounds.expertCount.upperBound)
        let slidingWindow = try fields.optionalInteger(
            "attention.sliding_window", in: 0...ConfigurationBounds.contextLength.upperBound)
        let isMoE = (expertCount ?? 0) > 0
        let (layerCount, draftLayerCount) = try layerCounts()
        var windowHeads: GGUFWindowHeads?
        let (kvHeadCount, intermediateSize): (Int, Int)
        if schema.gguf?.hasWindowHeads == true {
            let heads = try GGUFWindowHeads(
                fields, metadata, layerCount: layerCount, headCount: headCount)
            (kvHeadCount, intermediateSize) = heads.last
            windowHeads = heads
        } else {
            kvHeadCount =
                latent == nil
                ? try fields.integer(
                    "attention.head_count_kv", in: ConfigurationBounds.headCount,
                    default: headCount) : 1
            intermediateSize = try fields.integer(
                "feed_forward_length", in: ConfigurationBounds.intermediateSize,
                default: isMoE && schema.gguf?.mixture != nil
                    ? fields.optionalInteger(
                        "expert_feed_forward_length", in: ConfigurationBounds.intermediateSize)
                    : nil)
        }
        var configuration = ModelConfiguration(
            architecture: architecture, hiddenSize: hiddenSize,
            intermediateSize: intermediateSize,
            layerCount: layerCount,
            headCount: headCount,
            kvHeadCount: kvHeadCount,
            headDimension: headDimension, vocabularySize: vocabularySize,
            expertCount: isMoE ? expertCount : nil,
            expertsPerToken: isMoE
                ? try fields.integer("expert_used_count", in: ConfigurationBounds.expertCount)
                : nil,
            contextLength: contextLength,
            ropeTheta: try fields.number(
                "rope.freq_base", in: ConfigurationBounds.ropeTheta, default: 10_000),
            ropeScaling: try ropeScaling(contextLength: contextLength),
            ropeFrequencyFactors: ropeFrequencyFactors,
            ropePairing: schema.gguf?.ropePairing ?? .adjacent,
            ropeDimensionCount: try fields.integer(
                "rope.dimension_count", in: ConfigurationBounds.headDimension,
                default: headDimension),
            rmsNormEpsilon: Float(
                try fields.number(
                    schema.isEncoder
                        ? "attention.layer_norm_epsilon" : "attention.layer_norm_rms_epsilon",
                    in: schema.isEncoder
                        ? ConfigurationBounds.layerNormEpsilon : ConfigurationBounds.epsilon)),
            slidingWindow: slidingWindow == 0 ? nil : slidingWindow)
        for key in schema.gguf?.numbers ?? [] {
            let value = try fields.optionalNumber(key.key, in: key.range)
            configuration.numbers[key.number] = value == 0 ? nil : value
        }
        configuration.latent = latent?.dimensions
        configuration.draftLayerCount = draftLayerCount
        if let windows = schema.gguf?.windows { try readWindows(&configuration, windows) }
        if windowHeads != nil, rowCount(GGUFModel.ropeFactorsName) == nil {
            // Without it all would rotate.
            throw .tensor(
                path: fields.path, name: GGUFModel.ropeFactorsName, problem: "missing")
        }
        try windowHeads?.read(
            into: &configuration, keysAreValues: schema.gguf?.keysAreValues,
            hasValues: { layer in
                // Packed files have it under its other name.
                ["blk.{L}.attn_v.weight", "layers.{L}.attention.wv.weight"].contains {
                    rowCount(Self.name($0, layer)) != nil
                }
            })
        if let delta = schema.gguf?.deltaNet {
            (configuration.deltaNet, configuration.deltaLayers) = try delta.read(
                fields, metadata, layerCount: layerCount, draftLayerCount: draftLayerCount)
        }
        for mark in schema.gguf?.marks ?? []
        where (0..<layerCount).contains(where: { rowCount(Self.name(mark.tensor, $0)) != nil }) {
            configuration.numbers[mark.number] = 1
        }
        if isMoE, let usual = schema.gguf?.mixture {
            configuration.mixture = try mixture(
                usual, layerCount: layerCount, rowCount: rowCount)
        }
        if schema.isEncoder, let key = schema.huggingFace?.numbers.first {
            // The one number of encoders stands with the vocabulary.
            let vocabulary = ConfigurationFields(
                metadata, path: fields.path, prefix: "tokenizer.ggml.")
            configuration.numbers[key.number] = try vocabulary.number(
                "token_type_count", in: key.range,
                default: schema.huggingFace?.defaults[key.number])
        }
        try refuseUnknown(configuration)
        try schema.check(configuration, path: fields.path)
        configuration = try configuration.checked(
            fields,
            names: .init(
                kvHeadCount: "attention.head_count_kv", headDimension: "attention.key_length",
                windowKVHeadCount: "attention.head_count_kv",
                windowHeadDimension: "attention.key_length_swa",
                ropeDimensionCount: "rope.dimension_count", expertsPerToken: "expert_used_count",
                groupCount: "expert_group_count"))
        let pairCount = configuration.ropeDimensionCount / 2
        if let ropeFrequencyFactors, ropeFrequencyFactors.count != pairCount {
            throw .tensor(
                path: fields.path, name: "rope_freqs.weight",
                problem: "expected \(pairCount) elements, found "
                    + "\(ropeFrequencyFactors.count)")
        }
        return configuration
    }

    /// How many layers there are, and how many of the file's are for drafting tokens.
    private func layerCounts() throws(ModelFileError) -> (layers: Int, draft: Int) {
        let count = try fields.integer("block_count", in: ConfigurationBounds.layerCount)
        let draft = try fields.integer("nextn_predict_layers", in: 0...64, default: 0)
        guard draft < count else {
            throw fields.fail("nextn_predict_layers", "\(draft) of \(count) layers")
        }
        return (count - draft, draft)
    }

    /// The name of a tensor in a layer.
    private static func name(_ pattern: String, _ layer: Int) -> String {
        TensorName(stringLiteral: pattern).name(layer: layer)
    }

    /// What the networks of a mixture are.
    ///
    /// Whether there are selection biases and shared experts, and
    /// how wide these are, the tensors say: what writers state of the width varies.
    private func mixture(
        _ usual: ExpertMixture, layerCount: Int, rowCount: (String) -> Int?
    ) throws(ModelFileError) -> ExpertMixture {
        var mixture = usual
        mixture.denseLayers = DenseLayers(
            leading: try fields.integer(
                "leading_dense_block_count", in: 0...ConfigurationBounds.layerCount.upperBound,
                default: 0),
            step: try fields.integer(
                "interleave_moe_layer_step", in: ConfigurationBounds.layerCount, default: 1)
        ).layers(of: layerCount)
        func rows(_ pattern: String) -> Int? {
            for layer in 0..<layerCount where !mixture.denseLayers.contains(layer) {
                if let count = rowCount(Self.name(pattern, layer)) { return count }
            }
            return nil
        }
        let stated = try fields.integer(
            "expert_feed_forward_length", in: 0...ConfigurationBounds.intermediateSize.upperBound,
            default: 0)
        // Old files do not state it; packed files have the experts one by one.
        let found = ["blk.{L}.ffn_up_exps.weight", "layers.{L}.experts.0.w3.weight"]
            .compactMap { rows($0) }.first
        mixture.expertSize = stated == 0 ? found : stated
        mixture.hasSelectionBias = rows("blk.{L}.exp_probs_b.bias") != nil
        mixture.sharedSize = rows("blk.{L}.ffn_up_shexp.weight") ?? 0
        guard ConfigurationBounds.intermediateSize.contains(max(1, mixture.sharedSize)) else {
            throw fields.fail("expert_shared_count", "\(mixture.sharedSize) is too wide")
        }
        if try fields.integer("expert_shared_count", in: 0...1024, default: 0) > 0,
            mixture.sharedSize == 0
        {
            throw fields.fail("expert_shared_count", "the file has no tensors of shared experts")
        }
        try readRule(&mixture.rule)
        if schema.gguf?.written == "deepseek2", mixture.rule.groupCount > 1,
            !mixture.hasSelectionBias,
            mixture.rule.scoring == .softmax
        {
            throw fields.fail(
                "expert_group_count",
                "groups of experts that their best one ranks (DeepSeek-V2) are not supported")
        }
        // Files of GLM-4.7-Flash do not state it; a bias is of scores that are each by itself.
        if schema.gguf?.latent != nil, mixture.hasSelectionBias,
            try fields.integer("expert_gating_func", in: 0...Int(UInt8.max), default: 0) == 0
        {
            mixture.rule.scoring = .sigmoid
        }
        return mixture
    }

    /// Which layers have the window, and how they rotate.
    private func readWindows(
        _ c: inout ModelConfiguration, _ usual: WindowPattern
    ) throws(ModelFileError) {
        guard c.slidingWindow != nil else { return }
        let key = "attention.sliding_window_pattern"
        // Some files say it by the number of layers of which one sees all.
        let usualFull = usual.fullLayers(of: c.layerCount)
        var hasWindow = (0..<c.layerCount).map { !usualFull.contains($0) }
        switch metadata[fields.prefix + key] {
        case nil: break
        case .array(.bool(let flags)):
            guard flags.count == c.layerCount + c.draftLayerCount else {
                throw fields.fail(key, "\(flags.count) entries for \(c.layerCount) layers")
            }
            hasWindow = Array(flags.prefix(c.layerCount))
        default:
            let period = try fields.integer(key, in: 0...ConfigurationBounds.layerCount.upperBound)
            hasWindow = (0..<c.layerCount).map { period == 0 || $0 % period < period - 1 }
        }
        c.fullLayers = Set(hasWindow.indices.filter { !hasWindow[$0] })
        let theta = try fields.number(
            "rope.freq_base_swa", in: ConfigurationBounds.ropeTheta, default: c.ropeTheta)
        let scaling = usual.isUnstretched ? .none : c.ropeScaling
        if c.fullLayers.count == c.layerCount {
            (c.slidingWindow, c.fullLayers) = (nil, [])
        } else if c.fullLayers.isEmpty {
            (c.ropeTheta, c.ropeScaling) = (theta, scaling)
        } else if theta != c.ropeTheta || c.ropeScaling != scaling {
            c.windowRope = WindowRope(theta: theta, scaling: scaling)
        }
    }

    private func readRule(_ rule: inout RouterRule) throws(ModelFileError) {
        let scale = try fields.number(
            "expert_weights_scale", in: 0...ConfigurationBounds.scalingFactor.upperBound,
            default: 0)
        if scale != 0 { rule.scale = Float(scale) }
        rule.normalizesWeights = try fields.bool(
            "expert_weights_norm", default: rule.normalizesWeights)
        switch try fields.integer("expert_gating_func", in: 0...Int(UInt8.max), default: 0) {
        case 0: break
        case 1: rule.scoring = .softmax
        case 2: rule.scoring = .sigmoid
        // The softmax of the chosen ones, which is the softmax of all, divided by their sum.
        case 3: (rule.scoring, rule.normalizesWeights) = (.softmax, true)
        case let other:
            throw fields.fail(
                "expert_gating_func", "\(other) is not supported (1, softmax, and 2, sigmoid, are)")
        }
        let groups = try fields.integer("expert_group_count", in: 0...65536, default: 0)
        if groups > 1 {
            rule.groupCount = groups
            rule.groupsPerToken = try fields.integer("expert_group_used_count", in: 1...65536)
        }
    }

    /// The keys that say what a mixture is, where the family's mixtures may differ from Mixtral's.
    private static let mixtureKeys = [
        "expert_feed_forward_length", "expert_shared_count", "expert_shared_feed_forward_length",
        "expert_weights_scale", "expert_weights_norm", "expert_gating_func", "expert_group_count",
        "expert_group_used_count", "leading_dense_block_count", "interleave_moe_layer_step",
    ]

    /// Refuses keys of other models of the family, where they would change what is computed.
    private func refuseUnknown(_ c: ModelConfiguration) throws(ModelFileError) {
        typealias Value = ConfigurationFields.Value
        let none: [Value] = [.integer(0)]
        let one: [Value] = [.integer(0), .integer(1)]
        let usualScale: [Value] = [.integer(0), .number(1 / Double(c.headDimension).squareRoot())]
        try fields.refuseUnknown(
            metadata.keys.filter { $0.hasPrefix(fields.prefix) }
                .map { String($0.dropFirst(fields.prefix.count)) },
            understood: Set(schema.gguf?.numbers.map(\.key) ?? []).union([
                "embedding_length", "block_count", "feed_forward_length", "context_length",
                "vocab_size", "attention.head_count", "attention.head_count_kv",
                "attention.key_length", "attention.value_length",
                schema.isEncoder
                    ? "attention.layer_norm_epsilon" : "attention.layer_norm_rms_epsilon",
                "pooling_type", "attention.sliding_window", "expert_count",
                "expert_used_count", "rope.freq_base", "rope.dimension_count",
                "rope.scale_linear", "rope.scaling.type", "rope.scaling.factor",
                "rope.scaling.original_context_length", "rope.scaling.attn_factor",
                "rope.scaling.yarn_log_multiplier", "rope.scaling.yarn_beta_fast",
                "rope.scaling.yarn_beta_slow", "nextn_predict_layers",
            ]).union(schema.gguf?.mixture == nil ? [] : Self.mixtureKeys)
                .union(schema.gguf?.deltaNet == nil ? [] : GGUFDeltaNetKeys.all)
                .union(
                    schema.gguf?.windows != nil
                        ? ["attention.sliding_window_pattern", "rope.freq_base_swa"] : []
                )
                .union(schema.gguf?.latent == nil ? [] : GGUFLatent.keys)
                .union(schema.gguf?.hasWindowHeads == true ? GGUFWindowHeads.keys : []),
            neutral: [
                "attention.temperature_scale": none, "expert_shared_count": none,
                "expert_shared_feed_forward_length": none, "expert_weights_scale": one,
                "expert_weights_norm": [.bool(true)],
                "expert_gating_func": [.integer(0), .integer(1), .integer(3)],
                "expert_group_count": one, "expert_group_used_count": one,
                "expert_feed_forward_length": [.integer(0), .integer(c.intermediateSize)],
                "leading_dense_block_count": none, "moe_every_n_layers": one,
                "interleave_moe_layer_step": one, "logit_scale": one, "residual_scale": one,
                "embedding_scale": one, "attention.scale": usualScale, "attention.clamp_kqv": none,
                "attn_logit_softcapping": none, "final_logit_softcapping": none,
                "router_logit_softcapping": none, "rope.scaling.alpha": one,
                "rope.scaling.yarn_ext_factor": [.integer(1), .integer(-1)],
                "rope.scaling.yarn_attn_factor": [.integer(1)],
                "attention.causal": [.bool(!schema.isEncoder)],
                "attention.value_length_swa": [.integer(c.headDimension)],
                "attention.key_length_swa": [.integer(c.headDimension)],
                "rope.freq_base_swa": [.number(c.ropeTheta)],
                "rope.dimension_count_swa": [.integer(c.ropeDimensionCount)],
                "attention.max_alibi_bias": none,
            ])
    }

    private func checkVocabularySize(_ rows: Int) throws(ModelFileError) {
        if let stated = try fields.optionalInteger(
            "vocab_size", in: ConfigurationBounds.vocabularySize), stated != rows
        {
            throw fields.fail("vocab_size", "\(stated), but the token embedding has \(rows) rows")
        }
        guard let tokens = metadata["tokenizer.ggml.tokens"]?.arrayValue else { return }
        // Tokens that fine-tuning added without rows are left out by whoever reads the vocabulary.
        let types = metadata["tokenizer.ggml.token_type"]?.arrayValue?.int32s ?? []
        let areAdded =
            types.count == tokens.count && types.dropFirst(rows).allSatisfy { (3...5).contains($0) }
        guard tokens.count <= rows || areAdded else {
            throw .metadata(
                path: fields.path, key: "tokenizer.ggml.tokens",
                problem: "\(tokens.count) tokens, but the token embedding has \(rows) rows")
        }
    }

    private func headDimension(
        hiddenSize: Int, headCount: Int
    ) throws(ModelFileError) -> Int {
        let range = ConfigurationBounds.headDimension
        let key = try fields.optionalInteger("attention.key_length", in: range)
        let value = try fields.optionalInteger("attention.value_length", in: range)
        if key == nil || value == nil {
            guard hiddenSize % headCount == 0, range.contains(hiddenSize / headCount) else {
                throw fields.fail(
                    "attention.head_count",
                    "\(headCount) heads do not divide the embedding length \(hiddenSize), and "
                        + "attention.key_length is missing")
            }
        }
        let quotient = hiddenSize / headCount
        guard key ?? quotient == value ?? quotient else {
            throw fields.fail(
                "attention.value_length",
                "\(value ?? quotient) differs from the key length \(key ?? quotient)")
        }
        return key ?? quotient
    }

    private func ropeScaling(
        contextLength: Int
    ) throws(ModelFileError) -> RopeScaling {
        let range = 0...ConfigurationBounds.scalingFactor.upperBound
        // `rope.scale_linear` is what files of 2023 call the factor. 0 means that there is none.
        let old = try fields.number("rope.scale_linear", in: range, default: 0)
        let stated = try fields.number("rope.scaling.factor", in: range, default: old)
        let factor = stated == 0 ? 1 : stated
        switch try fields.optionalString("rope.scaling.type") ?? "linear" {
        case "none": return .none
        case "linear": return factor == 1 ? .none : .linear(factor: factor)
        case "yarn":
            let factorRange = ConfigurationBounds.scalingFactor
            guard factorRange.contains(factor) else {
                throw fields.fail("rope.scaling.factor", "\(factor) is out of range")
            }
            let extra = try fields.number("rope.scaling.attn_factor", in: factorRange, default: 1)
            // llama.cpp reads the multiplier as YaRN's mscale_all_dim, and takes mscale for 1.
            var multiplier = try fields.number(
                "rope.scaling.yarn_log_multiplier", in: 0...100, default: 0)
            var mscale = 1.0
            if let latent = schema.gguf?.latent {
                multiplier /= GGUFLatentKeys.multiplierScale
                if latent.equalScales { mscale = multiplier }
            }
            return .yarn(
                YarnScaling(
                    factor: factor,
                    originalContextLength: try fields.integer(
                        "rope.scaling.original_context_length",
                        in: ConfigurationBounds.contextLength, default: contextLength),
                    betaFast: try fields.number(
                        "rope.scaling.yarn_beta_fast", in: factorRange, default: 32),
                    betaSlow: try fields.number(
                        "rope.scaling.yarn_beta_slow", in: factorRange, default: 1),
                    attentionFactor: extra
                        * YarnScaling.attentionFactor(
                            factor: factor, mscale: multiplier == 0 ? nil : mscale,
                            mscaleAllDimensions: multiplier == 0 ? nil : multiplier),
                    roundsRamp: schema.gguf?.roundsRamp ?? true))
        case let other:
            throw fields.fail(
                "rope.scaling.type",
                "“\(printable(other, limit: 40))” is not supported (none, linear and yarn are)")
        }
    }
}
