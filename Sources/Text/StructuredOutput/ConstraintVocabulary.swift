// SPDX-License-Identifier: Apache-2.0

package import Tokenization

/// A vocabulary as constraints need it: its tokens' bytes as a tree, and its end tokens.
///
/// Prepared once for each model and shared by all constraints, with the masks that depend on no
/// constraint, such as that of a string without rules.
package final class ConstraintVocabulary: Sendable {
    /// Tokens of more bytes are never allowed.
    static let maxTokenByteCount = 4096

    /// The tokens' text and back.
    package let tokenizer: any Tokenizer

    /// The number of ids.
    package let tokenCount: Int

    /// The ids that end an answer, ascending.
    package let endTokens: [Int32]

    /// All tokens that have bytes.
    let trie: TokenTrie

    /// The bytes of all tokens, one after the other.
    let storage: [UInt8]

    /// Where each token's bytes begin, and the end of the last.
    private let starts: [Int32]

    /// What scanners that many constraints have in common allow.
    let sharedMasks = ScannerMaskCache(maxBytes: 64 << 20)

    /// Prepares a vocabulary, which takes tens of milliseconds.
    package init(_ tokenizer: any Tokenizer) {
        self.tokenizer = tokenizer
        tokenCount = tokenizer.vocabularyCount
        endTokens = tokenizer.eosTokenIDs.filter { $0 >= 0 && Int($0) < tokenizer.vocabularyCount }
            .sorted()
        var storage: [UInt8] = []
        var starts: [Int32] = [0]
        starts.reserveCapacity(tokenCount + 1)
        var spellings: [TokenTrie.Spelling] = []
        spellings.reserveCapacity(tokenCount)
        let ends = Set(endTokens)
        for token in 0..<Int32(tokenCount) {
            let start = storage.count
            if !tokenizer.isControl(token), !ends.contains(token) {
                tokenizer.append(bytesOf: token, to: &storage)
                if storage.count - start > Self.maxTokenByteCount {
                    storage.removeLast(storage.count - start)
                }
            }
            starts.append(Int32(storage.count))
        }
        for token in 0..<tokenCount where starts[token + 1] > starts[token] {
            spellings.append(
                TokenTrie.Spelling(
                    token: Int32(token), start: Int(starts[token]),
                    count: Int(starts[token + 1] - starts[token]), in: storage))
        }
        trie = TokenTrie(spellings, in: storage)
        self.storage = storage
        self.starts = starts
    }

    /// Where the bytes of a token lie in ``storage``; empty for control and end tokens and for ids
    /// that do not exist.
    func range(of token: Int32) -> Range<Int> {
        guard token >= 0, Int(token) < tokenCount else { return 0..<0 }
        return Int(starts[Int(token)])..<Int(starts[Int(token) + 1])
    }

    /// The length of the longest token.
    var longestTokenByteCount: Int { trie.depth }

    /// Whether a token ends an answer.
    package func isEnd(_ token: Int32) -> Bool { endTokens.contains(token) }

    /// About how many bytes the tree takes.
    package var byteCount: Int {
        trie.byteCount + storage.count + starts.count * MemoryLayout<Int32>.stride
    }
}
