// SPDX-License-Identifier: Apache-2.0

/// BPE over the characters of the whole text with U+2581 for spaces, as SentencePiece does it.
struct SentencePieceEncoder<Rule: MergeRule & Sendable>: TextEncoder {
    /// The tokens that can be spelled out of characters.
    let table: TokenTable

    /// What merges.
    let rule: Rule

    /// How spaces are written.
    let spaces: SpaceRule

    /// Tokens that are found before anything else and never merge.
    let userDefined: AddedTokens

    /// The token of each byte, for characters without a token; empty without byte fallback.
    let byteTokens: [Int32?]

    /// Stands for what cannot be spelled otherwise; nil drops it.
    let unknown: Int32?

    /// Tokens that are split again after merging; all false in most vocabularies.
    let unused: [Bool]

    var addsLeadingSpace: Bool { spaces.prefix != .never }

    func encode(_ text: [UInt8], isFirst: Bool, into tokens: inout [Int32]) {
        let text = spaces.apply(to: text, isFirst: isFirst)
        let frozen = userDefined.matches(in: text, trusted: [])
        tokens.reserveCapacity(tokens.count + text.count / 3)
        var merger = BytePairMerger()
        var frozenIndex = 0
        var index = 0
        while index < text.count {
            if frozenIndex < frozen.count, frozen[frozenIndex].bytes.lowerBound == index {
                let match = frozen[frozenIndex]
                merger.append(MergeSymbol(token: match.token, bytes: match.bytes), isFrozen: true)
                frozenIndex += 1
                index = match.bytes.upperBound
                continue
            }
            if spaces.splitsWords, merger.count > 0, SpaceRule.isMark(text, at: index) {
                finish(&merger, text, into: &tokens)
            }
            let end = min(text.count, index + Self.characterLength(text[index]))
            let token = table.token(of: text, in: index..<end) ?? -1
            merger.append(MergeSymbol(token: token, bytes: index..<end))
            index = end
        }
        finish(&merger, text, into: &tokens)
    }

    private static func characterLength(_ lead: UInt8) -> Int {
        lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4
    }

    private func finish(
        _ merger: inout BytePairMerger, _ text: [UInt8], into tokens: inout [Int32]
    ) {
        var halves: [Int32: (MergeSymbol, MergeSymbol)] = [:]
        if unused.isEmpty {
            merger.merge(by: rule, in: text)
        } else {
            merger.merge(by: rule, in: text) { merge, left, right in
                if unused[Int(merge.token)] { halves[merge.token] = (left, right) }
            }
        }
        var isAfterUnknown = false
        merger.forEach { symbol in
            // An unused token becomes the two that it was made of, however deep.
            var rest = [symbol]
            while let symbol = rest.popLast() {
                if symbol.token >= 0, let (left, right) = halves[symbol.token] {
                    rest.append(right)
                    rest.append(left)
                } else {
                    append(symbol, text, &isAfterUnknown, into: &tokens)
                }
            }
        }
        merger.removeAll()
    }

    private func append(
        _ symbol: MergeSymbol, _ text: [UInt8], _ isAfterUnknown: inout Bool,
        into tokens: inout [Int32]
    ) {
        if symbol.token >= 0 {
            tokens.append(symbol.token)
            isAfterUnknown = false
            return
        }
        let bytes = byteTokens.isEmpty ? [] : symbol.bytes.compactMap { byteTokens[Int(text[$0])] }
        if bytes.count == symbol.bytes.count {
            tokens.append(contentsOf: bytes)
            isAfterUnknown = false
        } else {
            // A run of unknown characters is one token.
            if let unknown, !isAfterUnknown { tokens.append(unknown) }
            isAfterUnknown = true
        }
    }
}

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
        let space = UInt8(ascii: " ")
        var text = text[...]
        if removesExtraSpaces {
            text = text.drop { $0 == space }
            while text.last == space { text.removeLast() }
        }
        if text.isEmpty { return [] }
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
