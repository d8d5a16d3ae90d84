// SPDX-License-Identifier: Apache-2.0

import Scheduling
import Testing

@Suite struct SchedulerRandomWalkTests {
    struct Setting: Sendable, CustomTestStringConvertible {
        var seed: UInt64
        var blockCount: Int
        var positionsPerBlock: Int
        var maxSequences: Int
        var admission = Scheduler.Admission.optimistic
        var cachesPrefixes = true
        var attentionWindow: Int?
        var namesPrefixes = false
        var stateCount = 0
        var spacing = 8

        var testDescription: String {
            "\(blockCount) blocks of \(positionsPerBlock), \(maxSequences) sequences, \(admission), "
                + "window \(attentionWindow.map(String.init) ?? "none"), caches \(cachesPrefixes), "
                + "disk \(namesPrefixes), \(stateCount) states, one every \(spacing)"
        }
    }

    static let settings = [
        Setting(seed: 1, blockCount: 4, positionsPerBlock: 6, maxSequences: 2),
        Setting(seed: 2, blockCount: 12, positionsPerBlock: 4, maxSequences: 5),
        Setting(seed: 3, blockCount: 20, positionsPerBlock: 4, maxSequences: 6),
        Setting(
            seed: 4, blockCount: 16, positionsPerBlock: 3, maxSequences: 8, admission: .worstCase),
        Setting(seed: 5, blockCount: 25, positionsPerBlock: 2, maxSequences: 7),
        Setting(
            seed: 6, blockCount: 12, positionsPerBlock: 4, maxSequences: 6, cachesPrefixes: false),
        Setting(
            seed: 7, blockCount: 16, positionsPerBlock: 3, maxSequences: 6, attentionWindow: 10),
        Setting(
            seed: 8, blockCount: 14, positionsPerBlock: 3, maxSequences: 6, namesPrefixes: true),
        Setting(
            seed: 9, blockCount: 16, positionsPerBlock: 2, maxSequences: 5, attentionWindow: 9,
            namesPrefixes: true),
        Setting(seed: 10, blockCount: 20, positionsPerBlock: 4, maxSequences: 6, stateCount: 9),
        Setting(
            seed: 11, blockCount: 30, positionsPerBlock: 2, maxSequences: 5, stateCount: 30,
            spacing: 4),
        Setting(seed: 12, blockCount: 12, positionsPerBlock: 4, maxSequences: 5, stateCount: 5),
        Setting(
            seed: 13, blockCount: 16, positionsPerBlock: 3, maxSequences: 8, admission: .worstCase,
            stateCount: 11),
    ]

    #if DEBUG
    static let stepCount = 15_000
    #else
    static let stepCount = 150_000
    #endif

    @Test(arguments: settings)
    func `nothing breaks, leaks or stays in a long random walk`(setting: Setting) {
        let configuration = Scheduler.Configuration(
            maxBatchTokens: setting.maxSequences + 9, maxLogitsRows: setting.maxSequences + 2,
            maxSequences: setting.maxSequences, maxQueuedSequences: 6,
            blockCount: setting.blockCount, positionsPerBlock: setting.positionsPerBlock,
            prefillChunkTokens: 11, prefillChunkTokensWhileDecoding: 5, prefillQuantumTokens: 3,
            admission: setting.admission, cachesPrefixes: setting.cachesPrefixes,
            prefixRoot: setting.namesPrefixes ? PrefixName(computation: "walk") : nil,
            attentionWindow: setting.attentionWindow, stateCount: setting.stateCount,
            checkpointSpacing: setting.spacing, leastCheckpointTokens: 3)
        var walk = RandomWalk(configuration, seed: setting.seed)
        for step in 0..<Self.stepCount {
            if let problem = walk.advance(arrivalsIn: step % 4_000 < 2_000 ? 3 : 12) {
                Issue.record("step \(step): \(problem); \(walk.step)")
                return
            }
        }
        var drainCount = 0
        while walk.liveCount > 0, drainCount < 20_000 {
            if let problem = walk.advance(arrivalsIn: nil) {
                Issue.record("draining: \(problem); \(walk.step)")
                return
            }
            drainCount += 1
        }
        let events = walk.events
        let cache = walk.scheduler.cacheStatistics
        #expect(walk.liveCount == 0 && walk.scheduler.sequenceCount == 0)
        #expect(walk.scheduler.usedBlockCount == 0)
        #expect(events.added > 100 && events.cancelled > 30 && events.expired > 10)
        #expect(events.failed > 10)
        #expect((setting.stateCount == 0) == (events.abandoned > 30))
        #expect(events.forked > 30 && (events.copied > 10 || setting.maxSequences == 2))
        #expect(events.preempted > 0)
        #expect(events.continued > 100 && events.rewound > 100)
        let guesses = setting.stateCount == 0
        #expect(guesses == (events.guessed > 20) && guesses == (events.confirmed > 5))
        #expect(setting.cachesPrefixes == (cache.hitTokens > 100))
        #expect(setting.cachesPrefixes == (cache.evictedBlocks > 100))
        #expect((setting.stateCount > 0) == (events.statesCopied > 100))
        #expect(setting.namesPrefixes == (events.saved > 100))
        #expect(setting.namesPrefixes == (events.restored > 100))
    }
}
