// SPDX-License-Identifier: Apache-2.0

/// Splits each word into the longest pieces that a vocabulary has, from left to right.
///
/// - Complexity: O(n·m) for a text of n bytes and a longest piece of m bytes.
struct WordPieceEncoder: TextEncoder {
    /// How texts become words.
    let normalizer: BertNormalizer
    /// The pieces that begin words, and those that go on with them.
    let pieces: WordPieceTrie
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

/// The pieces of a vocabulary, found by their bytes from the first to the last.
struct WordPieceTrie: Sendable {
    /// The nodes by the node before them and a byte: open addressing, 0 where there is none.
    private var slots: [(key: UInt64, node: Int32)]
    private var mask: Int
    private var nodeCount: Int32 = 2
    /// The piece that ends at each node; -1 for none.
    private var endings: [Int32] = [-1, -1]

    private static let first: Int32 = 0
    private static let further: Int32 = 1

    /// Room for the pieces of a vocabulary.
    ///
    /// - Parameter byteCount: of all pieces together.
    init(byteCount: Int) {
        var capacity = 64
        while capacity < 2 * byteCount { capacity *= 2 }
        slots = Array(repeating: (0, 0), count: capacity)
        mask = capacity - 1
    }

    /// Adds a piece; of those spelled alike the last is found.
    mutating func insert(_ bytes: some Sequence<UInt8>, token: Int32, beginsWord: Bool) {
        var node = beginsWord ? Self.first : Self.further
        for byte in bytes {
            let (slot, found) = slot(of: node, byte)
            if found {
                node = slots[slot].node
            } else {
                slots[slot] = (Self.key(node, byte), nodeCount)
                node = nodeCount
                nodeCount += 1
                endings.append(-1)
            }
        }
        if node > Self.further { endings[Int(node)] = token }
    }

    /// The longest piece that a word has at a place.
    func longest(
        of word: [UInt8], from start: Int, beginsWord: Bool
    ) -> (token: Int32, byteCount: Int)? {
        var node = beginsWord ? Self.first : Self.further
        var best: (token: Int32, byteCount: Int)?
        for index in start..<word.count {
            let (slot, found) = slot(of: node, word[index])
            guard found else { break }
            node = slots[slot].node
            if endings[Int(node)] >= 0 { best = (endings[Int(node)], index + 1 - start) }
        }
        return best
    }

    /// Keys are not 0, since a slot with key 0 is free.
    private static func key(_ node: Int32, _ byte: UInt8) -> UInt64 {
        UInt64(UInt32(bitPattern: node)) << 8 | UInt64(byte) | 1 << 40
    }

    private func slot(of node: Int32, _ byte: UInt8) -> (index: Int, found: Bool) {
        let key = Self.key(node, byte)
        var slot = Int(truncatingIfNeeded: (key &* 0x9E37_79B9_7F4A_7C15) >> 20) & mask
        while slots[slot].key != 0 {
            if slots[slot].key == key { return (slot, true) }
            slot = (slot + 1) & mask
        }
        return (slot, false)
    }
}
