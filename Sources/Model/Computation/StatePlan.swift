// SPDX-License-Identifier: Apache-2.0

/// Which rows of a step pass which states: made once per step, used by every layer that has some.
package final class StatePlan {
    /// Rows of one sequence, at consecutive positions.
    struct Run {
        var firstRow: Int
        var rowCount: Int
        /// Whether they begin their sequence, whose state is zero before them.
        var isFirst: Bool
        var slot: Int
    }

    private(set) var runs: [Run] = []
    /// The run of each row.
    private(set) var runOfRow: [Int32] = []

    /// Creates an empty plan with room for so many rows.
    package init(maxRowCount: Int) {
        runs.reserveCapacity(maxRowCount)
        runOfRow.reserveCapacity(maxRowCount)
    }

    /// How many rows are planned.
    package var rowCount: Int { runOfRow.count }

    /// Forgets all rows and keeps the memory.
    package func removeAll() {
        runs.removeAll(keepingCapacity: true)
        runOfRow.removeAll(keepingCapacity: true)
    }

    /// Adds the next rows: `count` positions of a sequence from `startPosition` on.
    ///
    /// - Parameters:
    ///   - startPosition: of the first of them; at 0 the state begins anew.
    ///   - count: how many they are.
    ///   - slot: where the sequence's state is.
    package func append(startPosition: Int, count: Int, slot: Int) {
        for _ in 0..<count { runOfRow.append(Int32(runs.count)) }
        runs.append(
            Run(
                firstRow: rowCount - count, rowCount: count, isFirst: startPosition == 0,
                slot: slot))
    }
}
