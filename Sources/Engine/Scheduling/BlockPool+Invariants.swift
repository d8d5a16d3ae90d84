// SPDX-License-Identifier: Apache-2.0

extension BlockPool {
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
        var older: Int32?
        var next = oldestCached
        while let block = next, listed <= blockCount {
            if isFree[Int(block)] { broken.append("block \(block) is free and cached") }
            if blocks[Int(block)].prefix == nil { broken.append("block \(block) holds nothing") }
            if blocks[Int(block)].older != older { broken.append("the list is torn at \(block)") }
            isFree[Int(block)] = true
            listed += 1
            older = block
            next = blocks[Int(block)].newer
        }
        if newestCached != older { broken.append("the list ends elsewhere") }
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

    /// What a published block ends and what it holds.
    func contents(of block: Int32) -> (prefix: PrefixID?, tokens: ArraySlice<Int32>) {
        let start = Int(block) * positionsPerBlock
        return (blocks[Int(block)].prefix, tokens[start..<start + positionsPerBlock])
    }
}
