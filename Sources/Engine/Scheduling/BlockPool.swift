// SPDX-License-Identifier: Apache-2.0

/// Which KV blocks are free, how many owners each of the others has, and what they hold.
///
/// A block that several sequences share (a common prompt) is counted once for each of them; a
/// sequence writes only to a block that it alone owns. A full block may be published, so that
/// others find it by its tokens; without owners it stays cached until its memory is needed: first
/// those that only the background has used, then the one least recently used. All operations take
/// constant time.
///
/// A published block is known by what it continues and by its own tokens, which are compared: a
/// hash only says where to look. So equal prefixes have equal identities, and others never do.
package struct BlockPool: Sendable {
    /// A published block, and the identity of the tokens up to its end.
    package struct Entry: Hashable, Sendable {
        /// The block.
        package let block: Int32

        /// What it ends.
        package let prefix: PrefixID
    }

    /// One block.
    private struct Block: Sendable {
        /// The sequences that use the block.
        var ownerCount: Int32 = 0

        /// What the block ends, once it is published.
        var prefix: PrefixID?

        /// What the block continues.
        var parent = PrefixID.empty

        /// Whose it is; only blocks that continue nothing need one.
        var scope: CacheScope?

        /// Whether anybody has used what it holds but the background.
        var isForeground = false

        /// The bucket that it is found in, and the next block of that bucket.
        var bucket = 0
        var nextInBucket: Int32?

        /// Its neighbours among the cached blocks without owners.
        var older: Int32?
        var newer: Int32?
    }

    /// The ends of a list of cached blocks without owners.
    private struct CachedList: Sendable {
        var oldest: Int32?
        var newest: Int32?
    }

    /// The number of positions in a block.
    package let positionsPerBlock: Int

    private var blocks: [Block]

    /// The blocks that hold nothing; the last one is handed out next, as its memory is most likely
    /// warm.
    private var freeBlocks: [Int32]

    /// The cached blocks without owners: those that only the background has used, then the others.
    private var cached = [CachedList(), CachedList()]

    /// The number of blocks without owners that hold a prefix.
    package private(set) var cachedCount = 0

    /// The tokens of published blocks: `[blocks, S]`.
    private var tokens: [Int32]

    /// The first published block of each bucket; as many buckets as blocks, to a power of two.
    private var buckets: [Int32?]

    private var nextPrefix: UInt64 = 1

    /// What the names of prefixes descend from, if they have names, so that somebody may keep what
    /// they hold.
    private let prefixRoot: PrefixName?

    /// The published blocks that have been handed out for other uses since somebody last asked.
    private var evicted: [NamedBlock] = []

    /// What the cache has done.
    package private(set) var statistics = CacheStatistics()

    /// Creates a pool of free blocks, numbered from 0.
    package init(blockCount: Int, positionsPerBlock: Int = 16, prefixRoot: PrefixName? = nil) {
        precondition(blockCount >= 0 && blockCount <= Int(Int32.max), "\(blockCount) blocks")
        precondition(positionsPerBlock >= 1, "\(positionsPerBlock) positions")
        self.positionsPerBlock = positionsPerBlock
        self.prefixRoot = prefixRoot
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
    /// A cached block is forgotten if need be: of those that only the background has used, or else of
    /// all, the one that was not used for longest.
    package mutating func allocate() -> Int32? {
        if let block = freeBlocks.popLast() {
            blocks[Int(block)].ownerCount = 1
            return block
        }
        guard let block = cached[0].oldest ?? cached[1].oldest else { return nil }
        removeFromCached(block)
        if let name = blocks[Int(block)].prefix?.name {
            evicted.append(NamedBlock(block: block, name: name))
        }
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
    ///
    /// - Parameters:
    ///   - block: the block.
    ///   - inBackground: whether the owner gives way to all others, so that what it leaves in the cache
    ///     does, too.
    package mutating func release(_ block: Int32, inBackground: Bool = false) {
        precondition(blocks[Int(block)].ownerCount > 0, "block \(block) is free already")
        blocks[Int(block)].ownerCount -= 1
        if !inBackground { blocks[Int(block)].isForeground = true }
        guard blocks[Int(block)].ownerCount == 0 else { return }
        if blocks[Int(block)].prefix == nil {
            blocks[Int(block)].isForeground = false
            freeBlocks.append(block)
        } else {
            appendToCached(block)
        }
    }

    /// Whether more than one sequence owns the block, so that a writer must copy it first.
    package func isShared(_ block: Int32) -> Bool { blocks[Int(block)].ownerCount > 1 }

    /// Whether others may find the block, so that nobody writes to it any more.
    package func isPublished(_ block: Int32) -> Bool { blocks[Int(block)].prefix != nil }

    /// Finds the next tokens of a prefix.
    ///
    /// - Parameters:
    ///   - tokens: a block's worth.
    ///   - parent: what comes before them.
    ///   - scope: whose cache to look in.
    /// - Returns: the block that holds them, or nil if none is published.
    package func find(
        _ tokens: ArraySlice<Int32>, after parent: PrefixID, in scope: CacheScope
    ) -> Entry? {
        var candidate = buckets[bucket(of: tokens, after: parent, in: scope)]
        while let block = candidate {
            if let prefix = blocks[Int(block)].prefix, blocks[Int(block)].parent == parent,
                parent != .empty || blocks[Int(block)].scope == scope, holds(tokens, in: block)
            {
                return Entry(block: block, prefix: prefix)
            }
            candidate = blocks[Int(block)].nextInBucket
        }
        return nil
    }

    /// Lets others find a block by its tokens, whose keys and values are complete.
    ///
    /// If another block holds the same already, the owner gets that one and gives up its own.
    ///
    /// - Parameters:
    ///   - block: owned by the caller alone, not published.
    ///   - tokens: a block's worth.
    ///   - parent: what comes before them.
    ///   - scope: who may find it.
    /// - Returns: the block that the caller owns from now on.
    package mutating func publish(
        _ block: Int32, holding tokens: ArraySlice<Int32>, after parent: PrefixID,
        in scope: CacheScope
    ) -> Entry {
        precondition(blocks[Int(block)].ownerCount == 1, "block \(block) is not the caller's own")
        precondition(blocks[Int(block)].prefix == nil, "block \(block) is published already")
        precondition(tokens.count == positionsPerBlock, "\(tokens.count) tokens")
        if let known = find(tokens, after: parent, in: scope) {
            retain(known.block)
            release(block, inBackground: true)
            return known
        }
        var prefix = PrefixID(rawValue: nextPrefix)
        if let prefixRoot {
            prefix.name = PrefixName(
                parent.name ?? PrefixName(prefixRoot, in: scope), then: tokens)
        }
        nextPrefix += 1
        var place = Int(block) * positionsPerBlock
        for token in tokens {
            self.tokens[place] = token
            place += 1
        }
        let bucket = bucket(of: tokens, after: parent, in: scope)
        blocks[Int(block)].prefix = prefix
        blocks[Int(block)].parent = parent
        blocks[Int(block)].scope = parent == .empty ? scope : nil
        blocks[Int(block)].bucket = bucket
        blocks[Int(block)].nextInBucket = buckets[bucket]
        buckets[bucket] = block
        return Entry(block: block, prefix: prefix)
    }

    /// Takes the named blocks that were handed out for other uses; what they hold is intact until
    /// their new owners write to them.
    ///
    /// - Parameter blocks: receives them in place of whatever it holds; its memory is used again.
    mutating func takeEvicted(into blocks: inout [NamedBlock]) {
        blocks.removeAll(keepingCapacity: true)
        swap(&evicted, &blocks)
    }

    /// The name of what a block ends, if it is published and has one.
    package func name(of block: Int32) -> PrefixName? { blocks[Int(block)].prefix?.name }

    /// Whether a block still ends what it once did, so that it can be found.
    func holds(_ entry: Entry) -> Bool { blocks[Int(entry.block)].prefix == entry.prefix }

    /// How many blocks have been published so far.
    package var publishedCount: UInt64 { nextPrefix - 1 }

    /// The named blocks: those with owners, then the others, the most recently used first.
    package var namedBlocks: [NamedBlock] {
        var named: [NamedBlock] = []
        func add(_ block: Int32) {
            guard let name = name(of: block) else { return }
            named.append(NamedBlock(block: block, name: name))
        }
        for block in blocks.indices where blocks[block].ownerCount > 0 { add(Int32(block)) }
        for list in cached.reversed() {
            var next = list.newest
            while let block = next {
                add(block)
                next = blocks[Int(block)].older
            }
        }
        return named
    }

    /// Counts a prompt's tokens that were found, and those that are computed.
    mutating func count(found: Int, computed: Int) {
        statistics.hitTokens += UInt64(found)
        statistics.missTokens += UInt64(computed)
    }

    /// Makes a published block impossible to find.
    private mutating func withdraw(_ block: Int32) {
        let bucket = blocks[Int(block)].bucket
        let next = blocks[Int(block)].nextInBucket
        if buckets[bucket] == block {
            buckets[bucket] = next
        } else {
            var previous = buckets[bucket]
            while let earlier = previous, blocks[Int(earlier)].nextInBucket != block {
                previous = blocks[Int(earlier)].nextInBucket
            }
            if let previous { blocks[Int(previous)].nextInBucket = next }
        }
        blocks[Int(block)].nextInBucket = nil
        blocks[Int(block)].prefix = nil
        blocks[Int(block)].scope = nil
        blocks[Int(block)].isForeground = false
    }

    private func holds(_ tokens: ArraySlice<Int32>, in block: Int32) -> Bool {
        var place = Int(block) * positionsPerBlock
        for token in tokens {
            if self.tokens[place] != token { return false }
            place += 1
        }
        return true
    }

    /// The hash is seeded anew in each process, so that nobody can choose tokens that collide.
    private func bucket(
        of tokens: ArraySlice<Int32>, after parent: PrefixID, in scope: CacheScope
    ) -> Int {
        var hasher = Hasher()
        hasher.combine(parent)
        if parent == .empty { hasher.combine(scope) }
        for token in tokens { hasher.combine(token) }
        return hasher.finalize() & (buckets.count - 1)
    }

    private mutating func appendToCached(_ block: Int32) {
        let list = list(of: block)
        blocks[Int(block)].older = cached[list].newest
        blocks[Int(block)].newer = nil
        if let newest = cached[list].newest {
            blocks[Int(newest)].newer = block
        } else {
            cached[list].oldest = block
        }
        cached[list].newest = block
        cachedCount += 1
    }

    private mutating func removeFromCached(_ block: Int32) {
        let list = list(of: block)
        let (older, newer) = (blocks[Int(block)].older, blocks[Int(block)].newer)
        if let older {
            blocks[Int(older)].newer = newer
        } else {
            cached[list].oldest = newer
        }
        if let newer {
            blocks[Int(newer)].older = older
        } else {
            cached[list].newest = older
        }
        blocks[Int(block)].older = nil
        blocks[Int(block)].newer = nil
        cachedCount -= 1
    }

    /// Which of the lists a block belongs to.
    private func list(of block: Int32) -> Int { blocks[Int(block)].isForeground ? 1 : 0 }

    /// What a published block continues and ends, and what it holds.
    func contents(
        of block: Int32
    ) -> (parent: PrefixID, prefix: PrefixID?, tokens: ArraySlice<Int32>) {
        let start = Int(block) * positionsPerBlock
        let block = blocks[Int(block)]
        return (block.parent, block.prefix, tokens[start..<start + positionsPerBlock])
    }

    /// Checks everything that must hold between two operations.
    ///
    /// - Parameter owners: how many sequences use each block.
    /// - Returns: one line for each rule that is broken; none if all is well.
    func checkInvariants(owners: [Int32]) -> [String] {
        var broken: [String] = []
        for (block, count) in owners.enumerated() where blocks[block].ownerCount != count {
            broken.append("block \(block) counts \(blocks[block].ownerCount) of \(count) owners")
        }
        var isFree = Array(repeating: false, count: blockCount)
        for block in freeBlocks {
            if isFree[Int(block)] { broken.append("block \(block) is free more than once") }
            if blocks[Int(block)].prefix != nil { broken.append("block \(block) is not empty") }
            isFree[Int(block)] = true
        }
        var listed = 0
        for list in cached {
            var older: Int32?
            var next = list.oldest
            while let block = next, listed <= blockCount {
                if isFree[Int(block)] { broken.append("block \(block) is free and cached") }
                if blocks[Int(block)].prefix == nil {
                    broken.append("block \(block) holds nothing")
                }
                if blocks[Int(block)].older != older {
                    broken.append("the list is torn at \(block)")
                }
                isFree[Int(block)] = true
                listed += 1
                older = block
                next = blocks[Int(block)].newer
            }
            if list.newest != older { broken.append("the list ends elsewhere") }
        }
        if listed != cachedCount { broken.append("\(listed) blocks are listed of \(cachedCount)") }
        for (block, count) in owners.enumerated() where isFree[block] != (count == 0) {
            broken.append("block \(block) has \(count) owners and is free: \(isFree[block])")
        }
        return broken + checkBuckets()
    }

    /// Checks that every published block can be found, and no other.
    private func checkBuckets() -> [String] {
        var broken: [String] = []
        var foundCount = 0
        for (bucket, first) in buckets.enumerated() {
            var next = first
            while let block = next, foundCount <= blockCount {
                foundCount += 1
                if blocks[Int(block)].bucket != bucket || blocks[Int(block)].prefix == nil {
                    broken.append("block \(block) is in the wrong bucket")
                }
                next = blocks[Int(block)].nextInBucket
            }
        }
        let publishedCount = blocks.count { $0.prefix != nil }
        if publishedCount != foundCount {
            broken.append("\(publishedCount) blocks are published and \(foundCount) are found")
        }
        return broken
    }
}
