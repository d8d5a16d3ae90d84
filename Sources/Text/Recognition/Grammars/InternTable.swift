// SPDX-License-Identifier: Apache-2.0

/// Finds numbered values by their hash: an open table whose owner compares the values.
struct InternTable {
    private var slots: [Int32] = Array(repeating: -1, count: 64)
    private var hashes: [UInt64] = []
    private var numbers: [Int32] = []

    /// The number of a value that was inserted with this hash and that is the one sought.
    func first(hash: UInt64, where isSought: (Int32) -> Bool) -> Int32? {
        let mask = slots.count - 1
        var slot = Int(truncatingIfNeeded: hash) & mask
        while slots[slot] >= 0 {
            let entry = Int(slots[slot])
            if hashes[entry] == hash, isSought(numbers[entry]) { return numbers[entry] }
            slot = (slot + 1) & mask
        }
        return nil
    }

    /// Enters a value that is not in the table.
    mutating func insert(_ number: Int32, hash: UInt64) {
        hashes.append(hash)
        numbers.append(number)
        if hashes.count * 2 > slots.count {
            slots = Array(repeating: -1, count: slots.count * 2)
            for entry in hashes.indices { place(entry) }
        } else {
            place(hashes.count - 1)
        }
    }

    private mutating func place(_ entry: Int) {
        let mask = slots.count - 1
        var slot = Int(truncatingIfNeeded: hashes[entry]) & mask
        while slots[slot] >= 0 { slot = (slot + 1) & mask }
        slots[slot] = Int32(entry)
    }

    /// About how many bytes the table takes.
    var byteCount: Int { slots.count * 4 + hashes.count * 12 }

    /// A hash with one more word in it.
    static func mixed(_ hash: UInt64, _ word: UInt64) -> UInt64 {
        var mixed = (hash ^ word) &* 0x9E37_79B9_7F4A_7C15
        mixed ^= mixed >> 32
        return mixed &* 0xD6E8_FEB8_6659_FD93 ^ mixed >> 29
    }
}
