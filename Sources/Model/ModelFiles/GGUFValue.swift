// SPDX-License-Identifier: Apache-2.0

/// One metadata value of a GGUF file, in the type that it has there.
package enum GGUFValue: Sendable, Equatable {
    case uint8(UInt8)
    case int8(Int8)
    case uint16(UInt16)
    case int16(Int16)
    case uint32(UInt32)
    case int32(Int32)
    case uint64(UInt64)
    case int64(Int64)
    case float32(Float)
    case float64(Double)
    case bool(Bool)
    case string(String)
    case array(GGUFArray)

    /// The text of a string.
    package var stringValue: String? {
        if case .string(let text) = self { text } else { nil }
    }

    /// Any integer that fits an `Int`.
    package var intValue: Int? {
        switch self {
        case .uint8(let value): Int(value)
        case .int8(let value): Int(value)
        case .uint16(let value): Int(value)
        case .int16(let value): Int(value)
        case .uint32(let value): Int(value)
        case .int32(let value): Int(value)
        case .uint64(let value): Int(exactly: value)
        case .int64(let value): Int(value)
        default: nil
        }
    }

    /// A floating-point number, or an integer as one.
    package var doubleValue: Double? {
        switch self {
        case .float32(let value): Double(value)
        case .float64(let value): value
        default: intValue.map { Double($0) }
        }
    }

    /// A truth value.
    package var boolValue: Bool? {
        if case .bool(let value) = self { value } else { nil }
    }

    /// The elements of an array.
    package var arrayValue: GGUFArray? {
        if case .array(let array) = self { array } else { nil }
    }

    /// The name of the value's type, as GGUF's specification spells it in lower case.
    package var typeName: String {
        switch self {
        case .uint8: "uint8"
        case .int8: "int8"
        case .uint16: "uint16"
        case .int16: "int16"
        case .uint32: "uint32"
        case .int32: "int32"
        case .uint64: "uint64"
        case .int64: "int64"
        case .float32: "float32"
        case .float64: "float64"
        case .bool: "bool"
        case .string: "string"
        case .array(let array): "array of \(array.elementTypeName)"
        }
    }
}

/// An array among GGUF metadata: all its elements have one type, and are stored unboxed.
package enum GGUFArray: Sendable, Equatable {
    case uint8([UInt8])
    case int8([Int8])
    case uint16([UInt16])
    case int16([Int16])
    case uint32([UInt32])
    case int32([Int32])
    case uint64([UInt64])
    case int64([Int64])
    case float32([Float])
    case float64([Double])
    case bool([Bool])
    case string([String])
    case array([GGUFArray])

    /// How many elements there are.
    package var count: Int {
        switch self {
        case .uint8(let values): values.count
        case .int8(let values): values.count
        case .uint16(let values): values.count
        case .int16(let values): values.count
        case .uint32(let values): values.count
        case .int32(let values): values.count
        case .uint64(let values): values.count
        case .int64(let values): values.count
        case .float32(let values): values.count
        case .float64(let values): values.count
        case .bool(let values): values.count
        case .string(let values): values.count
        case .array(let values): values.count
        }
    }

    /// The elements of an array of strings.
    package var strings: [String]? {
        if case .string(let values) = self { values } else { nil }
    }

    /// The elements of an array of floating-point numbers.
    package var floats: [Float]? {
        switch self {
        case .float32(let values): values
        case .float64(let values): values.map { Float($0) }
        default: nil
        }
    }

    /// The elements of an array of integers that all fit 32 bits.
    package var int32s: [Int32]? {
        switch self {
        case .int32(let values): values
        case .uint8(let values): values.map { Int32($0) }
        case .int8(let values): values.map { Int32($0) }
        case .uint16(let values): values.map { Int32($0) }
        case .int16(let values): values.map { Int32($0) }
        case .uint32(let values): Self.narrowed(values)
        case .uint64(let values): Self.narrowed(values)
        case .int64(let values): Self.narrowed(values)
        default: nil
        }
    }

    /// The name of the elements' type.
    package var elementTypeName: String {
        switch self {
        case .uint8: "uint8"
        case .int8: "int8"
        case .uint16: "uint16"
        case .int16: "int16"
        case .uint32: "uint32"
        case .int32: "int32"
        case .uint64: "uint64"
        case .int64: "int64"
        case .float32: "float32"
        case .float64: "float64"
        case .bool: "bool"
        case .string: "string"
        case .array: "array"
        }
    }

    private static func narrowed<Value: BinaryInteger>(_ values: [Value]) -> [Int32]? {
        var result: [Int32] = []
        result.reserveCapacity(values.count)
        for value in values {
            guard let narrow = Int32(exactly: value) else { return nil }
            result.append(narrow)
        }
        return result
    }
}

/// The numbers by which GGUF's format tells the types of metadata values apart.
package enum GGUFValueType: UInt32 {
    case uint8 = 0
    case int8 = 1
    case uint16 = 2
    case int16 = 3
    case uint32 = 4
    case int32 = 5
    case float32 = 6
    case bool = 7
    case string = 8
    case array = 9
    case uint64 = 10
    case int64 = 11
    case float64 = 12

    /// The fewest bytes that one element of an array takes in the file.
    var smallestByteCount: Int {
        switch self {
        case .uint8, .int8, .bool: 1
        case .uint16, .int16: 2
        case .uint32, .int32, .float32: 4
        case .uint64, .int64, .float64, .string: 8
        case .array: 12
        }
    }
}
