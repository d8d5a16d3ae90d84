// SPDX-License-Identifier: Apache-2.0

/// A JSON value (RFC 8259) that keeps the order of object keys.
///
/// A number written without fraction or exponent that fits `Int` is an `integer`, every other
/// number a `number`; the two are never equal, though ``intValue`` and ``doubleValue`` read both.
/// Where the parser is asked to keep digits, a number that a double would change is a `decimal`.
/// Strings are equal when their code points are, whatever Unicode says of their equivalence.
package enum JSONValue: Hashable, Sendable {
    case null
    case bool(Bool)
    case integer(Int)
    case number(Double)
    /// A number as it was written, because neither an integer nor a double is as exact.
    case decimal(String)
    case string(String)
    case array([JSONValue])
    case object(JSONObject)

    package static func == (left: JSONValue, right: JSONValue) -> Bool {
        switch (left, right) {
        case (.null, .null): true
        case (.bool(let left), .bool(let right)): left == right
        case (.integer(let left), .integer(let right)): left == right
        case (.number(let left), .number(let right)): left == right
        case (.decimal(let left), .decimal(let right)): left == right
        case (.string(let left), .string(let right)): ExactString(left) == ExactString(right)
        case (.array(let left), .array(let right)): left == right
        case (.object(let left), .object(let right)): left == right
        default: false
        }
    }

    package func hash(into hasher: inout Hasher) {
        switch self {
        case .null: hasher.combine(0)
        case .bool(let value): hasher.combine(value)
        case .integer(let value): hasher.combine(value)
        case .number(let value): hasher.combine(value)
        case .decimal(let digits): hasher.combine(digits)
        case .string(let value): hasher.combine(ExactString(value))
        case .array(let values): hasher.combine(values)
        case .object(let object): hasher.combine(object)
        }
    }

    /// The string, or nil for any other kind.
    package var stringValue: String? {
        if case .string(let value) = self { value } else { nil }
    }

    /// The number if it is a whole one that fits `Int` (also when written `3.0`), rounded where a
    /// double does not hold it, else nil.
    package var intValue: Int? {
        switch self {
        case .integer(let value): value
        case .number(let value): Int(exactly: value)
        case .decimal(let digits): Double(digits).flatMap { Int(exactly: $0) }
        default: nil
        }
    }

    /// The number, rounded where a double does not hold it, or nil for any other kind.
    package var doubleValue: Double? {
        switch self {
        case .integer(let value): Double(value)
        case .number(let value): value
        case .decimal(let digits): Double(digits)
        default: nil
        }
    }

    /// The boolean, or nil for any other kind.
    package var boolValue: Bool? {
        if case .bool(let value) = self { value } else { nil }
    }

    /// The elements, or nil for any other kind.
    package var arrayValue: [JSONValue]? {
        if case .array(let value) = self { value } else { nil }
    }

    /// The object, or nil for any other kind.
    package var objectValue: JSONObject? {
        if case .object(let value) = self { value } else { nil }
    }

    /// Whether this is `null`.
    package var isNull: Bool {
        if case .null = self { true } else { false }
    }

    /// The member of an object, or nil where there is none or this is not an object.
    package subscript(key: String) -> JSONValue? {
        if case .object(let object) = self { object[key] } else { nil }
    }

    /// The element of an array, or nil where there is none or this is not an array.
    package subscript(index: Int) -> JSONValue? {
        guard case .array(let array) = self, array.indices.contains(index) else { return nil }
        return array[index]
    }

    /// The name of the kind as JSON Schema has it, for messages: `"integer"`, `"object"`, ….
    package var kindName: String {
        switch self {
        case .null: "null"
        case .bool: "boolean"
        case .integer: "integer"
        case .number, .decimal: "number"
        case .string: "string"
        case .array: "array"
        case .object: "object"
        }
    }
}

extension JSONValue {
    /// The JSON text of this value.
    ///
    /// Keys keep their order and characters outside ASCII stand as they are; only `"`, `\` and
    /// control characters are escaped. A double is written with the fewest digits that read back
    /// to the same bits, always with a point or exponent. JSON has no NaN and no infinity: they
    /// become `null`. A style may ask for something else.
    ///
    /// - Parameter style: spaces, line breaks, escapes and numbers.
    /// - Returns: text that ``JSONParser`` reads back to an equal value.
    package func serialized(_ style: JSONStyle = .compact) -> String {
        String(decoding: serializedBytes(style), as: UTF8.self)
    }

    /// The UTF-8 of ``serialized(_:)``.
    package func serializedBytes(_ style: JSONStyle = .compact) -> [UInt8] {
        var writer = JSONWriter(to: JSONBytes(), style: style)
        write(to: &writer)
        return writer.output.bytes
    }

    private func write(to writer: inout JSONWriter<JSONBytes>) {
        switch self {
        case .null: writer.writeNull()
        case .bool(let value): writer.write(value)
        case .integer(let value): writer.write(value)
        case .number(let value): writer.write(value)
        case .decimal(let digits): writer.write(digits: digits)
        case .string(let value): writer.write(string: value)
        case .array(let values):
            writer.beginArray()
            for value in values {
                writer.beginElement()
                value.write(to: &writer)
            }
            writer.endArray()
        case .object(let object):
            writer.beginObject()
            for (key, value) in object {
                writer.write(key: key)
                value.write(to: &writer)
            }
            writer.endObject()
        }
    }
}

/// JSON as UTF-8.
private struct JSONBytes: JSONOutput {
    var bytes: [UInt8] = []

    mutating func append(_ text: String) { bytes.append(contentsOf: text.utf8) }

    mutating func append(contentOf string: String, in style: JSONStyle) {
        bytes.append(contentOf: string, in: style)
    }
}

extension [UInt8] {
    /// Appends what stands between a string's quotes.
    ///
    /// - Parameters:
    ///   - string: the string.
    ///   - style: says what is escaped.
    package mutating func append(contentOf string: String, in style: JSONStyle) {
        let utf8 = string.utf8
        let bytes = utf8.span
        var start = utf8.startIndex
        for offset in bytes.indices where !style.isPlain(bytes[offset]) {
            let end = utf8.index(utf8.startIndex, offsetBy: offset)
            append(contentsOf: utf8[start..<end])
            if bytes[offset] >= 0x80 {
                // An escape takes more than one byte: the rest goes by scalars.
                for scalar in string.unicodeScalars[end...] {
                    append(contentsOf: (style.escape(scalar) ?? String(scalar)).utf8)
                }
                return
            }
            if let escape = style.escape(Unicode.Scalar(bytes[offset])) {
                append(contentsOf: escape.utf8)
            }
            start = utf8.index(after: end)
        }
        append(contentsOf: utf8[start...])
    }
}

extension JSONValue: ExpressibleByNilLiteral {
    package init(nilLiteral: ()) { self = .null }
}

extension JSONValue: ExpressibleByBooleanLiteral {
    package init(booleanLiteral value: Bool) { self = .bool(value) }
}

extension JSONValue: ExpressibleByIntegerLiteral {
    package init(integerLiteral value: Int) { self = .integer(value) }
}

extension JSONValue: ExpressibleByFloatLiteral {
    package init(floatLiteral value: Double) { self = .number(value) }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByStringInterpolation {
    package init(stringLiteral value: String) { self = .string(value) }
}

extension JSONValue: ExpressibleByArrayLiteral {
    package init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
}

extension JSONValue: ExpressibleByDictionaryLiteral {
    package init(dictionaryLiteral elements: (String, JSONValue)...) {
        self = .object(JSONObject(elements))
    }
}

extension JSONValue: CustomStringConvertible {
    /// The compact serialization.
    package var description: String { serialized() }
}
