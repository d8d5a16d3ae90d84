// SPDX-License-Identifier: Apache-2.0

/// A strict, bounded parser of JSON text (RFC 8259).
///
/// Strict means: one value and nothing after it but white space; no byte order mark, comments,
/// trailing commas, leading zeros, `NaN` or `Infinity`; well-formed UTF-8; no raw control
/// characters within strings; an escaped surrogate without its partner is an error, for no Swift
/// string could hold it. ``Limits`` may be lenient with two of these. A number beyond the range of a
/// double is an error, an integer beyond `Int` becomes a double. Of equal keys the last value wins,
/// in the place of the first.
package struct JSONParser {
    /// How much a parser is willing to take.
    package struct Limits: Sendable {
        /// The longest text, in bytes.
        package let maxBytes: Int
        /// How deep arrays and objects may nest, `0...512` (the parser recurses).
        package let maxDepth: Int
        /// How many values, nested ones and containers included.
        package let maxValues: Int
        /// Whether a key that occurs twice in an object is an error, as safetensors demands.
        package let rejectsDuplicateKeys: Bool
        /// Whether an escaped surrogate without its partner becomes U+FFFD: clients cut strings
        /// between the halves of a character, and keep sending what they have cut.
        package let replacesLoneSurrogates: Bool
        /// Whether a byte order mark before the text is skipped, as RFC 8259 §8.1 lets a parser do.
        package let skipsByteOrderMark: Bool

        /// Limits that fit the largest published tokenizer files.
        package init(
            maxBytes: Int = 256 << 20, maxDepth: Int = 128, maxValues: Int = 10_000_000,
            rejectsDuplicateKeys: Bool = false, replacesLoneSurrogates: Bool = false,
            skipsByteOrderMark: Bool = false
        ) {
            precondition((0...512).contains(maxDepth), "maxDepth \(maxDepth) is not in 0...512")
            self.maxBytes = maxBytes
            self.maxDepth = maxDepth
            self.maxValues = maxValues
            self.rejectsDuplicateKeys = rejectsDuplicateKeys
            self.replacesLoneSurrogates = replacesLoneSurrogates
            self.skipsByteOrderMark = skipsByteOrderMark
        }
    }

    let bytes: [UInt8]
    let limits: Limits
    var offset = 0
    private var depth = 0
    private var valueCount = 0

    /// Parses one JSON text.
    ///
    /// - Complexity: O(n) time; recursion is bounded by `limits.maxDepth`.
    package static func parse(
        _ bytes: [UInt8], limits: Limits = .init()
    ) throws(JSONError) -> JSONValue {
        guard bytes.count <= limits.maxBytes else {
            throw .limitExceeded(offset: limits.maxBytes, limit: "bytes", maximum: limits.maxBytes)
        }
        var parser = JSONParser(bytes: bytes, limits: limits)
        if limits.skipsByteOrderMark, bytes.starts(with: [0xEF, 0xBB, 0xBF]) { parser.offset = 3 }
        parser.skipWhiteSpace()
        let value = try parser.parseValue()
        parser.skipWhiteSpace()
        guard parser.offset == bytes.count else { throw parser.unexpected("end of input") }
        return value
    }

    /// Parses one JSON text.
    package static func parse(
        _ text: String, limits: Limits = .init()
    ) throws(JSONError) -> JSONValue {
        try parse([UInt8](text.utf8), limits: limits)
    }

    private init(bytes: [UInt8], limits: Limits) {
        self.bytes = bytes
        self.limits = limits
    }

    private mutating func parseValue() throws(JSONError) -> JSONValue {
        valueCount += 1
        guard valueCount <= limits.maxValues else {
            throw .limitExceeded(offset: offset, limit: "values", maximum: limits.maxValues)
        }
        guard let first = current else { throw unexpected("a value") }
        switch first {
        case UInt8(ascii: "{"): return .object(try parseObject())
        case UInt8(ascii: "["): return .array(try parseArray())
        case UInt8(ascii: "\""): return .string(try parseString())
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try parseNumber()
        case UInt8(ascii: "t"): return try parseLiteral("true", .bool(true))
        case UInt8(ascii: "f"): return try parseLiteral("false", .bool(false))
        case UInt8(ascii: "n"): return try parseLiteral("null", .null)
        default: throw unexpected("a value")
        }
    }

    private mutating func parseObject() throws(JSONError) -> JSONObject {
        try enter()
        var object = JSONObject()
        if !skip(UInt8(ascii: "}")) {
            repeat {
                skipWhiteSpace()
                guard current == UInt8(ascii: "\"") else { throw unexpected("a string key") }
                let start = offset
                let key = try parseString()
                guard !limits.rejectsDuplicateKeys || !object.contains(key) else {
                    throw .unexpected(
                        offset: start, expected: "a new key", found: "a key for the second time")
                }
                skipWhiteSpace()
                guard skip(UInt8(ascii: ":")) else { throw unexpected("':'") }
                skipWhiteSpace()
                object[key] = try parseValue()
                skipWhiteSpace()
            } while skip(UInt8(ascii: ","))
            guard skip(UInt8(ascii: "}")) else { throw unexpected("',' or '}'") }
        }
        depth -= 1
        return object
    }

    private mutating func parseArray() throws(JSONError) -> [JSONValue] {
        try enter()
        var array: [JSONValue] = []
        if !skip(UInt8(ascii: "]")) {
            repeat {
                skipWhiteSpace()
                array.append(try parseValue())
                skipWhiteSpace()
            } while skip(UInt8(ascii: ","))
            guard skip(UInt8(ascii: "]")) else { throw unexpected("',' or ']'") }
        }
        depth -= 1
        return array
    }

    private mutating func enter() throws(JSONError) {
        depth += 1
        guard depth <= limits.maxDepth else {
            throw .limitExceeded(
                offset: offset, limit: "levels of nesting", maximum: limits.maxDepth)
        }
        offset += 1
        skipWhiteSpace()
    }

    private mutating func parseLiteral(
        _ text: StaticString, _ value: JSONValue
    ) throws(JSONError) -> JSONValue {
        for byte in text.description.utf8 {
            guard skip(byte) else { throw unexpected("'\(text)'") }
        }
        return value
    }

    /// The byte at ``offset``, or nil at the end.
    var current: UInt8? { offset < bytes.count ? bytes[offset] : nil }

    /// Consumes the byte if it comes next.
    mutating func skip(_ byte: UInt8) -> Bool {
        guard offset < bytes.count, bytes[offset] == byte else { return false }
        offset += 1
        return true
    }

    private mutating func skipWhiteSpace() {
        while offset < bytes.count {
            switch bytes[offset] {
            case 0x20, 0x0A, 0x0D, 0x09: offset += 1
            default: return
            }
        }
    }

    /// The error that what stands at ``offset`` is not what the grammar wants.
    func unexpected(_ expected: String) -> JSONError {
        let found =
            switch current {
            case nil: "end of input"
            case let byte? where (0x21...0x7E).contains(byte):
                "'\(Character(UnicodeScalar(byte)))'"
            case let byte?:
                "byte 0x" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
            }
        return .unexpected(offset: offset, expected: expected, found: found)
    }
}
