// SPDX-License-Identifier: Apache-2.0

private import DequeModule

extension Scheduler {
    /// Puts a sequence at the end of the queue.
    ///
    /// - Parameters:
    ///   - id: its identity, never used before.
    ///   - promptTokens: at least one token.
    ///   - maxTokens: the most tokens it may generate; 0 only scores the prompt.
    ///   - scoresPrompt: whether the prompt's own logits are wanted.
    /// - Throws: `SchedulingError` if the queue is full or the sequence could never run.
    package mutating func add(
        _ id: SequenceID, promptTokens: [Int32], maxTokens: Int, scoresPrompt: Bool = false
    ) throws(SchedulingError) {
        precondition(!promptTokens.isEmpty && maxTokens >= 0, "an empty sequence")
        precondition(maxTokens > 0 || promptTokens.count > 1, "nothing to compute")
        let sequence = ScheduledSequence(
            id: id, arrival: nextArrival, promptCount: promptTokens.count, maxTokens: maxTokens,
            scoresPrompt: scoresPrompt, tokens: promptTokens)
        let needed = configuration.blocks(for: sequence.worstCaseCount)
        guard needed <= configuration.blockCount else {
            throw .tooLong(neededBlocks: needed, blockCount: configuration.blockCount)
        }
        let limit = configuration.maxSequences + configuration.maxQueuedSequences
        guard sequenceCount < limit else { throw .queueFull(limit: limit) }
        nextArrival += 1
        waiting.append(sequence)
    }

    /// The number of sequences with blocks.
    package var runningCount: Int { running.count }

    /// The number of sequences without blocks.
    package var waitingCount: Int { waiting.count }

    /// The number of all sequences.
    package var sequenceCount: Int { running.count + waiting.count }

    /// The number of free KV blocks.
    package var freeBlockCount: Int { pool.freeCount }

    /// The number of KV blocks in use.
    package var usedBlockCount: Int { pool.usedCount }

    /// The tokens of a slice of the open step.
    package func tokens(of slice: ScheduledStep.Slice) -> ArraySlice<Int32> {
        let end = slice.startPosition + slice.tokenCount
        return running[slice.runningIndex].tokens[slice.startPosition..<end]
    }

    /// The blocks of a slice's sequence, from position 0 to at least the slice's end.
    package func blockTable(of slice: ScheduledStep.Slice) -> [Int32] {
        running[slice.runningIndex].blockTable
    }

    /// Gives blocks to waiting sequences, in the order of their arrival.
    mutating func admit(into step: inout ScheduledStep) {
        while running.count < configuration.maxSequences, let next = waiting.first {
            let needed = configuration.blocks(for: next.targetCount)
            switch configuration.admission {
            case .optimistic:
                guard needed + running.count <= pool.freeCount else { return }
            case .worstCase:
                let promised = running.reduce(configuration.blocks(for: next.worstCaseCount)) {
                    $0 + configuration.blocks(for: $1.worstCaseCount)
                }
                guard promised <= configuration.blockCount else { return }
            }
            var admitted = waiting.removeFirst()
            admitted.blockTable.reserveCapacity(configuration.blocks(for: admitted.worstCaseCount))
            for _ in 0..<needed {
                guard let block = pool.allocate() else { preconditionFailure("blocks ran out") }
                admitted.blockTable.append(block)
            }
            step.admitted.append(admitted.id)
            running.append(admitted)
        }
    }

    /// Takes the blocks of the youngest running sequence, which will be computed again.
    mutating func preemptYoungest(into step: inout ScheduledStep) {
        guard var youngest = running.popLast() else { return }
        pool.release(all: &youngest.blockTable)
        youngest.computedCount = 0
        step.preempted.append(youngest.id)
        // Everything that waits is younger than everything that runs.
        waiting.prepend(youngest)
    }
}
