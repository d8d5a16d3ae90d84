// SPDX-License-Identifier: Apache-2.0

/// Finding blocks by what they hold.
///
/// A block is known by what it continues and by its own tokens, which are compared: a hash only
/// says where to look. So equal prefixes have equal identities, and others never do.
extension BlockPool {
    /// A published block, and the identity of the tokens up to its end.
    package struct Entry: Hashable, Sendable {
        /// The block.
        package let block: Int32

        /// What it ends.
        package let prefix: PrefixID
    }

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
            release(block)
            return known
        }
        let prefix = PrefixID(rawValue: nextPrefix)
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

    /// Makes a published block impossible to find.
    mutating func withdraw(_ block: Int32) {
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
    func bucket(
        of tokens: ArraySlice<Int32>, after parent: PrefixID, in scope: CacheScope
    ) -> Int {
        var hasher = Hasher()
        hasher.combine(parent)
        if parent == .empty { hasher.combine(scope) }
        for token in tokens { hasher.combine(token) }
        return hasher.finalize() & (buckets.count - 1)
    }
}
