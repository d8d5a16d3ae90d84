// SPDX-License-Identifier: Apache-2.0

extension Scheduler {
    /// Takes the blocks that hold the sequence's next tokens already, as far as there are any.
    ///
    /// Blocks of its own that it has not filled are given up for them.
    mutating func takeCachedBlocks(for index: Int) {
        guard configuration.cachesPrefixes else { return }
        let size = configuration.positionsPerBlock
        while running[index].computedCount == running[index].publishedCount * size {
            let start = running[index].computedCount
            guard start + size <= running[index].cacheableCount else { return }
            let found = pool.find(
                running[index].tokens[start..<start + size], after: running[index].prefix,
                in: running[index].scope)
            guard let found else { return }
            pool.retain(found.block)
            let count = running[index].publishedCount
            if count < running[index].blockTable.count {
                pool.release(running[index].blockTable[count])
                running[index].blockTable[count] = found.block
            } else {
                running[index].blockTable.append(found.block)
            }
            running[index].publishedCount += 1
            running[index].prefix = found.prefix
            running[index].computedCount += size
            if !running[index].wasPreempted { running[index].cachedCount += size }
        }
    }

    /// Lets others find the blocks that the sequence has filled.
    mutating func publishBlocks(of index: Int) {
        guard configuration.cachesPrefixes else { return }
        let size = configuration.positionsPerBlock
        while (running[index].publishedCount + 1) * size <= running[index].computedCount {
            let count = running[index].publishedCount
            let entry = pool.publish(
                running[index].blockTable[count],
                holding: running[index].tokens[count * size..<(count + 1) * size],
                after: running[index].prefix, in: running[index].scope)
            running[index].blockTable[count] = entry.block
            running[index].prefix = entry.prefix
            running[index].publishedCount += 1
        }
    }

    /// Gives up the blocks that no further token of the sequence sees; its table keeps their places.
    mutating func releaseBlocksBehindWindow(of index: Int) {
        guard let window = configuration.attentionWindow else { return }
        let firstSeen = max(running[index].computedCount - window + 1, 0)
        while (running[index].leftCount + 1) * configuration.positionsPerBlock <= firstSeen {
            pool.release(running[index].blockTable[running[index].leftCount])
            running[index].leftCount += 1
        }
    }

    /// Gives up all blocks of a sequence, the last one first: it is the first to be forgotten.
    mutating func releaseBlocks(of index: Int) {
        let owned = running[index].leftCount..<running[index].blockTable.count
        for place in owned.reversed() { pool.release(running[index].blockTable[place]) }
        running[index].blockTable.removeAll(keepingCapacity: true)
        running[index].leftCount = 0
        running[index].publishedCount = 0
        running[index].prefix = .empty
        running[index].computedCount = 0
    }
}
