// SPDX-License-Identifier: Apache-2.0

/// The best k of many candidates, by value and then by the lower id.
///
/// Nothing is allocated once the capacity has been reserved.
struct CandidateHeap {
    /// A token and its logit.
    struct Candidate {
        var id: Int32
        var value: Float

        /// Whether this one comes before the other.
        func precedes(_ other: Candidate) -> Bool {
            value > other.value || (value == other.value && id < other.id)
        }
    }

    /// After `select`, the best candidates, best first.
    private(set) var candidates: [Candidate] = []

    /// Selects the best `limit` of all values that are at least `threshold` and not −∞.
    ///
    /// - Complexity: O(V + k log k log V) for values in random order, O(V log k) at worst.
    mutating func select(_ limit: Int, from values: Span<Float>, threshold: Float = -.infinity) {
        candidates.removeAll(keepingCapacity: true)
        guard limit > 0 else { return }
        for index in values.indices {
            let value = values[index]
            guard value >= threshold, value != -.infinity else { continue }
            if candidates.count < limit {
                candidates.append(Candidate(id: Int32(truncatingIfNeeded: index), value: value))
                siftUp(candidates.count - 1)
            } else if value > candidates[0].value {
                candidates[0] = Candidate(id: Int32(truncatingIfNeeded: index), value: value)
                siftDown(0, count: limit)
            }
        }
        // The root is the worst: moving it behind the rest, again and again, sorts best first.
        var count = candidates.count
        while count > 1 {
            count -= 1
            candidates.swapAt(0, count)
            siftDown(0, count: count)
        }
    }

    private mutating func siftUp(_ start: Int) {
        var index = start
        while index > 0 {
            let parent = (index - 1) / 2
            guard candidates[parent].precedes(candidates[index]) else { return }
            candidates.swapAt(parent, index)
            index = parent
        }
    }

    private mutating func siftDown(_ start: Int, count: Int) {
        var index = start
        while true {
            var worst = index
            let left = 2 * index + 1
            if left < count, candidates[worst].precedes(candidates[left]) { worst = left }
            if left + 1 < count, candidates[worst].precedes(candidates[left + 1]) {
                worst = left + 1
            }
            if worst == index { return }
            candidates.swapAt(worst, index)
            index = worst
        }
    }
}
