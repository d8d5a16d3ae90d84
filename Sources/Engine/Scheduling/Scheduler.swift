// SPDX-License-Identifier: Apache-2.0

internal import DequeModule

/// Decides which sequences run in each step, and with which KV blocks.
///
/// It knows ids only: no tensors, no clock, no text. A step is scheduled, computed by somebody
/// else, and committed before the next is scheduled. Sequences are admitted in the order of their
/// arrival. Sequences that decode always come first; prompts share the rest of a step in turns.
package struct Scheduler: Sendable {
    /// The limits.
    package let configuration: Configuration

    /// Sequences with blocks, the oldest first; all are older than all that wait.
    var running: [ScheduledSequence] = []

    /// Sequences without blocks, the oldest first.
    var waiting: Deque<ScheduledSequence> = []

    var pool: BlockPool
    var nextArrival: UInt64 = 0

    /// The arrival of the prompt that had the last turn.
    var lastPrefilledArrival: UInt64?

    /// Scratch of the prefill's turns: running indices and their shares of the step.
    var prefillIndices: [Int] = []
    var prefillShares: [Int] = []

    private var hasOpenStep = false

    /// Creates a scheduler without sequences.
    package init(configuration: Configuration) {
        self.configuration = configuration
        pool = BlockPool(blockCount: configuration.blockCount)
        running.reserveCapacity(configuration.maxSequences)
    }

    /// Fills the step with what to compute next; it is empty only if there is no sequence.
    ///
    /// - Parameter step: its memory is used again.
    package mutating func schedule(into step: inout ScheduledStep) {
        precondition(!hasOpenStep, "the last step was not committed")
        step.removeAll()
        scheduleDecodes(into: &step)
        if step.preempted.isEmpty { admit(into: &step) }
        schedulePrefills(into: &step)
        hasOpenStep = !step.slices.isEmpty
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
            running[index].computedCount += slice.tokenCount
            let scored = min(running[index].computedCount, running[index].promptCount - 1)
            running[index].scoredCount = max(running[index].scoredCount, scored)
            switch outcome {
            case .progressed:
                precondition(!slice.samples, "a token should have been sampled")
            case .sampled(let token):
                precondition(slice.samples, "no token should have been sampled")
                running[index].tokens.append(token)
            case .finished:
                pool.release(all: &running[index].blockTable)
                hasFinished = true
            }
        }
        if hasFinished { running.removeAll { $0.blockTable.isEmpty } }
    }

    /// Forgets a sequence wherever it is; its blocks are free at once.
    ///
    /// - Parameter id: the sequence.
    /// - Returns: whether there was such a sequence.
    @discardableResult package mutating func cancel(_ id: SequenceID) -> Bool {
        precondition(!hasOpenStep, "the last step was not committed")
        if let index = running.firstIndex(where: { $0.id == id }) {
            pool.release(all: &running[index].blockTable)
            running.remove(at: index)
            return true
        }
        if let index = waiting.firstIndex(where: { $0.id == id }) {
            waiting.remove(at: index)
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

    /// The sequence has ended, for whichever reason.
    case finished
}
