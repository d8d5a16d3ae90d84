// SPDX-License-Identifier: Apache-2.0

import JSON

/// The rotary parameters of a config.json, in any of transformers' spellings: `rope_theta` beside
/// `rope_scaling` (version 4, whose type key was first `type`, then `rope_type`), or
/// `rope_parameters` with all of it (version 5).
struct HuggingFaceRope {
    var theta: Double
    var partialFactor: Double
    var scaling: RopeScaling
    /// The share of a head that rotates, if the file states it.
    var statedPartialFactor: Double?
    /// The share of the pairs of a head that rotate, the others standing among them; nil: all of what
    /// rotates.
    var proportion: Double?
    /// YaRN's `mscale_all_dim`; 0 where the file has none.
    var mscaleAllDimensions = 0.0
    /// Numbers that only the model's family has.
    var numbers: [FamilyNumber: Double] = [:]

    /// Reads the parameters.
    ///
    /// - Parameters:
    ///   - object: the file's content.
    ///   - top: the same, checked.
    ///   - contextLength: positions of the model.
    ///   - keys: the family's.
    ///   - kind: of which kind of layers, where a model has several; nil: of the one that there is.
    /// - Throws: an error that names the key.
    init(
        _ object: JSONObject, _ top: ConfigurationFields, contextLength: Int,
        keys: HuggingFaceKeys, kind: String? = nil
    ) throws(ModelFileError) {
        let own = try Self.fields(object, top, keys, kind: kind)
        // The rope's own object counts for more than the top level of config.json, whose values are
        // only the defaults.
        theta = try top.number(
            "rope_theta", in: ConfigurationBounds.ropeTheta, default: keys.ropeTheta)
        statedPartialFactor = try top.optionalNumber("partial_rotary_factor", in: 0.001...1)
        scaling = .none
        partialFactor = statedPartialFactor ?? keys.partialRotaryFactor
        if let (fields, names) = own {
            theta = try fields.number(
                "rope_theta", in: ConfigurationBounds.ropeTheta, default: theta)
            if let own = try fields.optionalNumber("partial_rotary_factor", in: 0.001...1) {
                (statedPartialFactor, partialFactor) = (own, own)
            }
            mscaleAllDimensions = try fields.number("mscale_all_dim", in: 0...100, default: 0)
            if keys.windowHeads != nil,
                try fields.optionalString("rope_type") == "proportional"
            {
                let factor = try fields.number(
                    "factor", in: ConfigurationBounds.scalingFactor, default: 1)
                scaling = factor == 1 ? .none : .linear(factor: factor)
                (proportion, partialFactor) = (statedPartialFactor ?? 1, 1)
            } else {
                scaling = try Self.scaling(fields, top, contextLength: contextLength)
            }
            for key in keys.ropeNumbers {
                numbers[key.number] = try fields.number(key.key, in: key.range)
            }
            try fields.refuseUnknown(
                names,
                understood: keys.inertRopeKeys.union(keys.ropeNumbers.map(\.key)).union([
                    "rope_type", "type", "rope_theta", "factor",
                    "original_max_position_embeddings", "attention_factor", "beta_fast",
                    "beta_slow", "mscale", "mscale_all_dim", "truncate", "low_freq_factor",
                    "high_freq_factor", "partial_rotary_factor", "finetuned",
                    "max_position_embeddings",
                ]), neutral: [:], isStrict: true)
        } else if let key = keys.ropeNumbers.first {
            throw top.fail("rope_parameters.\(key.key)", "missing")
        }
    }

    /// The one object with rotary parameters that holds for all layers: the file's, or the family's
    /// where the file has none.
    private static func fields(
        _ object: JSONObject, _ top: ConfigurationFields, _ keys: HuggingFaceKeys, kind: String?
    ) throws(ModelFileError) -> (fields: ConfigurationFields, keys: [String])? {
        var found: (key: String, object: JSONObject)?
        for key in ["rope_parameters", "rope_scaling"] {
            guard let value = object[key], value != .null else { continue }
            guard let nested = value.objectValue else {
                throw top.fail(key, "expected an object or null")
            }
            guard !nested.isEmpty else { continue }
            if let found, JSONValue.object(found.object) != value {
                throw top.fail(key, "differs from \(found.key); leave one of them")
            }
            found = (key, nested)
        }
        // An empty rope_parameters is not none.
        if found == nil, object["rope_parameters"]?.isNull ?? true, let usual = keys.ropeParameters
        {
            found = ("rope_parameters", usual)
        }
        guard var (key, nested) = found else { return nil }
        if let kind = try layerKind(nested, object, key, top, kind: kind) {
            guard let value = nested[kind], value != .null else { return nil }
            guard let parameters = value.objectValue else {
                throw top.fail("\(key).\(kind)", "expected an object or null")
            }
            (key, nested) = ("\(key).\(kind)", parameters)
        }
        return (ConfigurationFields(nested, path: top.path, prefix: "\(key)."), nested.map(\.key))
    }

    /// The kind of all layers, where an object has rotary parameters of its own for each kind.
    private static func layerKind(
        _ nested: JSONObject, _ object: JSONObject, _ key: String, _ top: ConfigurationFields,
        kind wanted: String?
    ) throws(ModelFileError) -> String? {
        let kinds = nested.map(\.key).filter { $0.hasSuffix("_attention") }
        guard let first = kinds.first else { return nil }
        if let other = nested.first(where: { !$0.key.hasSuffix("_attention") }) {
            throw top.fail("\(key).\(other.key)", "stands beside parameters by layer type")
        }
        // Layers that differ are refused where windows are read.
        if let kind = wanted ?? object["layer_types"]?.arrayValue?.first?.stringValue {
            guard nested[kind] != nil else {
                throw top.fail("\(key).\(printable(kind, limit: 40))", "missing")
            }
            return kind
        }
        guard kinds.allSatisfy({ nested[$0] == nested[first] }) else {
            throw top.fail(key, "differs by layer type, but layer_types is missing")
        }
        return first
    }

    private static func scaling(
        _ fields: ConfigurationFields, _ top: ConfigurationFields, contextLength: Int
    ) throws(ModelFileError) -> RopeScaling {
        let factorRange = ConfigurationBounds.scalingFactor
        let key = fields.has("rope_type") ? "rope_type" : "type"
        guard let type = try fields.optionalString(key) else {
            // Without a type transformers takes the default, which has no factor.
            if let factor = try fields.optionalNumber("factor", in: factorRange), factor != 1 {
                throw fields.fail("rope_type", "missing, while there is a factor")
            }
            return .none
        }
        switch type {
        case "default": return .none
        case "linear": return .linear(factor: try fields.number("factor", in: factorRange))
        case "llama3":
            let low = try fields.number("low_freq_factor", in: factorRange)
            let high = try fields.number("high_freq_factor", in: factorRange)
            guard low < high else {
                throw fields.fail("high_freq_factor", "\(high) is not above low_freq_factor \(low)")
            }
            return .llama3(
                factor: try fields.number("factor", in: factorRange), lowFrequencyFactor: low,
                highFrequencyFactor: high,
                originalContextLength: try originalContextLength(
                    fields, top, contextLength: contextLength))
        case "yarn":
            return .yarn(try yarn(fields, top, contextLength: contextLength))
        default:
            throw fields.fail(
                key,
                "“\(printable(type, limit: 40))” is not supported (default, linear, llama3 and "
                    + "yarn are)")
        }
    }

    /// As transformers resolves it: the top level first, then the rope's own, then the context.
    private static func originalContextLength(
        _ fields: ConfigurationFields, _ top: ConfigurationFields, contextLength: Int
    ) throws(ModelFileError) -> Int {
        let key = "original_max_position_embeddings"
        let range = ConfigurationBounds.contextLength
        let own = try fields.integer(key, in: range, default: contextLength)
        return try top.integer(key, in: range, default: own)
    }

    private static func yarn(
        _ fields: ConfigurationFields, _ top: ConfigurationFields, contextLength: Int
    ) throws(ModelFileError) -> YarnScaling {
        let factorRange = ConfigurationBounds.scalingFactor
        let original = try originalContextLength(fields, top, contextLength: contextLength)
        let stated = try fields.optionalNumber("factor", in: factorRange)
        let factor = stated ?? Double(contextLength) / Double(original)
        guard factorRange.contains(factor) else {
            throw fields.fail("factor", "\(factor) is out of range")
        }
        let computed = YarnScaling.attentionFactor(
            factor: factor, mscale: try fields.optionalNumber("mscale", in: 0...100),
            mscaleAllDimensions: try fields.optionalNumber("mscale_all_dim", in: 0...100))
        let attentionFactor = try fields.number(
            "attention_factor", in: factorRange, default: computed)
        let betaFast = try fields.number("beta_fast", in: factorRange, default: 32)
        let betaSlow = try fields.number("beta_slow", in: factorRange, default: 1)
        guard betaSlow <= betaFast else {
            throw fields.fail("beta_fast", "\(betaFast) is less than beta_slow \(betaSlow)")
        }
        return YarnScaling(
            factor: factor, originalContextLength: original, betaFast: betaFast,
            betaSlow: betaSlow, attentionFactor: attentionFactor,
            roundsRamp: try fields.bool("truncate", default: true))
    }
}
