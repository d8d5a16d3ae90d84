// SPDX-License-Identifier: Apache-2.0

/// Decides which sequences run in each step, and with which KV blocks.
///
/// It knows ids only: no tensors, no clock, no text. A step is scheduled, computed by somebody
/// else, and committed before the next is scheduled. Sequences that decode always come first;
/// prompts share the rest of a step. Lower priorities come before higher ones, then clients
/// with less than their part of the places, then the client that has had the least work done, then
/// the sequence that is due first. What was computed for a
/// sequence stays cached after it, for whoever begins with the same tokens.
package struct Scheduler: Sendable {
    /// The limits.
    package let configuration: Configuration

    /// Sequences with blocks, the senior ones first; those admitted in the open step come last.
    var running: [ScheduledSequence] = []

    /// Sequences without blocks, in no order.
    var waiting: [ScheduledSequence] = []

    /// How long a prompt's token takes at least, as far as is known: a sequence that would miss its
    /// deadline is not begun.
    package var promptTokenTime = Duration.zero

    var pool: BlockPool
    var clients = ClientShares()
    var nextArrival: UInt64 = 0

    /// Scratch of a step's prompts.
    var turns: [PrefillTurn] = []

    /// What the next step must copy.
    var pendingCopies: [ScheduledStep.BlockCopy] = []

    /// What is forked from the open step's sequences when it is committed.
    var pendingForks: [PendingFork] = []

    var hasOpenStep = false

    /// Creates a scheduler without sequences.
    package init(configuration: Configuration) {
        self.configuration = configuration
        pool = BlockPool(
            blockCount: configuration.blockCount,
            positionsPerBlock: configuration.positionsPerBlock)
        running.reserveCapacity(configuration.maxSequences)
    }

    /// Fills the step with what to compute next; it is empty only if there is no sequence.
    ///
    /// - Parameters:
    ///   - step: its memory is used again.
    ///   - now: the caller's time.
    package mutating func schedule(
        into step: inout ScheduledStep, at now: ContinuousClock.Instant
    ) {
        precondition(!hasOpenStep, "the last step was not committed")
        step.removeAll()
        expire(at: now, into: &step)
        makeRoomForUrgent(into: &step)
        makeRoomForShares(into: &step)
        let hasRoom = scheduleDecodes(into: &step)
        let oldCount = running.count
        if hasRoom { admit(into: &step) }
        schedulePrefills(into: &step, newFrom: oldCount)
        if step.slices.isEmpty { return }
        hasOpenStep = true
        swap(&step.copies, &pendingCopies)
    }

    /// Takes over the results of a step.
    ///
    /// - Parameters:
    ///   - step: the step that was scheduled last.
    ///   - outcomes: one for each slice, in order.
    package mutating func commit(_ step: borrowing ScheduledStep, outcomes: [SliceOutcome]) {
        precondition(hasOpenStep, "no step to commit")
        precondition(outcomes.count == step.slices.count, "\(outcomes.count) outcomes")
        hasOpenStep = false
        var hasFinished = false
        for (slice, outcome) in zip(step.slices, outcomes) {
            let index = slice.runningIndex
            precondition(running[index].id == slice.id, "the step is not the last one")
            if outcome == .failed {
                hasFinished = true
                continue
            }
            running[index].computedCount += slice.tokenCount
            let scored = min(running[index].computedCount, running[index].promptCount - 1)
            running[index].scoredCount = max(running[index].scoredCount, scored)
            publishBlocks(of: index)
            releaseBlocksBehindWindow(of: index)
            switch outcome {
            case .progressed:
                precondition(!slice.samples, "a token should have been sampled")
            case .sampled(let token):
                precondition(slice.samples, "no token should have been sampled")
                running[index].tokens.append(token)
            case .finished, .failed:
                hasFinished = true
            }
        }
        makeForks()
        if hasFinished { removeFinished(step, outcomes) }
        sortRunning()
    }

    private mutating func removeFinished(
        _ step: borrowing ScheduledStep, _ outcomes: [SliceOutcome]
    ) {
        for (slice, outcome) in zip(step.slices, outcomes)
        where outcome == .finished || outcome == .failed {
            if let index = running.firstIndex(where: { $0.id == slice.id }) { removeRunning(index) }
        }
    }

    /// Forgets a sequence wherever it is; its blocks are free at once.
    ///
    /// - Parameter id: the sequence.
    /// - Returns: whether there was such a sequence.
    @discardableResult package mutating func cancel(_ id: SequenceID) -> Bool {
        precondition(!hasOpenStep, "the last step was not committed")
        if let index = running.firstIndex(where: { $0.id == id }) {
            removeRunning(index)
            return true
        }
        if let index = waiting.firstIndex(where: { $0.id == id }) {
            removeWaiting(index)
            return true
        }
        return false
    }
}

/// What became of a slice.
package enum SliceOutcome: Hashable, Sendable {
    /// Its tokens are in the cache; more of the prompt follows.
    case progressed

    /// The next token.
    case sampled(Int32)

    /// The sequence has ended, for whichever reason; its tokens are in the cache.
    case finished

    /// The sequence has ended because its tokens could not be computed.
    case failed
}
