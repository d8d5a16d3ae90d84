// SPDX-License-Identifier: Apache-2.0

/// Merges the symbols of a word, best pair first and leftmost among equals.
///
/// Symbols are a linked list in arrays; candidates wait in a binary heap, so that a word of n
/// symbols takes O(n log n) however long it is. The buffers are kept from word to word.
struct BytePairMerger {
    private var symbols: [MergeSymbol] = []
    private var previous: [Int32] = []
    private var next: [Int32] = []

    /// The pending merge of each symbol with its right neighbour; priority `.max` for none.
    private var pending: [Merge] = []

    /// Priority in the high half, symbol index in the low half.
    private var heap = MinimumHeap()

    /// The number of symbols before merging.
    var count: Int { symbols.count }

    /// Forgets the last word.
    mutating func removeAll() {
        symbols.removeAll(keepingCapacity: true)
        previous.removeAll(keepingCapacity: true)
        next.removeAll(keepingCapacity: true)
        pending.removeAll(keepingCapacity: true)
    }

    /// Adds a symbol at the end.
    mutating func append(_ symbol: MergeSymbol) {
        let index = Int32(symbols.count)
        if index > 0 { next[Int(index) - 1] = index }
        symbols.append(symbol)
        previous.append(index - 1)
        next.append(-1)
        pending.append(Merge(priority: .max, token: -1))
    }

    /// Merges until no pair is left that the rule knows.
    mutating func merge(by rule: some MergeRule, in text: [UInt8]) {
        merge(by: rule, in: text) { _, _, _ in }
    }

    /// Merges until no pair is left, telling of each pair that is considered.
    mutating func merge(
        by rule: some MergeRule, in text: [UInt8],
        onCandidate: (Merge, MergeSymbol, MergeSymbol) -> Void
    ) {
        heap.removeAll()
        for index in 0..<max(0, symbols.count - 1) {
            if let key = consider(index, rule, text, onCandidate) { heap.appendUnordered(key) }
        }
        heap.order()
        while let key = heap.popMinimum() {
            let index = Int(key & 0xffff_ffff)
            // A candidate is stale once its symbols have merged with others.
            guard pending[index].priority == UInt32(key >> 32) else { continue }
            let right = Int(next[index])
            symbols[index].token = pending[index].token
            symbols[index].bytes =
                symbols[index].bytes.lowerBound..<symbols[right].bytes.upperBound
            pending[right].priority = .max
            next[index] = next[right]
            if next[right] >= 0 { previous[Int(next[right])] = Int32(index) }
            if let key = consider(index, rule, text, onCandidate) { heap.push(key) }
            let left = Int(previous[index])
            if left >= 0, let key = consider(left, rule, text, onCandidate) { heap.push(key) }
        }
    }

    private mutating func consider(
        _ index: Int, _ rule: some MergeRule, _ text: [UInt8],
        _ onCandidate: (Merge, MergeSymbol, MergeSymbol) -> Void
    ) -> UInt64? {
        let right = Int(next[index])
        guard right >= 0, let merge = rule.merge(symbols[index], symbols[right], of: text)
        else {
            pending[index].priority = .max
            return nil
        }
        pending[index] = merge
        onCandidate(merge, symbols[index], symbols[right])
        return UInt64(merge.priority) << 32 | UInt64(index)
    }

    /// Visits the symbols that are left, in order.
    func forEach(_ body: (MergeSymbol) -> Void) {
        var index = symbols.isEmpty ? -1 : 0
        while index >= 0 {
            body(symbols[index])
            index = Int(next[index])
        }
    }
}
