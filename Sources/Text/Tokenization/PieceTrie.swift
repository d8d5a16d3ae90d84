// SPDX-License-Identifier: Apache-2.0

/// The pieces of a vocabulary, found by their bytes from the first to the last.
struct PieceTrie: Sendable {
    /// The nodes by the node before them and a byte: open addressing, 0 where there is none.
    private var slots: [(key: UInt64, node: Int32)]
    private var mask: Int
    /// The piece that ends at each node; -1 for none.
    private var endings: [Int32] = [-1, -1]

    private static let first: Int32 = 0
    private static let further: Int32 = 1

    /// A trie without pieces.
    init() {
        mask = 63
        slots = Array(repeating: (0, 0), count: mask + 1)
    }

    /// Adds a piece; of those spelled alike the last is found.
    mutating func insert(_ bytes: some Sequence<UInt8>, token: Int32, beginsWord: Bool = true) {
        var node = beginsWord ? Self.first : Self.further
        for byte in bytes {
            let (slot, found) = slot(of: node, byte)
            if found {
                node = slots[slot].node
                continue
            }
            let next = Int32(endings.count)
            slots[slot] = (Self.key(node, byte), next)
            endings.append(-1)
            node = next
            if 2 * endings.count > slots.count { grow() }
        }
        if node > Self.further { endings[Int(node)] = token }
    }

    private mutating func grow() {
        let old = slots
        mask = 2 * old.count - 1
        slots = Array(repeating: (0, 0), count: mask + 1)
        for entry in old where entry.key != 0 { slots[slot(of: entry.key).index] = entry }
    }

    /// The longest piece that a word has at a place.
    func longest(
        of word: [UInt8], from start: Int, beginsWord: Bool
    ) -> (token: Int32, byteCount: Int)? {
        var best: (token: Int32, byteCount: Int)?
        forEachPiece(of: word, from: start, before: word.count, beginsWord: beginsWord) {
            best = ($0, $1)
        }
        return best
    }

    /// Calls a function with each piece that a text has at a place, the shortest first, and its size
    /// in bytes.
    func forEachPiece(
        of text: [UInt8], from start: Int, before end: Int, beginsWord: Bool = true,
        _ body: (_ token: Int32, _ byteCount: Int) -> Void
    ) {
        var node = beginsWord ? Self.first : Self.further
        for index in start..<end {
            let (slot, found) = slot(of: node, text[index])
            guard found else { break }
            node = slots[slot].node
            if endings[Int(node)] >= 0 { body(endings[Int(node)], index + 1 - start) }
        }
    }

    /// Keys are not 0, since a slot with key 0 is free.
    private static func key(_ node: Int32, _ byte: UInt8) -> UInt64 {
        UInt64(UInt32(bitPattern: node)) << 8 | UInt64(byte) | 1 << 40
    }

    private func slot(of node: Int32, _ byte: UInt8) -> (index: Int, found: Bool) {
        slot(of: Self.key(node, byte))
    }

    private func slot(of key: UInt64) -> (index: Int, found: Bool) {
        var slot = Int(truncatingIfNeeded: (key &* 0x9E37_79B9_7F4A_7C15) >> 20) & mask
        while slots[slot].key != 0 {
            if slots[slot].key == key { return (slot, true) }
            slot = (slot + 1) & mask
        }
        return (slot, false)
    }
}
