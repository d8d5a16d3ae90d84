// SPDX-License-Identifier: Apache-2.0

extension JSONValue {
    /// The JSON text of this value.
    ///
    /// Keys keep their order and characters outside ASCII stand as they are; only `"`, `\` and
    /// control characters are escaped. A double is written with the fewest digits that read back
    /// to the same bits, always with a point or exponent. JSON has no NaN and no infinity: they
    /// become `null`.
    ///
    /// - Parameter pretty: one member a line, indented by two spaces, instead of no space at all.
    /// - Returns: text that ``JSONParser`` reads back to an equal value.
    package func serialized(pretty: Bool = false) -> String {
        String(decoding: serializedBytes(pretty: pretty), as: UTF8.self)
    }

    /// The UTF-8 of ``serialized(pretty:)``.
    package func serializedBytes(pretty: Bool = false) -> [UInt8] {
        var serializer = JSONSerializer(isPretty: pretty)
        serializer.append(self)
        return serializer.bytes
    }
}

extension JSONObject {
    /// The JSON text of this object; see ``JSONValue/serialized(pretty:)``.
    package func serialized(pretty: Bool = false) -> String {
        JSONValue.object(self).serialized(pretty: pretty)
    }
}

/// Appends values to a buffer of UTF-8.
private struct JSONSerializer {
    var bytes: [UInt8] = []
    let isPretty: Bool
    private var level = 0

    private static let hexadecimal = Array("0123456789abcdef".utf8)

    init(isPretty: Bool) { self.isPretty = isPretty }

    mutating func append(_ value: JSONValue) {
        switch value {
        case .null: append("null")
        case .bool(let value): append(value ? "true" : "false")
        case .integer(let value): append(value.description)
        case .number(let value): append(value.isFinite ? value.description : "null")
        case .string(let value): append(quoted: value)
        case .array(let values):
            appendContainer("[", "]", values) { $0.append($1) }
        case .object(let object):
            appendContainer("{", "}", object) { serializer, member in
                serializer.append(quoted: member.key)
                serializer.append(serializer.isPretty ? ": " : ":")
                serializer.append(member.value)
            }
        }
    }

    private mutating func appendContainer<Members: Swift.Sequence>(
        _ open: String, _ close: String, _ members: Members,
        _ appendMember: (inout Self, Members.Element) -> Void
    ) {
        append(open)
        level += 1
        var isEmpty = true
        for member in members {
            if !isEmpty { append(",") }
            isEmpty = false
            appendLineBreak()
            appendMember(&self, member)
        }
        level -= 1
        if !isEmpty { appendLineBreak() }
        append(close)
    }

    private mutating func appendLineBreak() {
        guard isPretty else { return }
        bytes.append(0x0A)
        bytes.append(contentsOf: repeatElement(0x20, count: 2 * level))
    }

    private mutating func append(_ text: String) { bytes.append(contentsOf: text.utf8) }

    private mutating func append(quoted text: String) {
        bytes.append(UInt8(ascii: "\""))
        defer { bytes.append(UInt8(ascii: "\"")) }
        if text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x22 && $0 != 0x5C }) {
            return append(text)
        }
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""): append("\\\"")
            case UInt8(ascii: "\\"): append("\\\\")
            case 0x08: append("\\b")
            case 0x09: append("\\t")
            case 0x0A: append("\\n")
            case 0x0C: append("\\f")
            case 0x0D: append("\\r")
            case 0..<0x20:
                append("\\u00")
                bytes.append(Self.hexadecimal[Int(byte >> 4)])
                bytes.append(Self.hexadecimal[Int(byte & 15)])
            default: bytes.append(byte)
            }
        }
    }
}
