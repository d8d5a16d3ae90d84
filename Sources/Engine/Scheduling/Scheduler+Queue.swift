// SPDX-License-Identifier: Apache-2.0

extension Scheduler {
    /// Puts a sequence into the queue.
    ///
    /// - Parameters:
    ///   - id: its identity, never used before.
    ///   - request: what it consists of.
    ///   - now: the caller's time.
    /// - Throws: `SchedulingError` if the queue is full or the sequence could never run.
    package mutating func add(
        _ id: SequenceID, _ request: SequenceRequest, at now: ContinuousClock.Instant
    ) throws(SchedulingError) {
        precondition(!request.promptTokens.isEmpty && request.maxTokens >= 0, "an empty sequence")
        precondition(request.maxTokens > 0 || request.promptTokens.count > 1, "nothing to compute")
        precondition(request.forkCount >= 0 && request.weight > 0, "an impossible sequence")
        precondition(request.maxTokens > 0 || request.forkCount == 0, "nothing to fork")
        let worstCaseCount = request.promptTokens.count + max(request.maxTokens - 1, 0)
        let needed = configuration.blocks(for: worstCaseCount)
        guard needed <= configuration.blockCount else {
            throw .tooLong(neededBlocks: needed, blockCount: configuration.blockCount)
        }
        let limit = configuration.maxSequences + configuration.maxQueuedSequences
        let count = sequenceCount + (running + waiting).reduce(0) { $0 + $1.forkCount }
        guard count + request.forkCount < limit else { throw .queueFull(limit: limit) }
        waiting.append(
            ScheduledSequence(
                id: id, arrival: nextArrival, promptCount: request.promptTokens.count,
                maxTokens: request.maxTokens, scoresPrompt: request.scoresPrompt,
                priority: request.priority,
                client: clients.join(request.client, weight: request.weight),
                scope: request.scope, deadline: request.deadline,
                dueTime: request.deadline ?? now + configuration.patience,
                forkCount: request.forkCount, tokens: request.promptTokens))
        nextArrival += UInt64(1 + request.forkCount)
    }

    /// The number of sequences with blocks.
    package var runningCount: Int { running.count }

    /// The number of sequences without blocks.
    package var waitingCount: Int { waiting.count }

    /// The number of all sequences.
    package var sequenceCount: Int { running.count + waiting.count }

    /// The number of KV blocks that can be handed out; many of them may be cached.
    package var freeBlockCount: Int { pool.freeCount }

    /// The number of KV blocks that hold a prefix and belong to no sequence.
    package var cachedBlockCount: Int { pool.cachedCount }

    /// The number of KV blocks in use.
    package var usedBlockCount: Int { pool.usedCount }

    /// What the prefix cache has done.
    package var cacheStatistics: CacheStatistics { pool.statistics }

    /// The tokens of a slice of the open step.
    package func tokens(of slice: ScheduledStep.Slice) -> ArraySlice<Int32> {
        let end = slice.startPosition + slice.tokenCount
        return running[slice.runningIndex].tokens[slice.startPosition..<end]
    }

    /// The blocks of a slice's sequence, from position 0 to at least the slice's end.
    package func blockTable(of slice: ScheduledStep.Slice) -> [Int32] {
        running[slice.runningIndex].blockTable
    }

    mutating func removeRunning(_ index: Int) {
        releaseBlocks(of: index)
        clients.leave(running[index].client)
        running.remove(at: index)
    }

    mutating func removeWaiting(_ index: Int) {
        clients.leave(waiting[index].client)
        waiting.swapAt(index, waiting.count - 1)
        waiting.removeLast()
    }

    /// Forgets the sequences that nobody wants any more, or whose prompts cannot be computed in
    /// time.
    mutating func expire(at now: ContinuousClock.Instant, into step: inout ScheduledStep) {
        for index in running.indices.reversed() {
            guard let deadline = running[index].deadline else { continue }
            var end = now
            // Only a prompt that has given nothing yet is judged by the time that it will take. The
            // choices of a request share its deadline and end together, so one that is computed
            // again must not expire while the others are decoding.
            if promptTokenTime > .zero, !running[index].isDecoding,
                running[index].tokens.count == running[index].promptCount
            {
                takeCachedBlocks(for: index)
                end += promptTokenTime * running[index].remainingCount
            }
            guard deadline <= end else { continue }
            step.expired.append(running[index].id)
            removeRunning(index)
        }
        for index in waiting.indices.reversed() {
            guard let deadline = waiting[index].deadline, deadline <= now else { continue }
            step.expired.append(waiting[index].id)
            removeWaiting(index)
        }
    }
}
