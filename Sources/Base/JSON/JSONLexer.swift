// SPDX-License-Identifier: Apache-2.0

/// Reads the strings, numbers and words of a JSON text, one after the other.
///
/// It knows nothing of arrays and objects: ``JSONParser`` asks it for what the grammar allows next.
struct JSONLexer {
    /// The longest number that is read, which bounds the cost of its conversion from decimal.
    private static let maxNumberBytes = 4_096

    /// Powers of ten that a double holds exactly.
    private static let exactPowers: [Double] = [
        1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
        1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
    ]

    private let bytes: [UInt8]
    private let replacesLoneSurrogates: Bool
    private let keepsDigits: Bool
    /// The first byte that has not been consumed.
    private(set) var offset = 0

    /// A lexer at the start of a text.
    init(_ bytes: [UInt8], replacesLoneSurrogates: Bool, keepsDigits: Bool) {
        self.bytes = bytes
        self.replacesLoneSurrogates = replacesLoneSurrogates
        self.keepsDigits = keepsDigits
    }

    /// The byte at ``offset``, or nil at the end.
    var current: UInt8? { offset < bytes.count ? bytes[offset] : nil }

    /// Consumes the byte if it comes next.
    mutating func skip(_ byte: UInt8) -> Bool {
        guard offset < bytes.count, bytes[offset] == byte else { return false }
        offset += 1
        return true
    }

    /// Consumes the byte at ``offset``, which has been looked at.
    mutating func skipByte() { offset += 1 }

    /// Consumes a byte order mark, if there is one at the start.
    mutating func skipByteOrderMark() {
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { offset = 3 }
    }

    /// Consumes spaces, tabs and line ends.
    mutating func skipWhiteSpace() {
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

    /// Consumes a word such as `true`.
    mutating func parseWord(_ text: StaticString) throws(JSONError) {
        for byte in text.description.utf8 {
            guard skip(byte) else { throw unexpected("'\(text)'") }
        }
    }

    /// Parses `[-] int [frac] [exp]` at ``offset``.
    mutating func parseNumber() throws(JSONError) -> JSONValue {
        let start = offset
        let isNegative = skip(UInt8(ascii: "-"))
        var significand = 0
        var isExact = true

        let integerStart = offset
        try parseDigits(start, into: &significand, &isExact)
        if bytes[integerStart] == UInt8(ascii: "0"), offset - integerStart > 1 {
            throw .invalidNumber(offset: start, reason: "it has a leading zero")
        }
        var fractionDigitCount = 0
        if skip(UInt8(ascii: ".")) {
            let fractionStart = offset
            try parseDigits(start, into: &significand, &isExact)
            fractionDigitCount = offset - fractionStart
        }
        var exponent = 0
        let hasExponent = skip(UInt8(ascii: "e")) || skip(UInt8(ascii: "E"))
        if hasExponent {
            let isNegativeExponent = skip(UInt8(ascii: "-"))
            if !isNegativeExponent { _ = skip(UInt8(ascii: "+")) }
            try parseDigits(start, into: &exponent, &isExact)
            if isNegativeExponent { exponent = -exponent }
        }
        guard offset - start <= Self.maxNumberBytes else {
            throw .limitExceeded(
                offset: start, limit: "bytes in a number", maximum: Self.maxNumberBytes)
        }

        let isInteger = fractionDigitCount == 0 && !hasExponent
        if isInteger, isExact, !(isNegative && significand == 0) {
            return .integer(isNegative ? -significand : significand)
        }
        let text = String(decoding: bytes[start..<offset], as: UTF8.self)
        if isInteger, let integer = Int(text), integer != 0 { return .integer(integer) }  // Int.min
        // Exact operands and one rounding give the correctly rounded result (Clinger 1990).
        let (power, overflow) = exponent.subtractingReportingOverflow(fractionDigitCount)
        // A range and not `abs(power)`, which traps for the least `Int`.
        let isExactPower = (1 - Self.exactPowers.count..<Self.exactPowers.count).contains(power)
        if isExact, !overflow, significand <= 1 << 53, isExactPower {
            let magnitude = Double(significand)
            let value =
                power < 0
                ? magnitude / Self.exactPowers[-power] : magnitude * Self.exactPowers[power]
            return keepsDigits
                ? exact(isNegative ? -value : value, text) : .number(isNegative ? -value : value)
        }
        guard let value = Double(text), value.isFinite else {
            throw .invalidNumber(offset: start, reason: "it is beyond the range of a double")
        }
        return keepsDigits ? exact(value, text) : .number(value)
    }

    /// A double, or the digits that were written where it is another number.
    private func exact(_ value: Double, _ text: String) -> JSONValue {
        var digitCount = 0
        var zeroCount = 0
        loop: for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "0"): if digitCount > 0 { zeroCount += 1 }
            case UInt8(ascii: "1")...UInt8(ascii: "9"):
                digitCount += zeroCount + 1
                zeroCount = 0
            case UInt8(ascii: "-"), UInt8(ascii: "."): break
            default: break loop
            }
        }
        // Of numbers that are not very small, a double tells all of 15 digits apart.
        let isExact =
            digitCount == 0
            || digitCount <= 15 && value.magnitude >= Double.leastNormalMagnitude
        return isExact || value.description == text ? .number(value) : .decimal(text)
    }

    /// Appends one or more decimal digits to `value`; clears `isExact` where they overflow.
    private mutating func parseDigits(
        _ start: Int, into value: inout Int, _ isExact: inout Bool
    ) throws(JSONError) {
        let first = offset
        while offset < bytes.count {
            let digit = bytes[offset] &- UInt8(ascii: "0")
            guard digit <= 9 else { break }
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = product.addingReportingOverflow(Int(digit))
            if overflow || carry { isExact = false } else if isExact { value = sum }
            offset += 1
        }
        guard offset > first else {
            if first == start { throw unexpected("a digit") }
            throw .invalidNumber(offset: start, reason: "a digit is missing at byte \(first)")
        }
    }

    /// Parses the string whose opening quote is at ``offset``.
    mutating func parseString() throws(JSONError) -> String {
        offset += 1
        let start = offset
        var seen: UInt8 = 0
        while offset < bytes.count {
            let byte = bytes[offset]
            switch byte {
            case UInt8(ascii: "\""):
                if seen >= 0x80 { try validateUTF8(start..<offset) }
                let text = String(decoding: bytes[start..<offset], as: UTF8.self)
                offset += 1
                return text
            case UInt8(ascii: "\\"):
                return try parseEscapedString(from: start)
            case 0..<0x20:
                throw controlCharacter(byte)
            default:
                seen |= byte
                offset += 1
            }
        }
        throw unexpected("'\"'")
    }

    /// Parses the rest of a string that has an escape at ``offset``.
    private mutating func parseEscapedString(from start: Int) throws(JSONError) -> String {
        var text = [UInt8](bytes[start..<offset])
        try validateUTF8(start..<offset)
        while offset < bytes.count {
            let byte = bytes[offset]
            switch byte {
            case UInt8(ascii: "\""):
                offset += 1
                return String(decoding: text, as: UTF8.self)
            case UInt8(ascii: "\\"):
                try parseEscape(into: &text)
            case 0..<0x20:
                throw controlCharacter(byte)
            default:
                let runStart = offset
                while offset < bytes.count, bytes[offset] >= 0x20,
                    bytes[offset] != UInt8(ascii: "\""), bytes[offset] != UInt8(ascii: "\\")
                {
                    offset += 1
                }
                try validateUTF8(runStart..<offset)
                text.append(contentsOf: bytes[runStart..<offset])
            }
        }
        throw unexpected("'\"'")
    }

    private mutating func parseEscape(into text: inout [UInt8]) throws(JSONError) {
        let start = offset
        offset += 1
        guard let letter = current else { throw unexpected("an escape") }
        offset += 1
        switch letter {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(letter)
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "f"): text.append(0x0C)
        case UInt8(ascii: "n"): text.append(0x0A)
        case UInt8(ascii: "r"): text.append(0x0D)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "u"):
            let scalar = try parseScalar(escapeStart: start)
            text.append(contentsOf: UTF8.encode(scalar)?.map { $0 } ?? [])
        default:
            throw .invalidString(offset: start, reason: "an unknown escape")
        }
    }

    /// Parses the hexadecimal digits after `\u`, and the second half of a surrogate pair.
    private mutating func parseScalar(escapeStart: Int) throws(JSONError) -> UnicodeScalar {
        let unit = try parseHexadecimal(escapeStart)
        if let scalar = UnicodeScalar(unit) { return scalar }
        let end = offset
        if unit < 0xDC00, skip(UInt8(ascii: "\\")), skip(UInt8(ascii: "u")) {
            let low = try parseHexadecimal(end)
            if (0xDC00...0xDFFF).contains(low),
                let scalar = UnicodeScalar(0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00))
            {
                return scalar
            }
        }
        guard replacesLoneSurrogates else {
            throw .invalidString(offset: escapeStart, reason: "a lone surrogate")
        }
        // What follows the lone half is an escape of its own.
        offset = end
        return "\u{FFFD}"
    }

    private mutating func parseHexadecimal(_ escapeStart: Int) throws(JSONError) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = current else { throw unexpected("a hexadecimal digit") }
            let digit: UInt8
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = byte - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = byte - UInt8(ascii: "a") + 10
            case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = byte - UInt8(ascii: "A") + 10
            default:
                throw .invalidString(
                    offset: escapeStart, reason: "\\u wants four hexadecimal digits")
            }
            value = value << 4 | UInt32(digit)
            offset += 1
        }
        return value
    }

    private func controlCharacter(_ byte: UInt8) -> JSONError {
        .invalidString(offset: offset, reason: "control character \(byte) is not escaped")
    }

    /// Checks the table of well-formed sequences (Unicode 16.0, table 3-7).
    private func validateUTF8(_ range: Range<Int>) throws(JSONError) {
        var index = range.lowerBound
        while index < range.upperBound {
            let lead = bytes[index]
            if lead < 0x80 {
                index += 1
                continue
            }
            let length: Int
            var second: ClosedRange<UInt8> = 0x80...0xBF
            switch lead {
            case 0xC2...0xDF: length = 2
            case 0xE0: (length, second) = (3, 0xA0...0xBF)
            case 0xED: (length, second) = (3, 0x80...0x9F)
            case 0xE1...0xEF: length = 3
            case 0xF0: (length, second) = (4, 0x90...0xBF)
            case 0xF1...0xF3: length = 4
            case 0xF4: (length, second) = (4, 0x80...0x8F)
            default: throw .invalidUTF8(offset: index)
            }
            for step in 1..<length {
                let allowed = step == 1 ? second : 0x80...0xBF
                guard index + step < range.upperBound, allowed.contains(bytes[index + step])
                else { throw .invalidUTF8(offset: index + step) }
            }
            index += length
        }
    }
}
