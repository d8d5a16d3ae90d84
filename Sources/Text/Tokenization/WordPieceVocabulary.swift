// SPDX-License-Identifier: Apache-2.0

/// A WordPiece vocabulary, whichever file it was read from.
package struct WordPieceVocabulary: Sendable {
    /// How a file tells pieces that begin words from those that go on with them.
    package enum Marking: Sendable, Equatable {
        /// What stands before those that go on with a word, such as `##`.
        case continuing(String)
        /// What stands before those that begin a word, as in GGUF files.
        case beginning(String)
    }

    /// Where it was read, for messages.
    package var file: String
    /// The spelling of every token.
    package var pieces: [String]
    /// What every token is for.
    package var kinds: [TokenKind]
    /// The ids with a meaning of their own.
    package var special: SpecialTokens
    /// How pieces that begin words are told from others.
    package var marking = Marking.continuing("##")
    /// How texts become words.
    package var normalizer = BertNormalizer()
    /// The most characters of a word.
    package var maxWordCharacterCount = 100
    /// The tokens that are matched as a whole; those of the kinds if nil.
    package var addedTokens: [AddedTokens.Token]?

    /// Creates a vocabulary.
    package init(file: String, pieces: [String], kinds: [TokenKind], special: SpecialTokens) {
        self.file = file
        self.pieces = pieces
        self.kinds = kinds
        self.special = special
    }

    /// Builds the tokenizer.
    ///
    /// - Throws: `TokenizerError` where nothing stands for words that cannot be spelled.
    package func tokenizer() throws(TokenizerError) -> VocabularyTokenizer {
        try VocabularyLimits.check(pieces, kinds, added: addedTokens, file: file)
        guard let unknown = special.unknown else {
            throw .malformed(
                file: file, field: "unk_token", reason: "a WordPiece vocabulary needs one")
        }
        var texts = ByteStrings()
        var trie = PieceTrie()
        for (index, piece) in pieces.enumerated() {
            let (bytes, beginsWord) = part(piece)
            if kinds[index] == .control || kinds[index] == .unknown {
                texts.append([])
            } else {
                texts.append((beginsWord ? [0x20] : []) + bytes)
            }
            // Special tokens are in the vocabulary, too: BERT's own are never words.
            trie.insert(bytes, token: Int32(index), beginsWord: beginsWord)
        }
        let encoder = WordPieceEncoder(
            normalizer: normalizer, pieces: trie, unknown: unknown,
            maxWordCharacterCount: maxWordCharacterCount)
        let vocabulary = Vocabulary(
            pieces: ByteStrings(pieces), texts: texts, kinds: kinds, special: special)
        return VocabularyTokenizer(
            vocabulary: vocabulary, addedTokens: addedTokens, encoder: encoder)
    }

    /// The text of a piece, and whether it begins a word.
    private func part(_ piece: String) -> (bytes: [UInt8], beginsWord: Bool) {
        let bytes = Array(piece.utf8)
        switch marking {
        case .continuing(let mark):
            let prefix = Array(mark.utf8)
            guard bytes.count > prefix.count, bytes.starts(with: prefix) else {
                return (bytes, true)
            }
            return (Array(bytes.dropFirst(prefix.count)), false)
        case .beginning(let mark):
            let prefix = Array(mark.utf8)
            guard bytes.count > prefix.count, bytes.starts(with: prefix) else {
                return (bytes, false)
            }
            return (Array(bytes.dropFirst(prefix.count)), true)
        }
    }
}
