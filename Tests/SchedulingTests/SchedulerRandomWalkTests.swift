// SPDX-License-Identifier: Apache-2.0

import Scheduling
import Testing

@Suite struct SchedulerRandomWalkTests {
    /// SplitMix64, so that a failure can be repeated.
    struct SeededGenerator: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var z = state
            z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
            z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
            return z ^ (z >> 31)
        }
    }

    @Test(arguments: [
        (1, 4, 6, 2, Scheduler.Admission.optimistic), (2, 12, 4, 5, .optimistic),
        (3, 40, 8, 6, .optimistic), (4, 9, 3, 8, .worstCase), (5, 25, 16, 7, .optimistic),
    ])
    func `invariants hold after every step of a random walk`(
        seed: UInt64, blockCount: Int, positionsPerBlock: Int, maxSequences: Int,
        admission: Scheduler.Admission
    ) throws {
        var generator = SeededGenerator(state: seed)
        let configuration = Scheduler.Configuration(
            maxBatchTokens: maxSequences + 5, maxLogitsRows: maxSequences + 2,
            maxSequences: maxSequences, maxQueuedSequences: 6, blockCount: blockCount,
            positionsPerBlock: positionsPerBlock, prefillChunkTokens: 11,
            prefillChunkTokensWhileDecoding: 4, prefillQuantumTokens: 3, admission: admission)
        var driver = SchedulerDriver(configuration)
        let capacity = blockCount * positionsPerBlock
        var live: [SequenceID] = []
        var added = 0
        var cancelled = 0
        var preempted = 0

        for step in 0..<20_000 {
            if driver.scheduler.sequenceCount < maxSequences + 6,
                generator.next() % 10 < (step % 4_000 < 2_000 ? 3 : 1)
            {
                let prompt = Int.random(in: 1...(capacity / 2), using: &generator)
                let maxTokens = Int.random(in: 1...(capacity - prompt + 1), using: &generator)
                let scores = generator.next() % 5 == 0
                live.append(
                    try driver.add(prompt: prompt, maxTokens: maxTokens, scoresPrompt: scores))
                added += 1
            }
            if generator.next() % 40 == 0, let victim = live.randomElement(using: &generator) {
                driver.cancel(victim)
                live.removeAll { $0 == victim }
                cancelled += 1
            }
            let hadWork = driver.scheduler.sequenceCount > 0
            driver.run()
            preempted += driver.step.preempted.count
            live.removeAll { driver.finished.contains($0) }
            driver.finished.removeAll()
            let broken = driver.scheduler.checkInvariants()
            let isWithinLimits =
                driver.step.tokenCount <= configuration.maxBatchTokens
                && rowCount(driver.step) <= configuration.maxLogitsRows
                && hadWork == !driver.step.slices.isEmpty
            if !broken.isEmpty || !isWithinLimits {
                Issue.record("step \(step): \(broken), \(driver.step)")
                return
            }
        }
        var drainSteps = 0
        while driver.scheduler.sequenceCount > 0, drainSteps < 50_000 {
            driver.run()
            drainSteps += 1
        }
        #expect(driver.scheduler.sequenceCount == 0)
        #expect(driver.scheduler.freeBlockCount == blockCount)
        #expect(added > 100 && cancelled > 30)
        #expect(admission == .worstCase ? preempted == 0 : preempted > 0)
    }

    private func rowCount(_ step: ScheduledStep) -> Int {
        step.slices.reduce(0) { count, slice in
            switch slice.logits {
            case .none: count
            case .last: count + 1
            case .all: count + slice.tokenCount
            }
        }
    }
}
