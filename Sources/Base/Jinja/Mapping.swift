// SPDX-License-Identifier: Apache-2.0

/// A dictionary in insertion order, with Python's equality of keys: 1, 1.0 and True are one key.
struct Mapping {
    private(set) var keys: [Value] = []
    private(set) var values: [Value] = []
    private(set) var depth = 1
    private var indices: [MappingKey: Int] = [:]

    var count: Int { keys.count }

    /// Sets the value of a key, which keeps its place if it is there already.
    mutating func set(_ key: Value, _ hashed: MappingKey, to value: Value) {
        depth = max(depth, value.depth + 1, key.depth + 1)
        if let index = indices[hashed] {
            values[index] = value
        } else {
            indices[hashed] = keys.count
            keys.append(key)
            values.append(value)
        }
    }

    /// Sets the value of a key that is a string.
    mutating func set(_ key: TemplateString, to value: Value) {
        set(.string(key), .string(key.scalars), to: value)
    }

    subscript(key: MappingKey) -> Value? {
        indices[key].map { values[$0] }
    }

    subscript(name: String) -> Value? {
        self[.string(Array(name.unicodeScalars))]
    }
}

/// A value as a key of a dictionary.
enum MappingKey: Hashable {
    case null
    case undefined
    case integer(Int)
    case float(Double)
    /// All of them are one key, or each would be compared with all the others, and equal none.
    case notANumber
    case string([Unicode.Scalar])
    indirect case tuple([MappingKey])

    /// The key of a value other than a string or tuple; nil if Python cannot hash it.
    init?(simple value: Value) {
        switch value {
        case .undefined: self = .undefined
        case .null: self = .null
        case .bool(let value): self = .integer(value ? 1 : 0)
        case .integer(let value): self = .integer(value)
        case .float(let value):
            if value.isNaN {
                self = .notANumber
            } else if let integer = Int(exactly: value) {
                self = .integer(integer)
            } else {
                self = .float(value)
            }
        default: return nil
        }
    }
}
