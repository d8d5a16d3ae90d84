// SPDX-License-Identifier: Apache-2.0

internal import CKernels

/// What a batch's rows attend to: made once per step, used by every layer.
///
/// Rows are tokens. A sequence's rows of the step lie together, at consecutive positions; they are
/// cut into tiles so that a tile's queries share each key and value that they load.
package final class AttentionPlan {
    /// A few rows of one sequence.
    struct Tile {
        /// Where the sequence's blocks begin in `blockTables`.
        var tableStart: Int
        var firstRow: Int
        var rowCount: Int
        var firstPosition: Int

        /// Some of its rows.
        func rows(_ range: Range<Int>) -> Tile {
            Tile(
                tableStart: tableStart, firstRow: firstRow + range.lowerBound,
                rowCount: range.count, firstPosition: firstPosition + range.lowerBound)
        }
    }

    /// The most rows of a tile.
    static let maxTileRows = 16

    /// The position of each row.
    package private(set) var positions: [Int32] = []
    /// The block of each row's position.
    private(set) var blocks: [Int32] = []
    private(set) var blockTables: [Int32] = []
    private(set) var tiles: [Tile] = []
    /// One more than the largest block in `blockTables`.
    private(set) var blockEnd: Int32 = 0
    let positionsPerBlock: Int
    /// A query sees so many positions, its own included; nil: all up to its own.
    ///
    /// Nothing else of the plan depends on it: layers that differ set it before they attend.
    package var window: Int?

    /// Creates an empty plan with room for so many rows.
    package init(positionsPerBlock: Int, window: Int?, maxRowCount: Int) {
        self.positionsPerBlock = positionsPerBlock
        self.window = window
        positions.reserveCapacity(maxRowCount)
        blocks.reserveCapacity(maxRowCount)
        tiles.reserveCapacity(maxRowCount)
        blockTables.reserveCapacity(maxRowCount * 16)
    }

    /// How many rows are planned.
    package var rowCount: Int { positions.count }

    /// How many positions a tile's rows see between them.
    func seenCount(by tile: Tile) -> Int { positions(seenBy: tile).count }

    /// The spans in which they lie.
    func spans(seenBy tile: Tile) -> ClosedRange<Int> {
        let seen = positions(seenBy: tile)
        let length = Int(CK_ATTENTION_SPAN)
        return seen.lowerBound / length...seen.upperBound / length
    }

    private func positions(seenBy tile: Tile) -> ClosedRange<Int> {
        let oldest = window.map { max(0, tile.firstPosition - $0 + 1) } ?? 0
        return oldest...tile.firstPosition + tile.rowCount - 1
    }

    /// Forgets all rows and keeps the memory.
    package func removeAll() {
        positions.removeAll(keepingCapacity: true)
        blocks.removeAll(keepingCapacity: true)
        blockTables.removeAll(keepingCapacity: true)
        tiles.removeAll(keepingCapacity: true)
        blockEnd = 0
    }

    /// Adds the next rows: `count` positions of a sequence from `startPosition` on.
    ///
    /// - Precondition: `blockTable` covers the last of them.
    package func append(startPosition: Int, count: Int, blockTable: [Int32]) {
        let end = startPosition + count
        let blockCount = (end + positionsPerBlock - 1) / positionsPerBlock
        precondition(
            startPosition >= 0 && count > 0 && blockTable.count >= blockCount,
            "\(blockTable.count) blocks do not cover position \(end - 1)")
        let tableStart = blockTables.count
        for block in blockTable[..<blockCount] {
            precondition(block >= 0 && block < .max, "block \(block)")
            blockEnd = max(blockEnd, block + 1)
            blockTables.append(block)
        }
        var position = startPosition
        while position < end {
            let rows = min(Self.maxTileRows, end - position)
            tiles.append(
                Tile(
                    tableStart: tableStart, firstRow: positions.count, rowCount: rows,
                    firstPosition: position))
            for p in position..<position + rows {
                positions.append(Int32(p))
                blocks.append(blockTable[p / positionsPerBlock])
            }
            position += rows
        }
    }
}
