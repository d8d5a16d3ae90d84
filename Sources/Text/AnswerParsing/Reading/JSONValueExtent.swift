// SPDX-License-Identifier: Apache-2.0

/// Finds where a JSON value ends, without judging what is within it.
struct JSONValueExtent: Sendable {
    private var depth = 0
    /// Whether the next byte belongs to a string that is open.
    private(set) var isInString = false
    private var isEscaped = false
    private var hasBegun = false

    enum Step {
        /// The byte belongs to the value, which goes on.
        case inside
        /// The byte is the last one of the value.
        case last
        /// The value ended before the byte.
        case after
    }

    mutating func take(_ byte: UInt8) -> Step {
        if isInString { return takeInString(byte) }
        switch byte {
        case UInt8(ascii: "\""):
            if hasBegun, depth == 0 { return .after }
            isInString = true
        case UInt8(ascii: "{"), UInt8(ascii: "["):
            if hasBegun, depth == 0 { return .after }
            depth += 1
        case UInt8(ascii: "}"), UInt8(ascii: "]"):
            if depth == 0 { return .after }
            depth -= 1
            if depth == 0 { return .last }
        case UInt8(ascii: ","), UInt8(ascii: ":"), 0x20, 0x0A, 0x0D, 0x09:
            if depth == 0 { return .after }
        default: break
        }
        hasBegun = true
        return .inside
    }

    private mutating func takeInString(_ byte: UInt8) -> Step {
        if isEscaped {
            isEscaped = false
        } else if byte == UInt8(ascii: "\\") {
            isEscaped = true
        } else if byte == UInt8(ascii: "\"") {
            isInString = false
            if depth == 0 { return .last }
        }
        return .inside
    }
}

extension UInt8 {
    /// Whether JSON has it between its tokens.
    var isJSONSpace: Bool { self == 0x20 || self == 0x0A || self == 0x0D || self == 0x09 }
}
