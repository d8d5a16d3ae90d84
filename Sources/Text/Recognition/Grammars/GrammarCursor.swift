// SPDX-License-Identifier: Apache-2.0

/// A place in the text of a grammar, for its parsers.
struct GrammarCursor {
    /// The text, in UTF-8.
    let bytes: [UInt8]
    /// The next byte.
    var index = 0
    private let lineStarts: [Int]

    /// A cursor at the beginning of a text.
    init(_ text: String) {
        bytes = Array(text.utf8)
        lineStarts = [0] + bytes.indices.filter { [bytes] in bytes[$0] == 10 }.map { $0 + 1 }
    }

    /// The byte so many bytes ahead.
    func peek(_ offset: Int = 0) -> UInt8? {
        index + offset < bytes.count ? bytes[index + offset] : nil
    }

    /// Whether these bytes come next.
    func isAt(_ text: StaticString) -> Bool {
        let count = text.utf8CodeUnitCount
        guard index + count <= bytes.count else { return false }
        return text.withUTF8Buffer { buffer in
            for offset in 0..<count where unsafe buffer[offset] != bytes[index + offset] {
                return false
            }
            return true
        }
    }

    /// Takes these bytes, if they come next.
    mutating func take(_ text: StaticString) -> Bool {
        guard isAt(text) else { return false }
        index += text.utf8CodeUnitCount
        return true
    }

    /// Takes bytes as long as they are of a kind.
    mutating func take(while belongs: (UInt8) -> Bool) -> String {
        let start = index
        while let byte = peek(), belongs(byte) { index += 1 }
        return String(decoding: bytes[start..<index], as: UTF8.self)
    }

    /// Takes a whole number, or a large one in place of any larger one.
    mutating func takeNumber() -> Int? {
        guard let first = peek(), Self.isDigit(first) else { return nil }
        var value = 0
        while let byte = peek(), Self.isDigit(byte) {
            value = min(1 << 40, value * 10 + Int(byte - UInt8(ascii: "0")))
            index += 1
        }
        return value
    }

    /// Takes one character.
    mutating func takeScalar() -> UInt32? {
        guard let first = peek() else { return nil }
        let length = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4
        var value = UInt32(first) & (length == 1 ? 0x7F : 0xFF >> UInt32(length + 1))
        for offset in 1..<max(1, length) {
            value = value << 6 | UInt32(peek(offset) ?? 0x80) & 0x3F
        }
        index = min(bytes.count, index + length)
        return value
    }

    /// Takes so many hexadecimal digits.
    mutating func takeHexadecimal(_ count: Int) -> UInt32? {
        var value: UInt32 = 0
        for _ in 0..<count {
            guard let byte = peek(), let digit = Self.hexadecimal(byte) else { return nil }
            value = value << 4 | digit
            index += 1
        }
        return value
    }

    private static func hexadecimal(_ byte: UInt8) -> UInt32? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(byte) - 48
        case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt32(byte) - 87
        case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt32(byte) - 55
        default: nil
        }
    }

    /// Takes what follows a backslash, as a character.
    mutating func takeEscape() throws(RecognitionError) -> UInt32 {
        let start = index
        guard let scalar = takeScalar() else { throw error("the text ends within an escape") }
        let value: UInt32?
        switch scalar {
        case 0x6E: return 0x0A
        case 0x72: return 0x0D
        case 0x74: return 0x09
        case 0x66: return 0x0C
        case 0x62: return 0x08
        case 0x76: return 0x0B
        case 0x30: return 0
        case 0x78: value = takeHexadecimal(2)
        case 0x75: value = takeHexadecimal(4)
        case 0x55: value = takeHexadecimal(8)
        case 0x41...0x5A, 0x61...0x7A, 0x31...0x39: value = nil
        default: return scalar
        }
        guard let value, value <= 0x10FFFF, !(0xD800...0xDFFF).contains(value) else {
            throw error(
                "there is no such escape; use \\x, \\u, \\U, \\n, \\r, \\t or \\\\", at: start)
        }
        return value
    }

    /// An error at a byte, or here.
    func error(_ reason: String, at place: Int? = nil) -> RecognitionError {
        RecognitionError(at: self.place(of: place ?? index), reason)
    }

    /// The line and column of a byte.
    func place(of index: Int) -> String {
        var low = 0
        var high = lineStarts.count
        while high - low > 1 {
            let middle = (low + high) / 2
            if lineStarts[middle] <= index { low = middle } else { high = middle }
        }
        let column = bytes[lineStarts[low]..<min(index, bytes.count)].reduce(1) {
            $0 + ($1 & 0xC0 != 0x80 ? 1 : 0)
        }
        return "line \(low + 1), column \(column)"
    }

    static func isDigit(_ byte: UInt8) -> Bool {
        UInt8(ascii: "0") <= byte && byte <= UInt8(ascii: "9")
    }

    static func isLetter(_ byte: UInt8) -> Bool {
        let lower = byte | 0x20
        return UInt8(ascii: "a") <= lower && lower <= UInt8(ascii: "z")
    }

    /// The UTF-8 of one character.
    static func spelled(_ scalar: UInt32) -> [UInt8] {
        Array(String(Unicode.Scalar(scalar) ?? "\u{FFFD}").utf8)
    }
}
