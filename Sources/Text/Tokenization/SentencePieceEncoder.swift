// SPDX-License-Identifier: Apache-2.0

/// BPE over the characters of the whole text with U+2581 for spaces, as SentencePiece does it.
struct SentencePieceEncoder<Rule: MergeRule & Sendable>: TextEncoder {
    /// The tokens that can be spelled out of characters.
    let table: TokenTable

    /// What merges.
    let rule: Rule

    /// Which characters stand side by side in any token; nothing merges across others.
    let neighbours: CharacterPairs

    /// What is done with the text before.
    let normalization: TextNormalization

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

    /// A client may write U+2581, of three bytes, for a space; a run of unknown characters is one
    /// token.
    var shrinkage: Int? {
        spaces.removesExtraSpaces || spaces.dropsWhitespace || !normalization.steps.isEmpty
            || byteTokens.isEmpty || byteTokens.contains(nil) ? nil : 3
    }

    /// None where `shrinkage` tells a bound.
    var isDropped: [Bool] { [] }

    func encode(_ text: [UInt8], isFirst: Bool, limit: Int, into tokens: inout [Int32]) {
        let normalized = normalization.apply(to: text, sparing: userDefined)
        let text = spaces.apply(to: normalized, isFirst: isFirst)
        let frozen = userDefined.matches(in: text, trusted: [])
        tokens.reserveCapacity(tokens.count + min(limit, text.count / 3))
        var merger = BytePairMerger()
        var isAfterUnknown = false
        var frozenIndex = 0
        var index = 0
        var last: UInt32 = 0
        while index < text.count {
            if frozenIndex < frozen.count, frozen[frozenIndex].bytes.lowerBound == index {
                let match = frozen[frozenIndex]
                finish(&merger, text, &isAfterUnknown, into: &tokens)
                tokens.append(match.token)
                isAfterUnknown = false
                frozenIndex += 1
                index = match.bytes.upperBound
                continue
            }
            if tokens.count > limit { return }
            let end = min(text.count, index + Self.characterLength(text[index]))
            let character = CharacterPairs.character(text[index..<end])
            // What cannot merge is encoded apart, which keeps the heap small.
            if merger.count > 0, !neighbours.contains(last, character) {
                finish(&merger, text, &isAfterUnknown, into: &tokens)
            } else if spaces.splitsWords, SpaceRule.isMark(text, at: index) {
                finish(&merger, text, &isAfterUnknown, into: &tokens)
            }
            if spaces.splitsWords, SpaceRule.isMark(text, at: index) { isAfterUnknown = false }
            let token = table.token(of: text, in: index..<end) ?? -1
            merger.append(MergeSymbol(token: token, bytes: index..<end))
            last = character
            index = end
        }
        finish(&merger, text, &isAfterUnknown, into: &tokens)
    }

    private static func characterLength(_ lead: UInt8) -> Int {
        lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4
    }

    private func finish(
        _ merger: inout BytePairMerger, _ text: [UInt8], _ isAfterUnknown: inout Bool,
        into tokens: inout [Int32]
    ) {
        var halves: [Int32: (MergeSymbol, MergeSymbol)] = [:]
        if unused.isEmpty {
            merger.merge(by: rule, in: text)
        } else {
            merger.merge(by: rule, in: text) { merge, left, right in
                if unused[Int(merge.token)] { halves[merge.token] = (left, right) }
            }
        }
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
