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

    /// An error about `key`.
    func fail(_ key: String, _ problem: String) -> ModelFileError {
        .metadata(path: path, key: prefix + key, problem: problem)
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
    static let ropeTheta = 1.0...1e12
    static let scalingFactor = 1e-3...1e6
    static let epsilon = 1e-12...1.0
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
        guard kvHeadCount <= headCount, headCount % kvHeadCount == 0 else {
            throw fields.fail(
                names.kvHeadCount, "\(kvHeadCount) does not divide the \(headCount) query heads")
        }
        guard headDimension % 2 == 0 else {
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
        }
        return self
    }

    /// What a file calls the fields that must fit others.
    struct RelationNames {
        var kvHeadCount: String
        var headDimension: String
        var ropeDimensionCount: String
        var expertsPerToken: String
    }
}
