// SPDX-License-Identifier: Apache-2.0

/// Which KV blocks are free, how many owners each of the others has, and what they hold.
///
/// A block that several sequences share (a common prompt) is counted once for each of them; a
/// sequence writes only to a block that it alone owns. A full block may be published, so that
/// others find it by its tokens; without owners it stays cached until its memory is needed, the
/// one least recently used first. All operations take constant time.
package struct BlockPool: Sendable {
    /// One block.
    struct Block: Sendable {
        /// The sequences that use the block.
        var ownerCount: Int32 = 0

        /// What the block ends, once it is published.
        var prefix: PrefixID?

        /// What the block continues.
        var parent = PrefixID.empty

        /// Whose it is; only blocks that continue nothing need one.
        var scope: CacheScope?

        /// The bucket that it is found in, and the next block of that bucket.
        var bucket = 0
        var nextInBucket: Int32?

        /// Its neighbours among the cached blocks without owners.
        var older: Int32?
        var newer: Int32?
    }

    /// The number of positions in a block.
    package let positionsPerBlock: Int

    var blocks: [Block]

    /// The blocks that hold nothing; the last one is handed out next, as its memory is most likely
    /// warm.
    private(set) var freeBlocks: [Int32]

    /// The ends of the list of cached blocks without owners, and its length.
    private(set) var oldestCached: Int32?
    private(set) var newestCached: Int32?

    /// The number of blocks without owners that hold a prefix.
    package private(set) var cachedCount = 0

    /// The tokens of published blocks: `[blocks, S]`.
    var tokens: [Int32]

    /// The first published block of each bucket; as many buckets as blocks, to a power of two.
    var buckets: [Int32?]

    var nextPrefix: UInt64 = 1

    /// What the cache has done.
    package internal(set) var statistics = CacheStatistics()

    /// Creates a pool of free blocks, numbered from 0.
    package init(blockCount: Int, positionsPerBlock: Int = 16) {
        precondition(blockCount >= 0 && blockCount <= Int(Int32.max), "\(blockCount) blocks")
        precondition(positionsPerBlock >= 1, "\(positionsPerBlock) positions")
        self.positionsPerBlock = positionsPerBlock
        blocks = Array(repeating: Block(), count: blockCount)
        freeBlocks = (0..<Int32(blockCount)).reversed()
        tokens = Array(repeating: 0, count: blockCount * positionsPerBlock)
        var bucketCount = 1
        while bucketCount < blockCount { bucketCount *= 2 }
        buckets = Array(repeating: nil, count: bucketCount)
    }

    /// The number of blocks of every kind.
    package var blockCount: Int { blocks.count }

    /// The number of blocks that can be handed out: those that hold nothing and the cached ones.
    package var freeCount: Int { freeBlocks.count + cachedCount }

    /// The number of blocks with at least one owner.
    package var usedCount: Int { blockCount - freeCount }

    /// Takes a block, whose one owner is the caller; nil if there is none.
    ///
    /// The cached block that was not used for longest is forgotten if need be.
    package mutating func allocate() -> Int32? {
        if let block = freeBlocks.popLast() {
            blocks[Int(block)].ownerCount = 1
            return block
        }
        guard let block = oldestCached else { return nil }
        removeFromCached(block)
        withdraw(block)
        statistics.evictedBlocks += 1
        blocks[Int(block)].ownerCount = 1
        return block
    }

    /// Adds an owner to a block that has one or is cached.
    package mutating func retain(_ block: Int32) {
        if blocks[Int(block)].ownerCount == 0 {
            precondition(blocks[Int(block)].prefix != nil, "block \(block) is free")
            removeFromCached(block)
        }
        blocks[Int(block)].ownerCount += 1
    }

    /// Removes an owner; without any, the block is cached if it was published, and free if not.
    package mutating func release(_ block: Int32) {
        precondition(blocks[Int(block)].ownerCount > 0, "block \(block) is free already")
        blocks[Int(block)].ownerCount -= 1
        guard blocks[Int(block)].ownerCount == 0 else { return }
        if blocks[Int(block)].prefix == nil {
            freeBlocks.append(block)
        } else {
            appendToCached(block)
        }
    }

    /// Whether more than one sequence owns the block, so that a writer must copy it first.
    package func isShared(_ block: Int32) -> Bool { blocks[Int(block)].ownerCount > 1 }

    private mutating func appendToCached(_ block: Int32) {
        blocks[Int(block)].older = newestCached
        blocks[Int(block)].newer = nil
        if let newestCached {
            blocks[Int(newestCached)].newer = block
        } else {
            oldestCached = block
        }
        newestCached = block
        cachedCount += 1
    }

    private mutating func removeFromCached(_ block: Int32) {
        let (older, newer) = (blocks[Int(block)].older, blocks[Int(block)].newer)
        if let older { blocks[Int(older)].newer = newer } else { oldestCached = newer }
        if let newer { blocks[Int(newer)].older = older } else { newestCached = older }
        blocks[Int(block)].older = nil
        blocks[Int(block)].newer = nil
        cachedCount -= 1
    }
}
