// SPDX-License-Identifier: Apache-2.0

/// Bounds on what tokenizer files may ask for, far above any published one.
enum VocabularyLimits {
    /// Published files have up to 40 MB.
    static let fileByteCount = 128 << 20
    /// Published vocabularies have up to 262,144 tokens.
    static let tokenCount = 1 << 21
    /// Published vocabularies have up to 600,000 merges.
    static let mergeCount = 1 << 23
    /// The spellings of all tokens together.
    static let spellingByteCount = 64 << 20
    /// The spellings of control and user-defined tokens together, of which a trie is made.
    static let addedByteCount = 2 << 20

    /// Checks a vocabulary before tables are made of it.
    ///
    /// - Throws: `TokenizerError.malformed` if it is too large.
    static func check(
        _ pieces: [String], _ kinds: [TokenKind], added: [AddedTokens.Token]?, file: String
    ) throws(TokenizerError) {
        guard pieces.count == kinds.count else {
            throw .malformed(
                file: file, field: "token types",
                reason: "\(kinds.count) for \(pieces.count) tokens")
        }
        guard pieces.count <= tokenCount else {
            throw .malformed(
                file: file, field: "tokens", reason: "\(pieces.count), more than \(tokenCount)")
        }
        var byteCount = 0
        var addedCount = added?.reduce(0) { $0 + $1.spelling.utf8.count } ?? 0
        for (index, piece) in pieces.enumerated() {
            byteCount += piece.utf8.count
            if added == nil, [.control, .userDefined, .unknown].contains(kinds[index]) {
                addedCount += piece.utf8.count
            }
        }
        guard byteCount <= spellingByteCount, addedCount <= addedByteCount else {
            throw .malformed(
                file: file, field: "tokens",
                reason: "\(byteCount) bytes, \(addedCount) of them in special tokens, are too many")
        }
    }
}
