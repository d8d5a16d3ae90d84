// SPDX-License-Identifier: Apache-2.0

/// Byte-level BPE: words from a pre-tokenizer, each merged from its bytes.
struct ByteLevelEncoder<Rule: MergeRule & Sendable>: TextEncoder {
    /// Splits the text into words.
    let preTokenizer: PreTokenizer

    /// What merges.
    let rule: Rule

    /// The token of every single byte; nil for a byte that the vocabulary lacks, which is dropped.
    let byteTokens: [Int32?]

    /// Finds a word that is a token as it is and is not merged then; nil to merge every word.
    let wholeWords: TokenTable?

    /// Whether a space is put before a text that does not begin with whitespace.
    let addsPrefixSpace: Bool

    /// Whether text is brought into Unicode normalization form C.
    let composes: Bool

    /// Decoding is exact: what was encoded is what comes back.
    var addsLeadingSpace: Bool { false }

    /// Composition makes one byte of at most three, or three of eight.
    ///
    /// What it makes of bytes that have tokens may be bytes that have none.
    var shrinkage: Int? { !composes ? 1 : isDropped.isEmpty ? 4 : nil }

    var isDropped: [Bool] { byteTokens.contains(nil) ? byteTokens.map { $0 == nil } : [] }

    func encode(_ text: [UInt8], isFirst: Bool, limit: Int, into tokens: inout [Int32]) {
        var text = composes ? CanonicalComposition.compose(text) : text
        if addsPrefixSpace, text.first != UInt8(ascii: " ") {
            text.insert(UInt8(ascii: " "), at: 0)
        }
        let classified = ClassifiedText(text)
        var merger = BytePairMerger()
        tokens.reserveCapacity(tokens.count + min(limit, text.count / 4))
        for word in preTokenizer.words(of: classified) {
            encode(classified.byteRange(word), of: text, &merger, into: &tokens)
            if tokens.count > limit { return }
        }
    }

    private func encode(
        _ word: Range<Int>, of text: [UInt8], _ merger: inout BytePairMerger,
        into tokens: inout [Int32]
    ) {
        if word.count == 1 {
            if let token = byteTokens[Int(text[word.lowerBound])] { tokens.append(token) }
            return
        }
        if let token = wholeWords?.token(of: text, in: word) {
            tokens.append(token)
            return
        }
        merger.removeAll()
        for index in word {
            guard let token = byteTokens[Int(text[index])] else { continue }
            merger.append(MergeSymbol(token: token, bytes: index..<index + 1))
        }
        merger.merge(by: rule, in: text)
        merger.forEach { tokens.append($0.token) }
    }
}
