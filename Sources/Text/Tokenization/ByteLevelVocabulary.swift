// SPDX-License-Identifier: Apache-2.0

/// A byte-level BPE vocabulary with a list of merges, whichever file it was read from.
package struct ByteLevelVocabulary: Sendable {
    /// Where it was read, for messages.
    package var file: String
    /// The spelling of every token in GPT-2's alphabet; added tokens are spelled as they are.
    package var pieces: [String]
    /// What every token is for.
    package var kinds: [TokenKind]
    /// The merges, first to last, as a function of the index; each is two pieces.
    package var merges: [(left: String, right: String)]
    /// The ids with a meaning of their own.
    package var special: SpecialTokens
    /// How words are split.
    package var preTokenizer: PreTokenizer
    /// Whether a word that is a token is not merged.
    package var ignoresMerges = false
    /// Whether a space is put before a text.
    package var addsPrefixSpace = false
    /// Whether text is brought into normalization form C first.
    package var composes = false
    /// The tokens that are matched as a whole; those of the kinds if nil.
    package var addedTokens: [AddedTokens.Token]?

    /// Creates a vocabulary.
    package init(
        file: String, pieces: [String], kinds: [TokenKind],
        merges: [(left: String, right: String)], special: SpecialTokens, preTokenizer: PreTokenizer
    ) {
        self.file = file
        self.pieces = pieces
        self.kinds = kinds
        self.merges = merges
        self.special = special
        self.preTokenizer = preTokenizer
    }

    /// Builds the tokenizer.
    ///
    /// - Returns: a tokenizer with the ids of GPT-2's algorithm.
    /// - Throws: `TokenizerError` for a merge of or into something that is no token.
    package func tokenizer() throws(TokenizerError) -> VocabularyTokenizer {
        try VocabularyLimits.check(pieces, kinds, added: addedTokens, file: file)
        var texts = ByteStrings()
        for (index, piece) in pieces.enumerated() {
            texts.append(Self.text(of: piece, kinds[index]))
        }
        let kinds = self.kinds
        let spellings = ByteStrings(pieces)
        let bySpelling = TokenTable(spellings) { kinds[$0] != .control }
        let byText = TokenTable(texts) { kinds[$0] == .normal }
        let byteTokens = (0..<256).map { byText.token(of: [UInt8($0)], in: 0..<1) }
        let rule = PairMergeRule(table: try PairTable(merges, of: bySpelling, file: file))
        let encoder = ByteLevelEncoder(
            preTokenizer: preTokenizer, rule: rule, byteTokens: byteTokens,
            wholeWords: ignoresMerges ? byText : nil, addsPrefixSpace: addsPrefixSpace,
            composes: composes)
        let vocabulary = Vocabulary(
            pieces: spellings, texts: texts, kinds: kinds, special: special)
        return VocabularyTokenizer(
            vocabulary: vocabulary, addedTokens: addedTokens, encoder: encoder)
    }

    private static func text(of piece: String, _ kind: TokenKind) -> [UInt8] {
        switch kind {
        case .control: []
        case .userDefined, .unknown: Array(piece.utf8)
        case .normal, .unused, .byte: ByteLevelAlphabet.decode(piece) ?? Array(piece.utf8)
        }
    }
}
