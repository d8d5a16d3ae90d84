// SPDX-License-Identifier: Apache-2.0

extension Scheduler {
    /// A sequence that is to begin with all the tokens of another and go on differently.
    struct PendingFork: Sendable {
        let id: SequenceID
        let arrival: UInt64
        let originIndex: Int
        let token: Int32
    }

    /// Goes on from a slice with a second sequence, whose next token is another.
    ///
    /// Both share the blocks that are full; the last one is copied if it is not. Where no block or
    /// no place is free, the new sequence waits and finds the full blocks in the cache later.
    ///
    /// - Parameters:
    ///   - slice: one that samples, of the open step and of a sequence with `forkCount` left.
    ///   - id: the new sequence.
    ///   - token: its next token.
    package mutating func fork(_ slice: ScheduledStep.Slice, into id: SequenceID, token: Int32) {
        let index = slice.runningIndex
        precondition(hasOpenStep && slice.samples, "nothing to fork")
        precondition(running[index].forkCount > 0, "\(slice.id) was not to be forked")
        let arrival = running[index].arrival + UInt64(running[index].forkCount)
        running[index].forkCount -= 1
        pendingForks.append(
            PendingFork(id: id, arrival: arrival, originIndex: index, token: token))
    }

    /// Adds the sequences that were forked from the step being committed.
    mutating func makeForks() {
        if pendingForks.isEmpty { return }
        for fork in pendingForks {
            let origin = running[fork.originIndex]
            var sequence = ScheduledSequence(
                id: fork.id, arrival: fork.arrival, promptCount: origin.promptCount,
                maxTokens: origin.maxTokens, scoresPrompt: false, priority: origin.priority,
                client: origin.client, scope: origin.scope, deadline: origin.deadline,
                dueTime: origin.dueTime, forkCount: 0,
                tokens: origin.tokens[..<origin.computedCount] + [fork.token])
            sequence.cachedCount = origin.cachedCount
            sequence.countedCount = origin.promptCount
            clients.joinAgain(origin.client)
            if shareBlocks(of: fork.originIndex, with: &sequence) {
                running.append(sequence)
            } else {
                sequence.wasPreempted = true
                waiting.append(sequence)
            }
        }
        pendingForks.removeAll(keepingCapacity: true)
    }

    /// Gives a fork its blocks; false if there is no place or no block for it.
    private mutating func shareBlocks(
        of originIndex: Int, with sequence: inout ScheduledSequence
    ) -> Bool {
        guard running.count < configuration.maxSequences else { return false }
        let origin = running[originIndex]
        let fullCount = origin.computedCount / configuration.positionsPerBlock
        let hasPart = origin.computedCount % configuration.positionsPerBlock != 0
        if configuration.admission == .worstCase {
            let growth = configuration.blocks(for: origin.worstCaseCount) - fullCount
            guard worstCaseGrowth + growth <= pool.freeCount else { return false }
        }
        if hasPart {
            guard let block = pool.allocate() else { return false }
            let source = origin.blockTable[fullCount]
            pendingCopies.append(ScheduledStep.BlockCopy(source: source, destination: block))
            sequence.blockTable = origin.blockTable[..<fullCount] + [block]
        } else {
            sequence.blockTable = Array(origin.blockTable[..<fullCount])
        }
        for block in origin.blockTable[origin.leftCount..<fullCount] { pool.retain(block) }
        sequence.leftCount = origin.leftCount
        sequence.publishedCount = origin.publishedCount
        sequence.prefix = origin.prefix
        sequence.computedCount = origin.computedCount
        return true
    }
}
