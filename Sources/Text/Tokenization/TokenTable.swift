// SPDX-License-Identifier: Apache-2.0

/// Finds the token of a byte string: a hash table with open addressing over `ByteStrings`.
package struct TokenTable: Sendable {
    private let strings: ByteStrings
    private var slots: [Int32]
    private let mask: Int
    private let hash = SeededHash()
    private(set) var longestByteCount = 0

    /// Creates a table of some of the strings; of equal strings the first is found.
    ///
    /// - Parameters:
    ///   - strings: the spelling of every token, by id.
    ///   - isIncluded: whether the token of that id can be found.
    package init(_ strings: ByteStrings, where isIncluded: (Int) -> Bool = { _ in true }) {
        self.strings = strings
        var capacity = 16
        while capacity < strings.count * 2 { capacity *= 2 }
        slots = Array(repeating: -1, count: capacity)
        mask = capacity - 1
        for index in 0..<strings.count where isIncluded(index) {
            insert(index)
        }
    }

    private mutating func insert(_ index: Int) {
        let range = strings.range(of: index)
        if range.isEmpty { return }
        longestByteCount = max(longestByteCount, range.count)
        var slot = hash.of(strings.storage, range) & mask
        while slots[slot] >= 0 {
            if matches(Int(slots[slot]), strings.storage, range) { return }
            slot = (slot + 1) & mask
        }
        slots[slot] = Int32(index)
    }

    /// The token that is spelled like `bytes[range]`, if there is one; O(range.count).
    package func token(of bytes: [UInt8], in range: Range<Int>) -> Int32? {
        if range.isEmpty || range.count > longestByteCount { return nil }
        var slot = hash.of(bytes, range) & mask
        while slots[slot] >= 0 {
            if matches(Int(slots[slot]), bytes, range) { return slots[slot] }
            slot = (slot + 1) & mask
        }
        return nil
    }

    /// The token of that spelling, if there is one.
    package func token(of text: String) -> Int32? {
        let bytes = Array(text.utf8)
        return token(of: bytes, in: 0..<bytes.count)
    }

    private func matches(_ index: Int, _ bytes: [UInt8], _ range: Range<Int>) -> Bool {
        let own = strings.range(of: index)
        if own.count != range.count { return false }
        for offset in 0..<own.count
        where strings.storage[own.lowerBound + offset] != bytes[range.lowerBound + offset] {
            return false
        }
        return true
    }
}
