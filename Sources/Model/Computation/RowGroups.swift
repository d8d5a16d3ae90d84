// SPDX-License-Identifier: Apache-2.0

/// Rows sorted by the group, such as the expert, that they go to.
///
/// A *slot* is one choice of one token: slot t·A + a is token t's choice a. The arrays are reused,
/// so that routing a step allocates nothing once they have grown.
package struct RowGroups {
    /// Which row of the input a slot reads.
    package enum Source: Sendable {
        /// The row of the slot's token, t: up and gate projections.
        case token

        /// The row of the slot itself: the down projection.
        case slot
    }

    /// The number of groups.
    package let groupCount: Int

    /// Where each group begins in `slots`, and after the last group their number; `groupCount + 1`.
    package private(set) var offsets: [Int32]

    /// The slots, group after group, ascending within each.
    package private(set) var slots: [Int32] = []

    /// The token of each of `slots`.
    package private(set) var tokens: [Int32] = []

    /// The groups, that with most slots first; those of equal size in ascending order.
    private(set) var bySize: [Int32]

    private var next: [Int32]

    /// How many slots go to a group.
    package func size(of group: Int) -> Int { Int(offsets[group + 1] - offsets[group]) }

    /// How many groups have a slot.
    package var visitedCount: Int {
        var count = 0
        for group in 0..<groupCount where size(of: group) > 0 { count += 1 }
        return count
    }

    /// Creates groups without rows.
    package init(groupCount: Int) {
        precondition(groupCount >= 1, "\(groupCount) groups")
        self.groupCount = groupCount
        offsets = [Int32](repeating: 0, count: groupCount + 1)
        next = [Int32](repeating: 0, count: groupCount)
        bySize = (0..<Int32(groupCount)).map { $0 }
    }

    /// Sorts the slots of a step by group.
    ///
    /// - Parameters:
    ///   - selection: `[T, A]`, the group of each slot, in `0..<groupCount`.
    ///   - choiceCount: A, the number of choices of each token.
    /// - Complexity: O(T·A + groups).
    package mutating func assign(_ selection: Span<Int32>, choiceCount: Int) {
        precondition(choiceCount >= 1 && selection.count % choiceCount == 0, "\(selection.count)")
        for group in 0...groupCount { offsets[group] = 0 }
        for slot in selection.indices {
            offsets[Int(selection[slot]) + 1] += 1
        }
        for group in 0..<groupCount {
            next[group] = offsets[group]
            offsets[group + 1] += offsets[group]
        }
        resize(to: selection.count)
        for slot in selection.indices {
            let group = Int(selection[slot])
            let index = Int(next[group])
            next[group] += 1
            slots[index] = Int32(slot)
            tokens[index] = Int32(slot / choiceCount)
        }
        sortBySize()
    }

    /// Insertion sort: there are few groups, and it allocates nothing.
    private mutating func sortBySize() {
        for index in 0..<groupCount {
            let size = offsets[index + 1] - offsets[index]
            var place = index
            while place > 0 {
                let other = Int(bySize[place - 1])
                guard offsets[other + 1] - offsets[other] < size else { break }
                bySize[place] = bySize[place - 1]
                place -= 1
            }
            bySize[place] = Int32(index)
        }
    }

    /// Makes one group of chosen rows: output row i reads input row `rows[i]`.
    package mutating func gather(_ rows: Span<Int32>) {
        precondition(groupCount == 1, "\(groupCount) groups")
        resize(to: rows.count)
        offsets[1] = Int32(rows.count)
        for index in rows.indices {
            slots[index] = Int32(index)
            tokens[index] = rows[index]
        }
    }

    private mutating func resize(to count: Int) {
        if slots.count > count {
            slots.removeLast(slots.count - count)
            tokens.removeLast(tokens.count - count)
        }
        while slots.count < count {
            slots.append(0)
            tokens.append(0)
        }
    }
}
