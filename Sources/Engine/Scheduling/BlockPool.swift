// SPDX-License-Identifier: Apache-2.0

/// Which KV blocks are free, and how many owners each of the others has.
///
/// A block that several sequences share (a common prompt) is counted once for each of them and
/// becomes free with the last; a sequence may write only to a block that it alone owns.
package struct BlockPool: Sendable {
    /// The owners of each block; 0 for free ones.
    private(set) var referenceCounts: [Int32]

    /// The free blocks; the last one is handed out next, as its memory is most likely warm.
    private(set) var freeBlocks: [Int32]

    /// Creates a pool of free blocks, numbered from 0.
    package init(blockCount: Int) {
        precondition(blockCount >= 0 && blockCount <= Int(Int32.max), "\(blockCount) blocks")
        referenceCounts = Array(repeating: 0, count: blockCount)
        freeBlocks = (0..<Int32(blockCount)).reversed()
    }

    /// The number of blocks, free or not.
    package var blockCount: Int { referenceCounts.count }

    /// The number of free blocks.
    package var freeCount: Int { freeBlocks.count }

    /// The number of blocks with at least one owner.
    package var usedCount: Int { blockCount - freeCount }

    /// Takes a free block, whose one owner is the caller; nil if there is none.
    package mutating func allocate() -> Int32? {
        guard let block = freeBlocks.popLast() else { return nil }
        referenceCounts[Int(block)] = 1
        return block
    }

    /// Adds an owner to a block that has one.
    package mutating func retain(_ block: Int32) {
        precondition(referenceCounts[Int(block)] > 0, "block \(block) is free")
        referenceCounts[Int(block)] += 1
    }

    /// Removes an owner; without any, the block is free.
    package mutating func release(_ block: Int32) {
        precondition(referenceCounts[Int(block)] > 0, "block \(block) is free already")
        referenceCounts[Int(block)] -= 1
        if referenceCounts[Int(block)] == 0 { freeBlocks.append(block) }
    }

    /// Removes an owner from every block of a table, which is empty then.
    mutating func release(all table: inout [Int32]) {
        for block in table.reversed() { release(block) }
        table.removeAll(keepingCapacity: true)
    }

    /// Whether more than one sequence owns the block, so that a writer must copy it first.
    package func isShared(_ block: Int32) -> Bool { referenceCounts[Int(block)] > 1 }
}
