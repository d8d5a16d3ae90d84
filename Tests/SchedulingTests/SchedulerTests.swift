// SPDX-License-Identifier: Apache-2.0

import Scheduling
import Testing

@Suite struct SchedulerTests {
    private func shares(_ step: ScheduledStep) -> [UInt64: Int] {
        Dictionary(uniqueKeysWithValues: step.slices.map { ($0.id.rawValue, $0.tokenCount) })
    }

    @Test func `an idle scheduler gives an empty step`() {
        var driver = SchedulerDriver(.init(blockCount: 4))
        driver.run()
        #expect(driver.step.slices.isEmpty)
        #expect(driver.scheduler.checkInvariants() == [])
    }

    @Test func `a prompt is cut into chunks and sampled at its end`() throws {
        var driver = SchedulerDriver(
            .init(blockCount: 8, positionsPerBlock: 16, prefillChunkTokens: 40))
        let id = try driver.add(prompt: 100, maxTokens: 2)
        var seen: [[Int]] = []
        while driver.scheduler.sequenceCount > 0 {
            driver.run()
            seen += driver.step.slices.map {
                [$0.startPosition, $0.tokenCount, $0.samples ? 1 : 0]
            }
        }
        #expect(seen == [[0, 40, 0], [40, 40, 0], [80, 20, 1], [100, 1, 1]])
        #expect(driver.finished == [id])
        #expect(driver.scheduler.freeBlockCount == 8)
    }

    @Test func `slices carry the tokens and enough blocks`() throws {
        var scheduler = Scheduler(configuration: .init(blockCount: 8, positionsPerBlock: 4))
        let now = ContinuousClock.now
        try scheduler.add(
            SequenceID(rawValue: 1),
            SequenceRequest(promptTokens: [10, 11, 12, 13, 14], maxTokens: 4), at: now)
        var step = ScheduledStep()
        scheduler.schedule(into: &step, at: now)
        #expect(step.slices.map { Array(scheduler.tokens(of: $0)) } == [[10, 11, 12, 13, 14]])
        #expect(scheduler.blockTable(of: step.slices[0]) == [0, 1])
        scheduler.commit(step, outcomes: [.sampled(15)])
        scheduler.schedule(into: &step, at: now)
        #expect(step.slices.map { Array(scheduler.tokens(of: $0)) } == [[15]])
        #expect(step.slices[0].startPosition == 5)
        #expect(step.decodeCount == 1)
    }

    @Test func `decodes come first and shrink the chunk of prompts`() throws {
        var driver = SchedulerDriver(
            .init(blockCount: 64, prefillChunkTokens: 100, prefillChunkTokensWhileDecoding: 30))
        _ = try driver.add(prompt: 1, maxTokens: 50)
        driver.run()
        _ = try driver.add(prompt: 200, maxTokens: 1)
        driver.run()
        #expect(driver.step.slices.map(\.tokenCount) == [1, 30])
        #expect(driver.step.decodeCount == 1)
        #expect(driver.step.prefillCount == 30)
    }

    @Test func `many decodes allow a larger chunk`() throws {
        var driver = SchedulerDriver(
            .init(blockCount: 64, prefillChunkTokensWhileDecoding: 16, prefillTokensPerDecode: 4))
        for _ in 0..<10 { _ = try driver.add(prompt: 1, maxTokens: 50) }
        driver.run()
        _ = try driver.add(prompt: 200, maxTokens: 1)
        driver.run()
        #expect(driver.step.decodeCount == 10)
        #expect(driver.step.prefillCount == 40)
    }

    @Test func `the prompt nearest to its end comes first, the oldest every fourth turn`() throws {
        var driver = SchedulerDriver(
            .init(blockCount: 64, prefillChunkTokens: 128, prefillQuantumTokens: 32))
        for prompt in [400, 160, 320] { _ = try driver.add(prompt: prompt, maxTokens: 1) }
        driver.run()
        #expect(shares(driver.step) == [1: 32, 2: 96])
        driver.run()
        #expect(shares(driver.step) == [1: 32, 2: 64, 3: 32])
        driver.run()
        #expect(shares(driver.step) == [1: 32, 3: 96])
    }

    @Test func `a short prompt is not kept waiting by a long one`() throws {
        var driver = SchedulerDriver(
            .init(blockCount: 200, prefillChunkTokens: 64, prefillQuantumTokens: 32))
        _ = try driver.add(prompt: 2_000, maxTokens: 1)
        driver.run()
        let short = try driver.add(prompt: 40, maxTokens: 1)
        driver.run()
        driver.run()
        #expect(driver.finished == [short])
    }

    @Test func `a lone prompt gets what the others leave`() throws {
        var driver = SchedulerDriver(
            .init(blockCount: 64, prefillChunkTokens: 128, prefillQuantumTokens: 32))
        _ = try driver.add(prompt: 500, maxTokens: 1)
        _ = try driver.add(prompt: 10, maxTokens: 1)
        driver.run()
        #expect(shares(driver.step) == [1: 112, 2: 10])
    }

    @Test func `a step never exceeds its tokens`() throws {
        var driver = SchedulerDriver(
            .init(
                maxBatchTokens: 10, maxLogitsRows: 8, maxSequences: 8, blockCount: 64,
                prefillChunkTokens: 100, prefillChunkTokensWhileDecoding: 100))
        for _ in 0..<8 { _ = try driver.add(prompt: 30, maxTokens: 20) }
        while driver.scheduler.sequenceCount > 0 {
            driver.run()
            #expect(driver.step.tokenCount <= 10)
            #expect(driver.scheduler.checkInvariants() == [])
        }
        #expect(driver.finished.count == 8)
    }

    @Test func `the youngest is preempted when blocks run out, and computed again`() throws {
        var driver = SchedulerDriver(
            .init(blockCount: 5, positionsPerBlock: 4, prefillChunkTokens: 64))
        let old = try driver.add(prompt: 4, maxTokens: 13)
        let young = try driver.add(prompt: 4, maxTokens: 13)
        var preempted: [SequenceID] = []
        while driver.scheduler.sequenceCount > 0 {
            driver.run()
            preempted += driver.step.preempted
            #expect(driver.scheduler.checkInvariants() == [])
        }
        #expect(Set(preempted) == [young])
        #expect(driver.finished == [old, young])
    }

    @Test func `worst-case admission never preempts`() throws {
        var driver = SchedulerDriver(
            .init(blockCount: 6, positionsPerBlock: 4, admission: .worstCase))
        for _ in 0..<5 { _ = try driver.add(prompt: 5, maxTokens: 6) }
        while driver.scheduler.sequenceCount > 0 {
            driver.run()
            #expect(driver.step.preempted.isEmpty)
            #expect(driver.scheduler.runningCount <= 2)
        }
        #expect(driver.finished.count == 5)
    }

    @Test func `a full queue and an endless sequence are refused`() throws {
        var driver = SchedulerDriver(
            .init(maxSequences: 2, maxQueuedSequences: 1, blockCount: 4, positionsPerBlock: 4))
        for _ in 0..<3 { _ = try driver.add(prompt: 4, maxTokens: 1) }
        #expect(throws: SchedulingError.queueFull(limit: 3)) {
            try driver.add(prompt: 4, maxTokens: 1)
        }
        #expect(throws: SchedulingError.tooLong(neededBlocks: 5, blockCount: 4)) {
            try driver.add(prompt: 10, maxTokens: 8)
        }
        _ = driver.scheduler.cancel(SequenceID(rawValue: 1))
        _ = try driver.add(prompt: 10, maxTokens: 7)
    }

    @Test func `cancellation frees the blocks at once, at every stage`() throws {
        var driver = SchedulerDriver(
            .init(
                maxSequences: 2, blockCount: 8, positionsPerBlock: 16, prefillChunkTokens: 32,
                prefillChunkTokensWhileDecoding: 32))
        let decoding = try driver.add(prompt: 10, maxTokens: 20)
        driver.run()
        let prefilling = try driver.add(prompt: 90, maxTokens: 1)
        driver.run()
        let queued = try driver.add(prompt: 10, maxTokens: 1)
        driver.run()
        #expect(driver.scheduler.usedBlockCount == 7)
        #expect(driver.scheduler.waitingCount == 1)
        driver.cancel(queued)
        #expect(driver.scheduler.waitingCount == 0)
        driver.cancel(prefilling)
        #expect(driver.scheduler.usedBlockCount == 1)
        driver.cancel(decoding)
        #expect(driver.scheduler.freeBlockCount == 8)
        let wasThere = driver.scheduler.cancel(decoding)
        #expect(!wasThere)
        #expect(driver.scheduler.checkInvariants() == [])
    }

    @Test func `scoring asks for every row, within the limit, once`() throws {
        var driver = SchedulerDriver(
            .init(maxLogitsRows: 20, maxSequences: 4, blockCount: 16, prefillChunkTokens: 64))
        let id = try driver.add(prompt: 50, maxTokens: 2, scoresPrompt: true)
        var slices: [ScheduledStep.Slice] = []
        while driver.scheduler.sequenceCount > 0 {
            driver.run()
            slices += driver.step.slices
            #expect(driver.step.slices.allSatisfy { $0.id == id })
        }
        #expect(slices.map(\.tokenCount) == [20, 20, 10, 1])
        #expect(slices.map(\.logits) == [.all, .all, .all, .last])
    }

    @Test func `a prompt that is only scored ends before its last token`() throws {
        var driver = SchedulerDriver(.init(blockCount: 16, prefillChunkTokens: 64))
        let id = try driver.add(prompt: 50, maxTokens: 0, scoresPrompt: true)
        driver.run(scoredEnd: [id: 49])
        #expect(driver.step.slices.map(\.tokenCount) == [49])
        #expect(driver.step.slices.map(\.samples) == [false])
        #expect(driver.finished == [id])
    }
}
