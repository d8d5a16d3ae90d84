// SPDX-License-Identifier: Apache-2.0

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

extension JSONObject {
    /// The JSON text of this object; see ``JSONValue/serialized(_:)``.
    package func serialized(_ style: JSONStyle = .compact) -> String {
        JSONValue.object(self).serialized(style)
    }
}

/// JSON as UTF-8.
private struct JSONBytes: JSONOutput {
    var bytes: [UInt8] = []

    mutating func append(_ text: String) { bytes.append(contentsOf: text.utf8) }

    mutating func append(contentOf string: String, in style: JSONStyle) {
        func isPlain(_ byte: UInt8) -> Bool {
            byte >= 0x20 && byte != 0x22 && byte != 0x5C
                && (byte < 0x80 || !style.escapesNonASCII)
        }
        if string.utf8.allSatisfy(isPlain) { return append(string) }
        for scalar in string.unicodeScalars {
            if let escape = style.escape(scalar) {
                append(escape)
            } else {
                bytes.append(contentsOf: String(scalar).utf8)
            }
        }
    }
}
