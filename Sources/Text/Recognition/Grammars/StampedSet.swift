// SPDX-License-Identifier: Apache-2.0

/// A set of words that is emptied in constant time.
struct StampedSet {
    private var keys = [UInt64](repeating: 0, count: 64)
    private var stamps = [UInt32](repeating: 0, count: 64)
    private var stamp: UInt32 = 1
    private var count = 0

    /// Empties the set.
    mutating func removeAll() {
        count = 0
        if stamp == .max {
            for index in stamps.indices { stamps[index] = 0 }
            stamp = 0
        }
        stamp += 1
    }

    /// Adds a word; false where it is in the set.
    mutating func insert(_ key: UInt64) -> Bool {
        let mask = keys.count - 1
        var slot = Int(truncatingIfNeeded: InternTable.mixed(0, key)) & mask
        while stamps[slot] == stamp {
            if keys[slot] == key { return false }
            slot = (slot + 1) & mask
        }
        keys[slot] = key
        stamps[slot] = stamp
        count += 1
        if count * 2 > keys.count { grow() }
        return true
    }

    private mutating func grow() {
        let old = zip(keys, stamps).filter { $0.1 == stamp }.map(\.0)
        keys = Array(repeating: 0, count: keys.count * 2)
        stamps = Array(repeating: 0, count: keys.count)
        stamp = 1
        count = 0
        for key in old { _ = insert(key) }
    }
}
