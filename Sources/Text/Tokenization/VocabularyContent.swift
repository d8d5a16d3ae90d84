// SPDX-License-Identifier: Apache-2.0

/// A vocabulary as its file states it, before anything is built for encoding.
package enum VocabularyContent: Sendable {
    /// BPE of characters.
    case sentencePiece(SentencePieceVocabulary)
    /// BPE of bytes with a list of merges.
    case byteLevel(ByteLevelVocabulary)
    /// BPE of bytes by rank.
    case ranked(RankedVocabulary)

    /// Builds the tokenizer.
    ///
    /// - Returns: the tokenizer.
    /// - Throws: `TokenizerError` for content that contradicts itself.
    package func tokenizer() throws(TokenizerError) -> VocabularyTokenizer {
        switch self {
        case .sentencePiece(let vocabulary): try vocabulary.tokenizer()
        case .byteLevel(let vocabulary): try vocabulary.tokenizer()
        case .ranked(let vocabulary): try vocabulary.tokenizer()
        }
    }
}
