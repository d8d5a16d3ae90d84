// SPDX-License-Identifier: Apache-2.0

extension JSONParser {
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
        guard limits.replacesLoneSurrogates else {
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
