// SPDX-License-Identifier: Apache-2.0

/// The sets of items that a text may be at, equal ones once, and the moves between them.
struct GrammarColumns {
    /// A position that waits for a byte, a terminal or a control token.
    struct Item: Hashable, Comparable {
        /// Where in the grammar.
        var position: Int32
        /// Where its rule returns to.
        var node: Int32
        /// The state of its terminal, if it waits for one.
        var state: UInt64

        static func < (left: Item, right: Item) -> Bool {
            if left.position != right.position { return left.position < right.position }
            if left.node != right.node { return left.node < right.node }
            return left.state < right.state
        }
    }

    /// A move that has not been made.
    static let unknown = UInt64.max - 1

    private var items: [Item] = []
    private var starts: [Int32] = [0]
    private var ends: [Bool] = []
    private var guards: [Bool] = []
    /// For each column and sixteen bytes, where their moves are in ``moves``, or -1.
    private var rows: [Int32] = []
    private var moves: [UInt64] = []
    private var table = InternTable()

    /// How many columns there are.
    var count: Int { ends.count }

    /// About how many bytes the columns take.
    var byteCount: Int {
        items.count * 16 + count * 6 + rows.count * 4 + moves.count * 8 + table.byteCount
    }

    /// Where a column's items are.
    func range(of column: Int) -> Range<Int> {
        Int(starts[column])..<Int(starts[column + 1])
    }

    /// One of all columns' items.
    subscript(index: Int) -> Item { items[index] }

    /// Whether the text may end at a column.
    func canEnd(_ column: Int) -> Bool { ends[column] }

    /// Whether the moves of a column depend on the text.
    func isGuarded(_ column: Int) -> Bool { guards[column] }

    /// The number of a column; `set` is sorted, each item once.
    mutating func column(_ set: [Item], canEnd: Bool, isGuarded: @autoclosure () -> Bool) -> Int {
        var hash: UInt64 = canEnd ? 1 : 0
        for item in set {
            let place =
                UInt64(UInt32(bitPattern: item.position)) << 32
                | UInt64(UInt32(bitPattern: item.node))
            hash = InternTable.mixed(InternTable.mixed(hash, place), item.state)
        }
        let known = table.first(hash: hash) { number in
            let range = range(of: Int(number))
            guard range.count == set.count, ends[Int(number)] == canEnd else { return false }
            for index in set.indices where items[range.lowerBound + index] != set[index] {
                return false
            }
            return true
        }
        if let known { return Int(known) }
        table.insert(Int32(count), hash: hash)
        items.append(contentsOf: set)
        starts.append(Int32(items.count))
        ends.append(canEnd)
        guards.append(isGuarded())
        rows.append(contentsOf: repeatElement(-1, count: 16))
        return count - 1
    }

    /// The state that a byte leads to from a column, or ``unknown``.
    func move(_ column: Int, _ byte: UInt8) -> UInt64 {
        let row = rows[column * 16 + Int(byte >> 4)]
        return row < 0 ? Self.unknown : moves[Int(row) + Int(byte & 15)]
    }

    /// Keeps the state that a byte leads to.
    mutating func setMove(_ column: Int, _ byte: UInt8, to state: UInt64) {
        let cell = column * 16 + Int(byte >> 4)
        if rows[cell] < 0 {
            rows[cell] = Int32(moves.count)
            moves.append(contentsOf: repeatElement(Self.unknown, count: 16))
        }
        moves[Int(rows[cell]) + Int(byte & 15)] = state
    }
}
