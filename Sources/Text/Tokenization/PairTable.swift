// SPDX-License-Identifier: Apache-2.0

/// Finds what two neighbouring tokens merge into: a hash table with open addressing.
package struct PairTable: Sendable {
    private var keys: [UInt64]
    private var values: [Merge]
    private var mask: Int
    private let hash = SeededHash()
    private(set) var count = 0

    /// Creates an empty table.
    package init(capacity: Int) {
        var size = 16
        while size < capacity * 2 { size *= 2 }
        keys = Array(repeating: .max, count: size)
        values = Array(repeating: Merge(priority: .max, token: -1), count: size)
        mask = size - 1
    }

    /// Records a merge; of several for the same pair the first stays.
    ///
    /// - Precondition: no more merges than the capacity given at creation, and valid token ids.
    package mutating func insert(_ left: Int32, _ right: Int32, _ merge: Merge) {
        precondition(count * 2 < keys.count, "more merges than the table was made for")
        let key = Self.key(left, right)
        var slot = hash.of(key) & mask
        while keys[slot] != .max {
            if keys[slot] == key { return }
            slot = (slot + 1) & mask
        }
        keys[slot] = key
        values[slot] = merge
        count += 1
    }

    /// What the pair merges into, if it does.
    package func merge(_ left: Int32, _ right: Int32) -> Merge? {
        let key = Self.key(left, right)
        var slot = hash.of(key) & mask
        while keys[slot] != .max {
            if keys[slot] == key { return values[slot] }
            slot = (slot + 1) & mask
        }
        return nil
    }

    private static func key(_ left: Int32, _ right: Int32) -> UInt64 {
        UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
    }
}

extension PairTable {
    /// The merges of a list, first to last, by token ids.
    ///
    /// - Throws: `TokenizerError` for a merge of or into something that is no token.
    init(
        _ merges: [(left: String, right: String)], of table: TokenTable, file: String
    ) throws(TokenizerError) {
        guard merges.count <= VocabularyLimits.mergeCount else {
            throw .malformed(
                file: file, field: "merges",
                reason: "\(merges.count), more than \(VocabularyLimits.mergeCount)")
        }
        self.init(capacity: merges.count + 1)
        for (index, (left, right)) in merges.enumerated() {
            guard let leftToken = table.token(of: left), let rightToken = table.token(of: right),
                let token = table.token(of: left + right)
            else {
                throw .malformed(
                    file: file, field: "merge \(index)",
                    reason: "\(quoted(left)) and \(quoted(right)), or both joined, are no tokens")
            }
            insert(leftToken, rightToken, Merge(priority: UInt32(index), token: token))
        }
    }
}
