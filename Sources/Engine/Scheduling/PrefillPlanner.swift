// SPDX-License-Identifier: Apache-2.0

/// Shares what is left of a step among the prompts.
///
/// Each turn of `prefillQuantumTokens` goes to the lowest priority; there to the client that has had
/// the least work done; there to the prompt that is nearest to its end, so that a long one never
/// delays a short one by much, but every so many times to the one that is due first, so that short
/// ones never keep it waiting forever.
struct PrefillPlanner: Sendable {
    /// A running prompt and what it gets of the step.
    private struct Turn: Sendable {
        let index: Int
        var share = 0

        /// Whether it can take no more in this step.
        var isDone = false
    }

    private let configuration: Scheduler.Configuration

    /// Memory that every step uses again.
    private var turns: [Turn] = []

    init(_ configuration: Scheduler.Configuration) { self.configuration = configuration }

    /// Adds the prompts' parts to a step that has its decoding sequences already.
    ///
    /// - Parameters:
    ///   - step: gets a slice for each prompt that has a share.
    ///   - running: the sequences with blocks.
    ///   - firstNew: the index in `running` of the first sequence admitted in this step. From there
    ///     on all are prompts, even one that is cached up to its last token and so looks like a
    ///     sequence that decodes.
    ///   - blocks: where prompts find what has been computed for others in the meantime.
    ///   - clients: whose work is counted.
    ///   - isInBackground: whether all sequences are of the background; it stands still otherwise.
    ///   - isCourteous: whether the background takes small parts.
    mutating func plan(
        _ step: inout ScheduledStep, _ running: inout [ScheduledSequence], newFrom firstNew: Int,
        _ blocks: inout SequenceBlocks, _ clients: inout ClientShares, isInBackground: Bool = false,
        isCourteous: Bool = false
    ) {
        turns.removeAll(keepingCapacity: true)
        var standingCount = 0
        for index in running.indices {
            if !isInBackground, running[index].isBackground {
                standingCount += 1
                continue
            }
            guard index >= firstNew || !running[index].isDecoding else { continue }
            blocks.takeCached(for: &running[index])
            turns.append(Turn(index: index))
        }
        if turns.isEmpty { return }
        let chunk = chunkTokens(decodeCount: step.decodeCount)
        let isSmall = isInBackground && isCourteous
        var budget = min(
            isSmall ? min(chunk, configuration.prefillChunkTokensWhileDecoding) : chunk,
            configuration.maxBatchTokens - step.tokenCount)
        // Every running sequence may need a row to sample from; scoring takes what is beyond.
        var spareRows = configuration.maxLogitsRows - running.count + standingCount

        while budget > 0, let turn = nextTurn(running, clients) {
            if turns[turn].share == 0, isComputedElsewhere(turn, running, blocks) {
                turns[turn].isDone = true
                continue
            }
            let index = turns[turn].index
            let share = turns[turn].share
            var grant = min(configuration.prefillQuantumTokens, budget)
            // A step ends where the state is kept.
            if let end = blocks.nextCheckpoint(of: running[index])?.end {
                grant = min(grant, end - running[index].computedCount - share)
            }
            // A scored prompt needs rows from its first scored token on; the first of them is the
            // one that every sequence may have.
            let unscored = unscoredCount(of: running[index], after: share)
            let ownRow = running[index].isScoring && unscored > 0 || share == 0 ? 1 : 0
            if running[index].isScoring { grant = min(grant, unscored + spareRows + ownRow) }
            grant = wholeBlocks(grant, of: running[index], after: share)
            guard grant > 0 else {
                turns[turn].isDone = true
                continue
            }
            if running[index].isScoring { spareRows -= max(0, grant - unscored - ownRow) }
            turns[turn].share += grant
            turns[turn].isDone = turns[turn].share == running[index].remainingCount
            budget -= grant
            clients.charge(running[index].client, work: Double(grant))
            clients.noteTurn(of: running[index].client)
        }
        for turn in turns where turn.share > 0 {
            step.append(turn.share, of: &running[turn.index], at: turn.index, &blocks)
        }
    }

    /// The most prompt tokens of a step.
    private func chunkTokens(decodeCount: Int) -> Int {
        if decodeCount == 0 { return configuration.prefillChunkTokens }
        let share = decodeCount * configuration.prefillTokensPerDecode
        return max(configuration.prefillChunkTokensWhileDecoding, share)
    }

    /// The prompt whose turn it is.
    private func nextTurn(_ running: [ScheduledSequence], _ clients: ClientShares) -> Int? {
        var best: Int?
        for turn in turns.indices where !turns[turn].isDone {
            guard let chosen = best else {
                best = turn
                continue
            }
            if comesFirst(turns[turn], before: turns[chosen], running, clients) { best = turn }
        }
        return best
    }

    private func comesFirst(
        _ one: Turn, before other: Turn, _ running: [ScheduledSequence], _ clients: ClientShares
    ) -> Bool {
        let (first, second) = (running[one.index], running[other.index])
        if first.priority != second.priority { return first.priority < second.priority }
        if first.client != second.client {
            let work = clients[first.client].served
            let otherWork = clients[second.client].served
            return work != otherWork ? work < otherWork : first.client < second.client
        }
        let period = configuration.turnsPerOldest
        if clients[first.client].turnCount % period == period - 1 {
            if first.dueTime != second.dueTime { return first.dueTime < second.dueTime }
            return first.arrival < second.arrival
        }
        let left = first.remainingCount - one.share
        let otherLeft = second.remainingCount - other.share
        return left != otherLeft ? left < otherLeft : first.arrival < second.arrival
    }

    /// How many of the next tokens of a prompt come before those whose logits are wanted.
    private func unscoredCount(of sequence: ScheduledSequence, after share: Int) -> Int {
        max(0, sequence.scoredCount - sequence.computedCount - share)
    }

    /// Cuts a grant so that it ends with a block, if it does not end the prompt anyway: others can
    /// only share whole blocks.
    private func wholeBlocks(
        _ grant: Int, of sequence: ScheduledSequence, after share: Int
    ) -> Int {
        let left = sequence.remainingCount - share
        if grant >= left || turns.count == 1 { return min(grant, left) }
        let start = sequence.computedCount + share
        let size = configuration.positionsPerBlock
        let end = (start + grant) / size * size
        if end > start { return end - start }
        return share == 0 ? grant : 0
    }

    /// Whether another prompt computes in this step what this one needs next, so that waiting for
    /// the next step makes it free.
    private func isComputedElsewhere(
        _ turn: Int, _ running: [ScheduledSequence], _ blocks: borrowing SequenceBlocks
    ) -> Bool {
        guard configuration.cachesPrefixes else { return false }
        let sequence = running[turns[turn].index]
        if configuration.stateCount > 0 {
            return turns.contains { other in
                other.share > 0 && blocks.isAwaited(running[other.index], by: sequence)
            }
        }
        let start = sequence.computedCount
        let end = start + configuration.positionsPerBlock
        guard start == sequence.publishedCount * configuration.positionsPerBlock,
            end <= sequence.cacheableCount
        else { return false }
        return turns.contains { other in
            other.share > 0
                && running[other.index].publishedCount == sequence.publishedCount
                && running[other.index].prefix == sequence.prefix
                && running[other.index].scope == sequence.scope
                && running[other.index].tokens.count >= end
                && running[other.index].tokens[start..<end] == sequence.tokens[start..<end]
        }
    }
}
