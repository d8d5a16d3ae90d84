// SPDX-License-Identifier: Apache-2.0

/// A vocabulary as its file states it, before anything is built for encoding.
package enum VocabularyContent: Sendable {
    /// BPE of characters, or Unigram.
    case sentencePiece(SentencePieceVocabulary)
    /// BPE of bytes with a list of merges.
    case byteLevel(ByteLevelVocabulary)
    /// BPE of bytes by rank.
    case ranked(RankedVocabulary)
    /// Whole words and pieces of words.
    case wordPiece(WordPieceVocabulary)

    /// Builds the tokenizer.
    ///
    /// - Returns: the tokenizer.
    /// - Throws: `TokenizerError` for content that contradicts itself.
    package func tokenizer() throws(TokenizerError) -> VocabularyTokenizer {
        switch self {
        case .sentencePiece(let vocabulary): try vocabulary.tokenizer()
        case .byteLevel(let vocabulary): try vocabulary.tokenizer()
        case .ranked(let vocabulary): try vocabulary.tokenizer()
        case .wordPiece(let vocabulary): try vocabulary.tokenizer()
        }
    }

    /// The number of tokens.
    package var count: Int {
        switch self {
        case .sentencePiece(let vocabulary): vocabulary.pieces.count
        case .byteLevel(let vocabulary): vocabulary.pieces.count
        case .ranked(let vocabulary): vocabulary.specialNames.count + vocabulary.ranked.count
        case .wordPiece(let vocabulary): vocabulary.pieces.count
        }
    }

    /// Leaves out the tokens behind the first `rowCount`, unless there is ordinary text among them.
    ///
    /// - Returns: the names of those that were left out.
    package mutating func removeAddedTokens(beyond rowCount: Int) -> [String] {
        func isAdded(_ kind: TokenKind) -> Bool {
            [.control, .userDefined, .unused].contains(kind)
        }
        guard count > rowCount else { return [] }
        switch self {
        case .sentencePiece(var vocabulary):
            guard vocabulary.kinds[rowCount...].allSatisfy(isAdded) else { return [] }
            let removed = vocabulary.pieces[rowCount...].filter { !$0.isEmpty }
            vocabulary.pieces.removeLast(vocabulary.pieces.count - rowCount)
            vocabulary.kinds.removeLast(vocabulary.kinds.count - rowCount)
            if case .scores(let scores) = vocabulary.order {
                vocabulary.order = .scores(Array(scores.prefix(rowCount)))
            } else if case .unigram(let scores, let roundsSums) = vocabulary.order {
                vocabulary.order = .unigram(
                    Array(scores.prefix(rowCount)), roundsSums: roundsSums)
            }
            vocabulary.addedTokens?.removeAll { $0.id >= rowCount }
            vocabulary.outerTokens.removeAll { $0.id >= rowCount }
            vocabulary.special.remove(beyond: rowCount)
            self = .sentencePiece(vocabulary)
            return removed
        case .byteLevel(var vocabulary):
            guard vocabulary.kinds[rowCount...].allSatisfy(isAdded) else { return [] }
            let removed = vocabulary.pieces[rowCount...].filter { !$0.isEmpty }
            vocabulary.pieces.removeLast(vocabulary.pieces.count - rowCount)
            vocabulary.kinds.removeLast(vocabulary.kinds.count - rowCount)
            vocabulary.addedTokens?.removeAll { $0.id >= rowCount }
            vocabulary.special.remove(beyond: rowCount)
            self = .byteLevel(vocabulary)
            return removed
        case .wordPiece(var vocabulary):
            guard vocabulary.kinds[rowCount...].allSatisfy(isAdded) else { return [] }
            let removed = vocabulary.pieces[rowCount...].filter { !$0.isEmpty }
            vocabulary.pieces.removeLast(vocabulary.pieces.count - rowCount)
            vocabulary.kinds.removeLast(vocabulary.kinds.count - rowCount)
            vocabulary.addedTokens?.removeAll { $0.id >= rowCount }
            vocabulary.special.remove(beyond: rowCount)
            self = .wordPiece(vocabulary)
            return removed
        case .ranked(var vocabulary):
            guard vocabulary.hasSpecialsLast, vocabulary.ranked.count <= rowCount else { return [] }
            let kept = rowCount - vocabulary.ranked.count
            let removed = Array(vocabulary.specialNames[kept...])
            vocabulary.specialNames.removeLast(removed.count)
            vocabulary.special.remove(beyond: rowCount)
            self = .ranked(vocabulary)
            return removed
        }
    }
}

extension SpecialTokens {
    fileprivate mutating func remove(beyond count: Int) {
        func kept(_ id: Int32?) -> Int32? { id.flatMap { $0 < count ? $0 : nil } }
        bos = kept(bos)
        eos = kept(eos)
        unknown = kept(unknown)
        stops = stops.filter { $0 < count }
    }
}
