// SPDX-License-Identifier: Apache-2.0

/// A strict, bounded parser of JSON text (RFC 8259).
///
/// Strict means: one value and nothing after it but white space; no byte order mark, comments,
/// trailing commas, leading zeros, `NaN` or `Infinity`; well-formed UTF-8; no raw control
/// characters within strings; an escaped surrogate without its partner is an error, for no Swift
/// string could hold it. ``Limits`` may be lenient with two of these. A number beyond the range of a
/// double is an error, an integer beyond `Int` becomes a double unless ``Limits`` keep the digits.
/// Of equal keys the last value wins, in the place of the first.
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
        /// Whether a number that a double would change stays as it is written, as a `decimal`:
        /// schemas ask for 9007199254740993.0 and mean no other number.
        package let keepsDigits: Bool

        /// Limits that fit the largest published tokenizer files.
        package init(
            maxBytes: Int = 256 << 20, maxDepth: Int = 128, maxValues: Int = 10_000_000,
            rejectsDuplicateKeys: Bool = false, replacesLoneSurrogates: Bool = false,
            skipsByteOrderMark: Bool = false, keepsDigits: Bool = false
        ) {
            precondition((0...512).contains(maxDepth), "maxDepth \(maxDepth) is not in 0...512")
            self.maxBytes = maxBytes
            self.maxDepth = maxDepth
            self.maxValues = maxValues
            self.rejectsDuplicateKeys = rejectsDuplicateKeys
            self.replacesLoneSurrogates = replacesLoneSurrogates
            self.skipsByteOrderMark = skipsByteOrderMark
            self.keepsDigits = keepsDigits
        }
    }

    private let limits: Limits
    private var lexer: JSONLexer
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
        if limits.skipsByteOrderMark { parser.lexer.skipByteOrderMark() }
        parser.lexer.skipWhiteSpace()
        let value = try parser.parseValue()
        parser.lexer.skipWhiteSpace()
        guard parser.lexer.current == nil else { throw parser.lexer.unexpected("end of input") }
        return value
    }

    /// Parses one JSON text.
    package static func parse(
        _ text: String, limits: Limits = .init()
    ) throws(JSONError) -> JSONValue {
        try parse([UInt8](text.utf8), limits: limits)
    }

    private init(bytes: [UInt8], limits: Limits) {
        self.limits = limits
        lexer = JSONLexer(
            bytes, replacesLoneSurrogates: limits.replacesLoneSurrogates,
            keepsDigits: limits.keepsDigits)
    }

    private mutating func parseValue() throws(JSONError) -> JSONValue {
        valueCount += 1
        guard valueCount <= limits.maxValues else {
            throw .limitExceeded(offset: lexer.offset, limit: "values", maximum: limits.maxValues)
        }
        guard let first = lexer.current else { throw lexer.unexpected("a value") }
        switch first {
        case UInt8(ascii: "{"): return .object(try parseObject())
        case UInt8(ascii: "["): return .array(try parseArray())
        case UInt8(ascii: "\""): return .string(try lexer.parseString())
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
            return try lexer.parseNumber()
        case UInt8(ascii: "t"):
            try lexer.parseWord("true")
            return .bool(true)
        case UInt8(ascii: "f"):
            try lexer.parseWord("false")
            return .bool(false)
        case UInt8(ascii: "n"):
            try lexer.parseWord("null")
            return .null
        default: throw lexer.unexpected("a value")
        }
    }

    private mutating func parseObject() throws(JSONError) -> JSONObject {
        try enter()
        var object = JSONObject()
        if !lexer.skip(UInt8(ascii: "}")) {
            repeat {
                lexer.skipWhiteSpace()
                guard lexer.current == UInt8(ascii: "\"") else {
                    throw lexer.unexpected("a string key")
                }
                let start = lexer.offset
                let key = try lexer.parseString()
                guard !limits.rejectsDuplicateKeys || !object.contains(key) else {
                    throw .unexpected(
                        offset: start, expected: "a new key", found: "a key for the second time")
                }
                lexer.skipWhiteSpace()
                guard lexer.skip(UInt8(ascii: ":")) else { throw lexer.unexpected("':'") }
                lexer.skipWhiteSpace()
                object[key] = try parseValue()
                lexer.skipWhiteSpace()
            } while lexer.skip(UInt8(ascii: ","))
            guard lexer.skip(UInt8(ascii: "}")) else { throw lexer.unexpected("',' or '}'") }
        }
        depth -= 1
        return object
    }

    private mutating func parseArray() throws(JSONError) -> [JSONValue] {
        try enter()
        var array: [JSONValue] = []
        if !lexer.skip(UInt8(ascii: "]")) {
            repeat {
                lexer.skipWhiteSpace()
                array.append(try parseValue())
                lexer.skipWhiteSpace()
            } while lexer.skip(UInt8(ascii: ","))
            guard lexer.skip(UInt8(ascii: "]")) else { throw lexer.unexpected("',' or ']'") }
        }
        depth -= 1
        return array
    }

    private mutating func enter() throws(JSONError) {
        depth += 1
        guard depth <= limits.maxDepth else {
            throw .limitExceeded(
                offset: lexer.offset, limit: "levels of nesting", maximum: limits.maxDepth)
        }
        lexer.skipByte()
        lexer.skipWhiteSpace()
    }
}
