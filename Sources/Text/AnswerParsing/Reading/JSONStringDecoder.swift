// SPDX-License-Identifier: Apache-2.0

/// Reads the inside of a JSON string byte by byte.
struct JSONStringDecoder: Sendable {
    private enum Place {
        case plain, escape
        case digits(Int, UInt32)
    }

    private var place = Place.plain
    /// The first half of a character outside of the basic plane.
    private var high: UInt32?

    enum Step {
        case inside, ended, invalid
    }

    /// Takes a byte after the opening quotation mark.
    ///
    /// - Parameters:
    ///   - byte: the next byte.
    ///   - text: gets the UTF-8 of what is certain; half a character becomes U+FFFD.
    /// - Returns: `ended` for the closing quotation mark.
    mutating func take(_ byte: UInt8, into text: inout [UInt8]) -> Step {
        switch place {
        case .plain:
            if byte == UInt8(ascii: "\\") {
                place = .escape
                return .inside
            }
            dropHigh(into: &text)
            if byte == UInt8(ascii: "\"") { return .ended }
            text.append(byte)
        case .escape:
            place = .plain
            if byte == UInt8(ascii: "u") {
                place = .digits(4, 0)
                return .inside
            }
            dropHigh(into: &text)
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
            case UInt8(ascii: "b"): text.append(0x08)
            case UInt8(ascii: "f"): text.append(0x0C)
            case UInt8(ascii: "n"): text.append(0x0A)
            case UInt8(ascii: "r"): text.append(0x0D)
            case UInt8(ascii: "t"): text.append(0x09)
            default: return .invalid
            }
        case .digits(let count, let value):
            guard let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
                place = .plain
                return byte == UInt8(ascii: "\"") ? .ended : .invalid
            }
            let value = value << 4 | UInt32(digit)
            place = count == 1 ? .plain : .digits(count - 1, value)
            if count == 1 { append(unit: value, to: &text) }
        }
        return .inside
    }

    private mutating func append(unit: UInt32, to text: inout [UInt8]) {
        switch unit {
        case 0xD800..<0xDC00:
            dropHigh(into: &text)
            high = unit
        case 0xDC00..<0xE000:
            guard let first = high else { return Self.append(0xFFFD, to: &text) }
            high = nil
            Self.append(0x10000 + (first - 0xD800) << 10 + (unit - 0xDC00), to: &text)
        default:
            dropHigh(into: &text)
            Self.append(unit, to: &text)
        }
    }

    private mutating func dropHigh(into text: inout [UInt8]) {
        if high == nil { return }
        high = nil
        Self.append(0xFFFD, to: &text)
    }

    private static func append(_ value: UInt32, to text: inout [UInt8]) {
        let scalar = Unicode.Scalar(value) ?? "\u{FFFD}"
        text += UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter
    }
}
