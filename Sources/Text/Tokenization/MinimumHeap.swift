// SPDX-License-Identifier: Apache-2.0

/// A heap of numbers, smallest first.
///
/// Every node has four children, which touches half as many cache lines as two would.
struct MinimumHeap {
    private var keys: [UInt64] = []

    mutating func removeAll() { keys.removeAll(keepingCapacity: true) }

    /// Adds a number; `order()` must follow before the next pop.
    mutating func appendUnordered(_ key: UInt64) { keys.append(key) }

    /// Makes a heap of what was appended; O(n).
    mutating func order() {
        if keys.count < 2 { return }
        var index = (keys.count - 2) / 4 + 1
        while index > 0 {
            index -= 1
            siftDown(from: index)
        }
    }

    mutating func push(_ key: UInt64) {
        keys.append(key)
        var child = keys.count - 1
        while child > 0 {
            let parent = (child - 1) / 4
            if keys[parent] <= key { break }
            keys[child] = keys[parent]
            child = parent
        }
        keys[child] = key
    }

    mutating func popMinimum() -> UInt64? {
        guard let minimum = keys.first, let last = keys.popLast() else { return nil }
        if !keys.isEmpty {
            keys[0] = last
            siftDown(from: 0)
        }
        return minimum
    }

    private mutating func siftDown(from start: Int) {
        let count = keys.count
        let key = keys[start]
        var parent = start
        while true {
            let first = parent * 4 + 1
            if first >= count { break }
            var smallest = first
            var smallestKey = keys[first]
            for child in first + 1..<max(first + 1, min(first + 4, count))
            where keys[child] < smallestKey {
                smallest = child
                smallestKey = keys[child]
            }
            if smallestKey >= key { break }
            keys[parent] = smallestKey
            parent = smallest
        }
        keys[parent] = key
    }
}
