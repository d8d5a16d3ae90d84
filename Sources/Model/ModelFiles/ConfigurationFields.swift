// SPDX-License-Identifier: Apache-2.0

import JSON

/// Named values of a model's configuration, each checked as it is read; the same for GGUF metadata
/// and for JSON, so that both formats have the same bounds and the same words for what is wrong.
struct ConfigurationFields {
    /// A value as its file holds it.
    enum Value {
        case integer(Int)
        case number(Double)
        case string(String)
        case bool(Bool)
        case other(String)

        static let emptyArray = "an empty array"
        static let emptyObject = "an empty object"

        /// What an error message says was found.
        var found: String {
            switch self {
            case .integer(let value): "\(value)"
            case .number(let value): "\(value)"
            case .string(let text): "“\(printable(text, limit: 40))”"
            case .bool(let value): "\(value)"
            case .other(let what): what
            }
        }
    }

    /// The file that the values are from.
    let path: String
    /// What stands before a key in error messages (`llama.`, `rope_scaling.`).
    let prefix: String
    private let lookUp: (String) -> Value?

    /// The fields of a JSON object; null counts as absent.
    init(_ object: JSONObject, path: String, prefix: String = "") {
        self.path = path
        self.prefix = prefix
        lookUp = { key in
            switch object[key] {
            case nil, .null: nil
            case .integer(let value): .integer(value)
            case .number(let value): .number(value)
            case .decimal(let digits): .number(Double(digits) ?? .nan)
            case .string(let text): .string(text)
            case .bool(let value): .bool(value)
            case .array(let values): .other(values.isEmpty ? Value.emptyArray : "an array")
            case .object(let object):
                .other(object.isEmpty ? Value.emptyObject : "an object")
            }
        }
    }

    /// The GGUF keys that start with `prefix`.
    ///
    /// An array of equal integers counts as that integer: some writers give per-layer numbers even
    /// where all layers agree.
    init(_ metadata: GGUFMetadata, path: String, prefix: String) {
        self.path = path
        self.prefix = prefix
        lookUp = { key in
            guard let value = metadata[prefix + key] else { return nil }
            switch value {
            case .string(let text): return .string(text)
            case .bool(let flag): return .bool(flag)
            case .float32(let number): return .number(Double(number))
            case .float64(let number): return .number(number)
            case .array(let array):
                guard array.count > 0 else { return .other(Value.emptyArray) }
                guard let values = array.int32s, let first = values.first,
                    values.allSatisfy({ $0 == first })
                else { return .other("an array") }
                return .integer(Int(first))
            default: return value.intValue.map { .integer($0) } ?? .other("2^63 or more")
            }
        }
    }

    /// The value of `key` if there is one.
    func value(of key: String) -> Value? { lookUp(key) }

    /// Whether there is a value for `key`.
    func has(_ key: String) -> Bool { lookUp(key) != nil }

    /// The integer of `key` if there is one; it must lie in `range`.
    func optionalInteger(
        _ key: String, in range: ClosedRange<Int>
    ) throws(ModelFileError) -> Int? {
        guard let value = lookUp(key) else { return nil }
        guard case .integer(let integer) = value, range.contains(integer) else {
            throw fail(
                key,
                "expected an integer from \(range.lowerBound) to \(range.upperBound), found "
                    + value.found)
        }
        return integer
    }

    /// The integer of `key`, which must lie in `range`; without `fallback` it must be there.
    func integer(
        _ key: String, in range: ClosedRange<Int>, default fallback: Int? = nil
    ) throws(ModelFileError) -> Int {
        guard let value = try optionalInteger(key, in: range) ?? fallback else {
            throw fail(key, "missing")
        }
        return value
    }

    /// The number of `key` if there is one; it must be finite and lie in `range`.
    func optionalNumber(
        _ key: String, in range: ClosedRange<Double>
    ) throws(ModelFileError) -> Double? {
        guard let value = lookUp(key) else { return nil }
        let number: Double? =
            switch value {
            case .integer(let integer): Double(integer)
            case .number(let number): number
            default: nil
            }
        guard let number, range.contains(number) else {
            throw fail(
                key,
                "expected a number from \(range.lowerBound) to \(range.upperBound), found "
                    + value.found)
        }
        return number
    }

    /// The number of `key`, which must lie in `range`; without `fallback` it must be there.
    func number(
        _ key: String, in range: ClosedRange<Double>, default fallback: Double? = nil
    ) throws(ModelFileError) -> Double {
        guard let value = try optionalNumber(key, in: range) ?? fallback else {
            throw fail(key, "missing")
        }
        return value
    }

    /// The text of `key` if there is one.
    func optionalString(_ key: String) throws(ModelFileError) -> String? {
        guard let value = lookUp(key) else { return nil }
        guard case .string(let text) = value else {
            throw fail(key, "expected a string, found \(value.found)")
        }
        return text
    }

    /// The truth value of `key`, or `fallback` where there is none.
    func bool(_ key: String, default fallback: Bool) throws(ModelFileError) -> Bool {
        guard let value = lookUp(key) else { return fallback }
        guard case .bool(let flag) = value else {
            throw fail(key, "expected true or false, found \(value.found)")
        }
        return flag
    }

    /// The text of `key`, which must be there.
    func string(_ key: String) throws(ModelFileError) -> String {
        guard let text = try optionalString(key) else { throw fail(key, "missing") }
        return text
    }

    /// The checksum of `key`: sixteen hexadecimal digits.
    func checksum(_ key: String) throws(ModelFileError) -> UInt64 {
        let text = try string(key)
        guard text.utf8.count == 16, let value = UInt64(text, radix: 16) else {
            throw fail(key, "expected 16 hexadecimal digits, found “\(printable(text, limit: 40))”")
        }
        return value
    }

    /// The fields of each object in the list `value` of `key`.
    func list(
        _ value: JSONValue?, _ key: String, limit: Int
    ) throws(ModelFileError) -> [ConfigurationFields] {
        guard let values = value?.arrayValue else { throw fail(key, "missing, or not a list") }
        guard values.count <= limit else {
            throw fail(key, "\(values.count) entries, more than the limit of \(limit)")
        }
        var list: [ConfigurationFields] = []
        for (index, value) in values.enumerated() {
            guard let object = value.objectValue else {
                throw fail("\(key)[\(index)]", "not an object")
            }
            list.append(
                ConfigurationFields(object, path: path, prefix: "\(prefix)\(key)[\(index)]."))
        }
        return list
    }

    /// An error about `key`.
    func fail(_ key: String, _ problem: String) -> ModelFileError {
        .metadata(path: path, key: prefix + key, problem: problem)
    }
}

extension ConfigurationFields {
    /// Refuses what would change the model's arithmetic and is not understood.
    ///
    /// Files have many keys that say nothing about arithmetic, such as who wrote them, so a key that
    /// is not known is refused by its name only: where it speaks of scales, norms, experts and the
    /// like, and has a value other than none, false or the identity.
    ///
    /// - Parameters:
    ///   - keys: all keys that there are.
    ///   - understood: those that are read elsewhere.
    ///   - neutral: those that are known, with the values at which they change nothing.
    ///   - isStrict: whether all keys speak of arithmetic, whatever their names.
    /// - Throws: an error that names the first such key.
    func refuseUnknown(
        _ keys: [String], understood: Set<String>, neutral: [String: [Value]],
        isStrict: Bool = false
    ) throws(ModelFileError) {
        for key in keys.sorted() where !understood.contains(key) {
            guard let value = value(of: key) else { continue }
            if let accepted = neutral[key] {
                guard !accepted.contains(where: { $0.equals(value) }) else { continue }
                let others = accepted.map(\.found).joined(separator: " or ")
                throw fail(
                    key,
                    "\(value.found) is not supported" + (others.isEmpty ? "" : " (\(others) is)"))
            }
            guard isStrict || Self.speaksOfArithmetic(key), !value.isNeutral(of: key) else {
                continue
            }
            throw fail(
                key,
                "\(value.found): this key is not known, and by its name it would change what the "
                    + "model computes; remove it if it does not")
        }
    }

    private static func words(_ key: String) -> [String] {
        key.lowercased().split { $0 == "_" || $0 == "." || $0 == "-" }.map(String.init)
    }

    /// Words of training, logging and running, which no answer depends on.
    private static let informative: Set<String> = [
        "loss", "dropout", "pdrop", "drop", "jitter", "noise", "init", "initializer", "dtype",
        "implementation", "implementations", "flash", "flashattention", "kernel",
        "kernels", "finetuned", "checkpointing", "backend", "epsilon", "eps", "training",
    ]
    /// Words of arithmetic, or their beginnings.
    private static let arithmetic = [
        "scal", "multiplier", "rope", "rotary", "rot", "window", "activation", "gate", "gating",
        "gated", "expert", "residual", "alibi", "softmax", "logit", "attention", "attn", "router",
        "routed", "routing", "moe", "quant", "compress", "clamp", "clip", "swiglu", "lora", "mlp",
        "ffn", "sparse", "dense", "shared", "topk", "group", "sink", "mup", "temperature", "yarn",
        "mscale", "ntk", "glu", "causal",
    ]

    private static func speaksOfArithmetic(_ key: String) -> Bool {
        // What begins with an underscore is a program's own note.
        guard !key.hasPrefix("_") else { return false }
        let words = words(key)
        guard words.first != "output", !words.contains(where: informative.contains) else {
            return false
        }
        return words.contains { word in
            word == "act" || word == "mult" || word.contains("norm") || word.contains("softcap")
                || word.contains("bias") || arithmetic.contains { word.hasPrefix($0) }
        }
    }
}

extension ConfigurationFields.Value {
    fileprivate var number: Double? {
        switch self {
        case .integer(let value): Double(value)
        case .number(let value): value
        default: nil
        }
    }

    /// Whether two values are the same, whichever way a number is written.
    fileprivate func equals(_ other: Self) -> Bool {
        switch (self, other) {
        case (.string(let text), .string(let otherText)): text == otherText
        case (.bool(let flag), .bool(let otherFlag)): flag == otherFlag
        case (.other(let what), .other(let otherWhat)): what == otherWhat
        default:
            // Files round numbers to single precision.
            if let number, let otherNumber = other.number {
                abs(number - otherNumber) <= 1e-6 * abs(number)
            } else {
                false
            }
        }
    }

    /// Whether a key that is not known changes nothing by this value: false, nothing, or one where
    /// it is a factor.
    fileprivate func isNeutral(of key: String) -> Bool {
        switch self {
        case .bool(let flag): return !flag
        case .string(let text):
            return ["", "none", "null", "default", "silu", "swish", "rmsnorm", "rms_norm"]
                .contains(text.lowercased())
        case .other(let what): return what == Self.emptyArray || what == Self.emptyObject
        case .integer, .number:
            let isFactor = ["scal", "multiplier", "factor", "ratio", "pct", "percent"]
                .contains { key.lowercased().contains($0) }
            return number == (isFactor ? 1 : 0)
        }
    }
}

/// The bounds within which a configuration's numbers are believed: above any model there is, and
/// low enough that products of two of them cannot overflow.
enum ConfigurationBounds {
    static let hiddenSize = 1...(1 << 20)
    static let intermediateSize = 1...(1 << 24)
    static let layerCount = 1...4096
    static let headCount = 1...65536
    static let headDimension = 2...8192
    static let vocabularySize = 1...(1 << 24)
    static let expertCount = 1...65536
    static let contextLength = 1...(1 << 31)
    /// An encoder has a row of numbers for each position.
    static let encoderContextLength = 1...(1 << 20)
    static let ropeTheta = 1.0...1e12
    static let scalingFactor = 1e-3...1e6
    static let epsilon = 1e-12...1.0
    /// BERT's is 1e-12, and less than that once it is rounded to f32.
    static let layerNormEpsilon = 1e-16...1.0
}

extension ModelConfiguration {
    /// The configuration, if its numbers fit each other.
    ///
    /// - Parameters:
    ///   - fields: where the numbers came from, for error messages.
    ///   - names: what the file calls the fields.
    /// - Returns: the configuration itself.
    /// - Throws: an error that names the field.
    func checked(
        _ fields: ConfigurationFields, names: RelationNames
    ) throws(ModelFileError) -> ModelConfiguration {
        if let windowHeads {
            guard windowHeads.kvHeadCount <= headCount, headCount % windowHeads.kvHeadCount == 0
            else {
                throw fields.fail(
                    names.windowKVHeadCount,
                    "\(windowHeads.kvHeadCount) does not divide the \(headCount) query heads")
            }
            guard windowHeads.headDimension % 2 == 0 else {
                throw fields.fail(
                    names.windowHeadDimension, "\(windowHeads.headDimension) is not even")
            }
        }
        guard kvHeadCount <= headCount, headCount % kvHeadCount == 0 else {
            throw fields.fail(
                names.kvHeadCount, "\(kvHeadCount) does not divide the \(headCount) query heads")
        }
        guard latent != nil || headDimension % 2 == 0 else {
            throw fields.fail(names.headDimension, "\(headDimension) is not even")
        }
        guard ropeDimensionCount % 2 == 0, ropeDimensionCount <= headDimension else {
            throw fields.fail(
                names.ropeDimensionCount,
                "\(ropeDimensionCount) rotated components are not an even number of at most "
                    + "\(headDimension)")
        }
        if let expertCount {
            guard let expertsPerToken, (1...expertCount).contains(expertsPerToken) else {
                throw fields.fail(
                    names.expertsPerToken,
                    "\(expertsPerToken ?? 0) is not between 1 and the \(expertCount) experts")
            }
            if let problem = mixture.groupProblem(
                expertCount: expertCount, expertsPerToken: expertsPerToken)
            {
                throw fields.fail(names.groupCount, problem)
            }
        }
        return self
    }

    /// What a file calls the fields that must fit others.
    struct RelationNames {
        var kvHeadCount: String
        var headDimension: String
        var windowKVHeadCount = ""
        var windowHeadDimension = ""
        var ropeDimensionCount: String
        var expertsPerToken: String
        var groupCount = "n_group"
    }
}
