// SPDX-License-Identifier: Apache-2.0

/// A set of pairs of neighbouring characters: a hash table with open addressing.
struct CharacterPairs: Sendable {
    private var keys: [UInt64]
    private let mask: Int
    private let hash = SeededHash()

    /// The pairs that stand side by side inside any of the strings.
    init(inside strings: some Sequence<String>) {
        var pairs: Set<UInt64> = []
        for string in strings {
            var last: UInt32?
            for scalar in string.unicodeScalars {
                let character = Self.character(UTF8.encode(scalar).map(Array.init) ?? [])
                if let last { pairs.insert(Self.key(last, character)) }
                last = character
            }
        }
        var capacity = 16
        while capacity < pairs.count * 2 { capacity *= 2 }
        keys = Array(repeating: 0, count: capacity)
        mask = capacity - 1
        for key in pairs {
            var slot = hash.of(key) & mask
            while keys[slot] != 0 { slot = (slot + 1) & mask }
            keys[slot] = key
        }
    }

    /// A character's UTF-8 bytes as one number.
    static func character(_ bytes: some Collection<UInt8>) -> UInt32 {
        bytes.reduce(0) { $0 << 8 | UInt32($1) }
    }

    func contains(_ first: UInt32, _ second: UInt32) -> Bool {
        let key = Self.key(first, second)
        var slot = hash.of(key) & mask
        while keys[slot] != 0 {
            if keys[slot] == key { return true }
            slot = (slot + 1) & mask
        }
        return key == 0
    }

    private static func key(_ first: UInt32, _ second: UInt32) -> UInt64 {
        UInt64(first) << 32 | UInt64(second)
    }
}
