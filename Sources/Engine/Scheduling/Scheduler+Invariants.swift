// SPDX-License-Identifier: Apache-2.0

private import DequeModule

extension Scheduler {
    /// Checks everything that must hold between two steps.
    ///
    /// - Returns: one line for each rule that is broken; none if all is well.
    /// - Complexity: O(blocks + sequences²).
    package func checkInvariants() -> [String] {
        var broken = checkBlocks()
        func check(_ isTrue: Bool, _ rule: @autoclosure () -> String) {
            if !isTrue { broken.append(rule()) }
        }
        check(running.count <= configuration.maxSequences, "\(running.count) sequences run")
        check(
            sequenceCount <= configuration.maxSequences + configuration.maxQueuedSequences,
            "\(sequenceCount) sequences")
        var arrival: UInt64?
        for sequence in running {
            check(arrival.map { $0 < sequence.arrival } ?? true, "running out of order")
            arrival = sequence.arrival
            check(!sequence.blockTable.isEmpty, "\(sequence.id) runs without blocks")
            check(
                sequence.blockTable.count * configuration.positionsPerBlock
                    >= sequence.computedCount, "\(sequence.id) has too few blocks")
            check(
                sequence.blockTable.count <= configuration.blocks(for: sequence.worstCaseCount),
                "\(sequence.id) has too many blocks")
            check(sequence.remainingCount >= 1, "\(sequence.id) has nothing to do")
        }
        for sequence in waiting {
            check(arrival.map { $0 < sequence.arrival } ?? true, "waiting out of order")
            arrival = sequence.arrival
            check(sequence.blockTable.isEmpty, "\(sequence.id) waits with blocks")
            check(sequence.computedCount == 0, "\(sequence.id) waits with computed tokens")
        }
        for sequence in running {
            check(
                sequence.tokens.count <= sequence.promptCount + sequence.maxTokens,
                "\(sequence.id) has too many tokens")
            check(sequence.scoredCount < sequence.promptCount, "\(sequence.id) scored too much")
        }
        return broken
    }

    /// Checks that every block is free once or owned as often as it is counted.
    private func checkBlocks() -> [String] {
        var broken: [String] = []
        var owners = Array(repeating: Int32(0), count: pool.blockCount)
        for sequence in running {
            for block in sequence.blockTable { owners[Int(block)] += 1 }
        }
        if owners != pool.referenceCounts { broken.append("reference counts are wrong") }
        for block in pool.freeBlocks { owners[Int(block)] -= 1 }
        for (block, count) in owners.enumerated() where count < 0 && count != -1 {
            broken.append("block \(block) is free more than once")
        }
        if owners.contains(0) { broken.append("a block is neither free nor owned") }
        let owned = owners.count { $0 > 0 }
        if owned + pool.freeCount != pool.blockCount { broken.append("free blocks are owned") }
        return broken
    }
}
