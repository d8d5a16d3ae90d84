// SPDX-License-Identifier: Apache-2.0

import Scheduling
import Testing

/// Sequences that get several tokens at once, or lose some.
@Suite struct TokenRunTests {
    private var scheduler: Scheduler
    private var step = ScheduledStep()
    private let now = ContinuousClock.now

    init() { scheduler = Self.makeScheduler() }

    private static func makeScheduler(
        blockCount: Int = 64, maxBatchTokens: Int = 40, attentionWindow: Int? = nil
    ) -> Scheduler {
        Scheduler(
            configuration: .init(
                maxBatchTokens: maxBatchTokens, maxLogitsRows: 8, maxSequences: 8,
                blockCount: blockCount, positionsPerBlock: 4, prefillChunkTokens: 20,
                prefillChunkTokensWhileDecoding: 10, attentionWindow: attentionWindow))
    }

    private mutating func add(_ id: UInt64, prompt: Int, maxTokens: Int = 50, forks: Int = 0) throws
    {
        let first = Int32(id) * 1_000
        var request = SequenceRequest(
            promptTokens: (0..<Int32(prompt)).map { first + $0 }, maxTokens: maxTokens)
        request.forkCount = forks
        try scheduler.add(SequenceID(rawValue: id), request, at: now)
    }

    /// Makes a step in which every slice that samples has this outcome.
    private mutating func run(_ outcome: SliceOutcome) {
        scheduler.schedule(into: &step, at: now)
        scheduler.commit(
            step, outcomes: step.slices.map { $0.samples ? outcome : .progressed })
        #expect(scheduler.checkInvariants() == [])
    }

    private mutating func next() -> [ScheduledStep.Slice] {
        scheduler.schedule(into: &step, at: now)
        return step.slices
    }

    @Test mutating func `tokens that came together are one slice with the logits of the last`()
        throws
    {
        try add(1, prompt: 5)
        run(.continued([7, 8, 9]))
        let slice = try #require(next().first)
        #expect(slice.startPosition == 5 && slice.tokenCount == 3)
        #expect(slice.logits == .last && slice.samples)
        #expect(Array(scheduler.tokens(of: slice)) == [7, 8, 9])
        #expect(step.decodeCount == 1 && step.runTokenCount == 2 && step.prefillCount == 0)
    }

    @Test mutating func `a long run comes in parts, and only the last samples`() throws {
        try add(1, prompt: 3)
        try add(2, prompt: 2)
        run(.continued(Array(0..<25)))
        var counts: [Int] = []
        for _ in 0..<3 {
            scheduler.schedule(into: &step, at: now)
            #expect(step.tokenCount <= 40)
            #expect(step.slices.allSatisfy { $0.samples == ($0.tokenCount == 3) })
            counts.append(step.slices.first?.tokenCount ?? 0)
            scheduler.commit(
                step, outcomes: step.slices.map { $0.samples ? .sampled(1) : .progressed })
            #expect(scheduler.checkInvariants() == [])
        }
        #expect(counts == [11, 11, 3])
        #expect(next().map(\.tokenCount) == [1, 1])
    }

    @Test mutating func `a run leaves a token to every sequence that decodes`() throws {
        scheduler = Self.makeScheduler(maxBatchTokens: 9)
        for id in 1...8 { try add(UInt64(id), prompt: 2) }
        for _ in 0..<6 { run(.sampled(1)) }
        run(.continued([1, 2, 3, 4]))
        #expect(next().map(\.tokenCount) == [2, 1, 1, 1, 1, 1, 1, 1])
    }

    @Test mutating func `a run that does not fit takes the blocks that there are`() throws {
        scheduler = Self.makeScheduler(blockCount: 6)
        try add(1, prompt: 8, maxTokens: 16)
        try add(2, prompt: 8, maxTokens: 16)
        run(.sampled(3))
        run(.continued([1, 2, 3, 4, 5, 6, 7, 8]))
        for _ in 0..<6 where scheduler.sequenceCount > 0 { run(.sampled(2)) }
        #expect(scheduler.runningCount >= 1)
        scheduler.cancel(SequenceID(rawValue: 1))
        scheduler.cancel(SequenceID(rawValue: 2))
        #expect(scheduler.usedBlockCount == 0)
    }

    @Test mutating func `a fork begins with several tokens, too`() throws {
        try add(1, prompt: 5, forks: 1)
        scheduler.schedule(into: &step, at: now)
        scheduler.fork(step.slices[0], into: SequenceID(rawValue: 2), token: 4, then: [5, 6])
        scheduler.commit(step, outcomes: [.sampled(3)])
        #expect(scheduler.checkInvariants() == [])
        let slices = next()
        #expect(slices.map(\.tokenCount) == [1, 3])
        #expect(Array(scheduler.tokens(of: slices[1])) == [4, 5, 6])
        #expect(step.copies.count == 1)
    }

    @Test mutating func `a sequence that goes back computes its last token again`() throws {
        try add(1, prompt: 6)
        run(.continued([1, 2, 3]))
        run(.rewound(toCount: 7))
        let slice = try #require(next().first)
        #expect(slice.startPosition == 6 && slice.tokenCount == 1 && slice.samples)
        #expect(Array(scheduler.tokens(of: slice)) == [1])
        // The second block was full and published; a copy of it is written.
        #expect(step.copies.count == 1)
        #expect(scheduler.blockTable(of: slice)[1] == step.copies[0].destination)
        scheduler.commit(step, outcomes: [.sampled(5)])
        #expect(scheduler.checkInvariants() == [])
    }

    @Test mutating func `a sequence may go back to its prompt, and blocks become free`() throws {
        try add(1, prompt: 4)
        run(.continued(Array(1...12)))
        run(.sampled(13))
        run(.rewound(toCount: 4))
        #expect(scheduler.usedBlockCount == 1)
        let slice = try #require(next().first)
        #expect(slice.startPosition == 3 && slice.tokenCount == 1)
    }

    @Test mutating func `one that cannot have a copy is computed again`() throws {
        scheduler = Self.makeScheduler(blockCount: 4)
        try add(1, prompt: 5, maxTokens: 7)
        try add(2, prompt: 4, maxTokens: 7)
        scheduler.schedule(into: &step, at: now)
        scheduler.commit(
            step,
            outcomes: step.slices.map { $0.tokenCount == 5 ? .continued([1, 2, 3]) : .sampled(4) })
        scheduler.schedule(into: &step, at: now)
        let outcomes: [SliceOutcome] = step.slices.map {
            $0.id.rawValue == 1 ? .rewound(toCount: 6) : .sampled(5)
        }
        scheduler.commit(step, outcomes: outcomes)
        #expect(scheduler.checkInvariants() == [])
        #expect(scheduler.runningCount == 1 && scheduler.waitingCount == 1)
    }

    @Test mutating func `what left the attention window is computed again`() throws {
        scheduler = Self.makeScheduler(attentionWindow: 6)
        try add(1, prompt: 4)
        for token in 1...12 { run(.sampled(Int32(token))) }
        run(.rewound(toCount: 6))
        #expect(scheduler.waitingCount == 1)
        run(.sampled(1))
        #expect(scheduler.runningCount == 1)
    }
}
