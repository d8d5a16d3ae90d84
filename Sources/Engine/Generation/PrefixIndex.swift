// SPDX-License-Identifier: Apache-2.0

internal import DequeModule
internal import Scheduling

/// Which blocks are on disk, how large they are together, and which was not used for longest.
struct PrefixIndex {
    private struct Entry {
        var byteCount: Int
        var age: UInt64
    }

    private var entries: [PrefixName: Entry] = [:]

    /// The names by their last use, the oldest first; those that were used again since stand here
    /// more than once.
    private var order = Deque<(name: PrefixName, age: UInt64)>()
    private var nextAge: UInt64 = 0

    /// How many bytes the blocks take.
    private(set) var byteCount = 0

    var count: Int { entries.count }

    func contains(_ name: PrefixName) -> Bool { entries[name] != nil }

    /// Adds a block as the youngest.
    mutating func insert(_ name: PrefixName, byteCount size: Int) {
        byteCount += size - (entries[name]?.byteCount ?? 0)
        entries[name] = Entry(byteCount: size, age: nextAge)
        noteUse(of: name)
    }

    /// Makes a block the youngest, if it is there.
    ///
    /// - Returns: whether it is.
    mutating func touch(_ name: PrefixName) -> Bool {
        guard entries[name] != nil else { return false }
        entries[name]?.age = nextAge
        noteUse(of: name)
        return true
    }

    mutating func remove(_ name: PrefixName) {
        guard let entry = entries.removeValue(forKey: name) else { return }
        byteCount -= entry.byteCount
    }

    /// Removes the block that was not used for longest; nil if there is none.
    mutating func removeOldest() -> PrefixName? {
        while let oldest = order.popFirst() {
            guard entries[oldest.name]?.age == oldest.age else { continue }
            remove(oldest.name)
            return oldest.name
        }
        return nil
    }

    private mutating func noteUse(of name: PrefixName) {
        order.append((name, nextAge))
        nextAge += 1
        // Keeps the list from growing with every use.
        guard order.count > 2 * entries.count + 64 else { return }
        order.removeAll { entries[$0.name]?.age != $0.age }
    }
}
