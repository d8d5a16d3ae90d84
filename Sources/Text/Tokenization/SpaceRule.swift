// SPDX-License-Identifier: Apache-2.0

/// How SentencePiece writes the spaces of a text.
package struct SpaceRule: Hashable, Sendable {
    /// Where a space is put before a text.
    package enum Prefix: Sendable {
        /// Nowhere.
        case never
        /// At the beginning of the prompt.
        case first
        /// At the beginning and after every control token.
        case always
    }

    /// Where a space is put before a text.
    package var prefix: Prefix

    /// Whether that is left out for a text that begins with a space.
    package var sparesLeadingSpace = false

    /// Whether runs of spaces become one, and those at both ends none.
    package var removesExtraSpaces = false

    /// Whether a word ends before every space, so that no token has a space within.
    package var splitsWords = false

    /// Whether whitespace of any kind only parts words, each of which gets the space of `prefix`.
    package var dropsWhitespace = false

    /// Whether, as in SentencePiece, what is removed with the spaces at the end may be U+2581 as well,
    /// and the space of `prefix` comes before a text of which normalization left nothing.
    package var followsSentencePiece = false

    /// Creates a rule that differs from the common one only in the prefix.
    package init(prefix: Prefix) {
        self.prefix = prefix
    }

    /// U+2581, which stands for a space.
    static let mark: [UInt8] = [0xE2, 0x96, 0x81]

    static func isMark(_ text: [UInt8], at index: Int) -> Bool {
        index + 2 < text.count && text[index] == mark[0] && text[index + 1] == mark[1]
            && text[index + 2] == mark[2]
    }

    /// The text with its spaces written as U+2581.
    func apply(to text: [UInt8], isFirst: Bool) -> [UInt8] {
        guard dropsWhitespace else { return applyToWord(text, isFirst: isFirst) }
        let words = String(decoding: text, as: UTF8.self).unicodeScalars
            .split(whereSeparator: \.properties.isWhitespace)
        return words.flatMap { applyToWord(Array(Substring($0).utf8), isFirst: isFirst) }
    }

    private func applyToWord(_ text: [UInt8], isFirst: Bool) -> [UInt8] {
        let space = UInt8(ascii: " ")
        var text = text[...]
        if removesExtraSpaces {
            text = text.drop { $0 == space }
            while let last = text.last {
                if last == space {
                    text.removeLast()
                } else if followsSentencePiece, text.count > 2, text.suffix(3) == Self.mark[...] {
                    text.removeLast(3)
                } else {
                    break
                }
            }
        }
        if text.isEmpty {
            let isPrefixed = prefix == .always || (prefix == .first && isFirst)
            return followsSentencePiece && !removesExtraSpaces && isPrefixed ? Self.mark : []
        }
        var result: [UInt8] = []
        result.reserveCapacity(text.count + text.count / 2)
        let isPrefixed = prefix == .always || (prefix == .first && isFirst)
        let isSpared = sparesLeadingSpace && startsWithSpace(text)
        if isPrefixed, !isSpared { result += Self.mark }
        var isAfterSpace = false
        for byte in text {
            if byte == space {
                if removesExtraSpaces, isAfterSpace { continue }
                result += Self.mark
            } else {
                result.append(byte)
            }
            isAfterSpace = byte == space
        }
        return result
    }

    private func startsWithSpace(_ text: ArraySlice<UInt8>) -> Bool {
        text.first == UInt8(ascii: " ") || text.starts(with: Self.mark)
    }
}
