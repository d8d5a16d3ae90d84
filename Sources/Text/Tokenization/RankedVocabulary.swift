// SPDX-License-Identifier: Apache-2.0

/// A byte-level BPE vocabulary by rank, as tiktoken has it.
///
/// Whatever makes a token merges, lowest rank first. Special tokens have the first ids, or the last.
package struct RankedVocabulary: Sendable {
    /// Where it was read, for messages.
    package var file: String
    /// The names of the special tokens, in the order of their ids.
    package var specialNames: [String]
    /// Whether the ids of special tokens follow those of the others, instead of preceding them.
    package var hasSpecialsLast = false
    /// The special tokens that are text as well, such as `<think>`; the others are control tokens.
    package var specialTexts: Set<String> = []
    /// The bytes of every other token, by rank.
    package var ranked: ByteStrings
    /// The ids with a meaning of their own.
    package var special: SpecialTokens
    /// How words are split.
    package var preTokenizer: PreTokenizer
    /// The version that the file states of itself, such as `v3`.
    package var version: String?

    /// How much the model reasons where a request does not say, as the file has it.
    package var reasoningEffort: String?

    /// Creates a vocabulary.
    package init(
        file: String, specialNames: [String], ranked: ByteStrings, special: SpecialTokens,
        preTokenizer: PreTokenizer
    ) {
        self.file = file
        self.specialNames = specialNames
        self.ranked = ranked
        self.special = special
        self.preTokenizer = preTokenizer
    }

    /// Builds the tokenizer.
    ///
    /// - Returns: a tokenizer with tiktoken's ids.
    /// - Throws: `TokenizerError` if a byte has no token or there are too many tokens.
    package func tokenizer() throws(TokenizerError) -> VocabularyTokenizer {
        var pieces = ByteStrings()
        var texts = ByteStrings()
        var kinds: [TokenKind] = []
        func appendSpecials() {
            for name in specialNames {
                let isText = specialTexts.contains(name)
                pieces.append(name.utf8)
                texts.append(isText ? Array(name.utf8) : [])
                kinds.append(isText ? .userDefined : .control)
            }
        }
        if !hasSpecialsLast { appendSpecials() }
        for index in 0..<ranked.count {
            pieces.append(ranked[index])
            texts.append(ranked[index])
            kinds.append(.normal)
        }
        if hasSpecialsLast { appendSpecials() }
        let table = TokenTable(texts) { [kinds] in kinds[$0] == .normal }
        let byteTokens = (0..<256).map { table.token(of: [UInt8($0)], in: 0..<1) }
        if let byte = byteTokens.firstIndex(of: nil) {
            throw .malformed(file: file, field: "vocab", reason: "byte \(byte) has no token")
        }
        let encoder = ByteLevelEncoder(
            preTokenizer: preTokenizer,
            rule: PieceMergeRule(table: table, priorities: (0..<kinds.count).map(UInt32.init)),
            byteTokens: byteTokens, wholeWords: table, addsPrefixSpace: false, composes: false)
        let vocabulary = Vocabulary(pieces: pieces, texts: texts, kinds: kinds, special: special)
        return VocabularyTokenizer(vocabulary: vocabulary, encoder: encoder)
    }
}
