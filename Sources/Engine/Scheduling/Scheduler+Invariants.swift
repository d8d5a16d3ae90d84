// SPDX-License-Identifier: Apache-2.0

extension Scheduler {
    /// Checks everything that must hold between two steps.
    ///
    /// - Returns: one line for each rule that is broken; none if all is well.
    /// - Complexity: O(blocks + tokens).
    package func checkInvariants() -> [String] {
        var owners = Array(repeating: Int32(0), count: pool.blockCount)
        for sequence in running {
            for block in sequence.blockTable[sequence.leftCount...] { owners[Int(block)] += 1 }
        }
        var broken = pool.checkInvariants(owners: owners)
        func check(_ isTrue: Bool, _ rule: @autoclosure () -> String) {
            if !isTrue { broken.append(rule()) }
        }
        check(running.count <= configuration.maxSequences, "\(running.count) sequences run")
        check(
            sequenceCount <= configuration.maxSequences + configuration.maxQueuedSequences,
            "\(sequenceCount) sequences")
        check(pendingForks.isEmpty, "forks are pending")
        for (one, other) in zip(running, running.dropFirst()) {
            check(one.isSenior(to: other), "\(one.id) and \(other.id) run out of order")
        }
        for sequence in running {
            broken += checkRunning(sequence)
        }
        for sequence in waiting {
            check(sequence.blockTable.isEmpty, "\(sequence.id) waits with blocks")
            check(sequence.computedCount == 0, "\(sequence.id) waits with computed tokens")
        }
        var counts = Array(repeating: 0, count: clients.shares.count)
        for sequence in running { counts[sequence.client] += 1 }
        for sequence in waiting { counts[sequence.client] += 1 }
        check(counts == clients.shares.map(\.sequenceCount), "clients are miscounted")
        return broken
    }

    /// Checks that no client waits with less than its part of the places while another of its class
    /// has more than its own, where blocks are not what is missing.
    ///
    /// Within a step that may not hold, for blocks are handed out and given back after the places
    /// were shared; it does not last for many steps.
    ///
    /// - Returns: one line for each client that is wronged.
    package func checkPlaces() -> [String] {
        guard configuration.admission == .optimistic,
            let priority = waiting.map(\.priority).min()
        else { return [] }
        var counted = self
        counted.countPlaces(of: priority)
        let shares = counted.clients
        let isAnyOver = running.contains {
            $0.priority == priority && shares.isOverServed($0.client)
        }
        let wronged = waiting.filter {
            isAnyOver && $0.priority == priority && shares.isUnderServed($0.client)
        }
        let canRun = wronged.allSatisfy {
            configuration.blocks(for: $0.targetCount) + running.count <= pool.freeCount
        }
        return canRun ? wronged.map { "\($0.id) waits for a place of its client's" } : []
    }

    private func checkRunning(_ sequence: ScheduledSequence) -> [String] {
        var broken: [String] = []
        func check(_ isTrue: Bool, _ rule: @autoclosure () -> String) {
            if !isTrue { broken.append("\(sequence.id) " + rule()) }
        }
        let size = configuration.positionsPerBlock
        let table = sequence.blockTable
        check(!table.isEmpty, "runs without blocks")
        check(table.count * size >= sequence.computedCount, "has too few blocks")
        check(
            table.count <= configuration.blocks(for: sequence.worstCaseCount),
            "has too many blocks")
        check(sequence.remainingCount >= 1, "has nothing to do")
        check(
            sequence.tokens.count <= sequence.promptCount + sequence.maxTokens,
            "has too many tokens")
        check(sequence.scoredCount < sequence.promptCount, "scored too much")
        check(sequence.cachedCount < sequence.promptCount, "found too much")
        let fullCount = configuration.cachesPrefixes ? sequence.computedCount / size : 0
        check(sequence.publishedCount == fullCount, "did not publish its blocks")
        var parent: PrefixID?
        for place in sequence.leftCount..<table.count {
            let (prefix, tokens) = pool.contents(of: table[place])
            if place < sequence.publishedCount {
                let own = sequence.tokens[place * size..<(place + 1) * size]
                check(prefix != nil && tokens == own, "owns block \(place) of somebody else")
                let isNext = parent == nil || pool.blocks[Int(table[place])].parent == parent
                check(isNext, "owns block \(place) of another prefix")
                parent = prefix
            } else {
                check(prefix == nil, "writes to a published block")
                let isFull = (place + 1) * size <= sequence.computedCount
                check(isFull || !pool.isShared(table[place]), "writes to a shared block")
            }
        }
        let isLast = sequence.publishedCount <= sequence.leftCount || parent == sequence.prefix
        check(isLast, "has lost its prefix")
        return broken
    }
}
