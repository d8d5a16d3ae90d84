// SPDX-License-Identifier: Apache-2.0

/// Splits each word into the longest pieces that a vocabulary has, from left to right.
///
/// - Complexity: O(n·m) for a text of n bytes and a longest piece of m bytes.
struct WordPieceEncoder: TextEncoder {
    /// How texts become words.
    let normalizer: BertNormalizer
    /// The pieces that begin words, and those that go on with them.
    let pieces: PieceTrie
    /// What stands for a word that cannot be spelled.
    let unknown: Int32
    /// The most characters of a word; longer ones cannot be spelled.
    let maxWordCharacterCount: Int

    var addsLeadingSpace: Bool { true }
    var shrinkage: Int? { nil }
    var isDropped: [Bool] { [] }

    func encode(_ text: [UInt8], isFirst: Bool, limit: Int, into tokens: inout [Int32]) {
        normalizer.forEachWord(of: text) { word, characterCount in
            let before = tokens.count
            if characterCount > maxWordCharacterCount || !append(word, to: &tokens) {
                tokens.removeLast(tokens.count - before)
                tokens.append(unknown)
            }
            return tokens.count <= limit
        }
    }

    /// Appends the pieces of a word; some of them only, where it cannot be spelled.
    private func append(_ word: [UInt8], to tokens: inout [Int32]) -> Bool {
        var start = 0
        while start < word.count {
            guard let piece = pieces.longest(of: word, from: start, beginsWord: start == 0) else {
                return false
            }
            tokens.append(piece.token)
            start += piece.byteCount
        }
        return true
    }
}
