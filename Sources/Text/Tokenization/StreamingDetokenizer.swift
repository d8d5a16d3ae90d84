// SPDX-License-Identifier: Apache-2.0

/// Turns token ids into text as they arrive and never emits part of a character.
///
/// The concatenation of everything returned equals the decoding of the whole sequence.
package struct StreamingDetokenizer: Sendable {
    private let tokenizer: any Tokenizer
    private var pending: [UInt8] = []
    private var dropsNextSpace: Bool

    /// Creates a detokenizer at the beginning of a text.
    ///
    /// - Parameters:
    ///   - tokenizer: the vocabulary.
    ///   - continuesText: whether text precedes the first token (a completion of a prompt); then a
    ///     SentencePiece token keeps its leading space.
    package init(tokenizer: any Tokenizer, continuesText: Bool = false) {
        self.tokenizer = tokenizer
        self.dropsNextSpace = tokenizer.dropsLeadingSpace && !continuesText
    }

    /// The text that the token completes: whole characters only, often empty.
    package mutating func append(_ token: Int32) -> String {
        let start = pending.count
        tokenizer.append(bytesOf: token, to: &pending)
        if dropsNextSpace, pending.count > start {
            dropsNextSpace = false
            if pending[start] == UInt8(ascii: " ") { pending.remove(at: start) }
        }
        let ready = UTF8Boundary.completePrefixCount(of: pending)
        if ready == 0 { return "" }
        let text = String(decoding: pending[..<ready], as: UTF8.self)
        pending.removeFirst(ready)
        return text
    }

    /// The rest of the text: U+FFFD for a character whose bytes never came, else empty.
    package mutating func flush() -> String {
        let text = String(decoding: pending, as: UTF8.self)
        pending.removeAll(keepingCapacity: true)
        return text
    }
}

/// Where a UTF-8 byte sequence may be cut without cutting a character.
enum UTF8Boundary {
    /// The number of leading bytes that no further byte can change the reading of.
    ///
    /// At most three trailing bytes are left out: a valid but unfinished beginning of a character.
    static func completePrefixCount(of bytes: [UInt8]) -> Int {
        let count = bytes.count
        var start = count - 1
        while start >= 0, start >= count - 3, bytes[start] & 0xC0 == 0x80 { start -= 1 }
        guard start >= 0, start >= count - 3 else { return count }
        let tail = bytes[start...]
        return isUnfinished(tail) ? start : count
    }

    private static func isUnfinished(_ tail: ArraySlice<UInt8>) -> Bool {
        guard let lead = tail.first else { return false }
        let length: Int
        switch lead {
        case 0xC2...0xDF: length = 2
        case 0xE0...0xEF: length = 3
        case 0xF0...0xF4: length = 4
        default: return false
        }
        if tail.count >= length { return false }
        guard let second = tail.dropFirst().first else { return true }
        switch lead {
        case 0xE0: return second >= 0xA0
        case 0xED: return second < 0xA0
        case 0xF0: return second >= 0x90
        case 0xF4: return second < 0x90
        default: return true
        }
    }
}
