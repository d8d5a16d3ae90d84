// SPDX-License-Identifier: Apache-2.0

import Scheduling
import Testing

@Suite struct PrefixCacheTests {
    private func request(_ count: Int, last: Int32 = 0, scope: String = "") -> SequenceRequest {
        SequenceRequest(
            promptTokens: (1..<Int32(count)).map { $0 } + [last], maxTokens: 3,
            scope: CacheScope(rawValue: scope))
    }

    private func cachedCounts(_ step: ScheduledStep) -> [UInt64: Int] {
        Dictionary(uniqueKeysWithValues: step.slices.map { ($0.id.rawValue, $0.cachedCount) })
    }

    private func finish(_ driver: inout SchedulerDriver) {
        while driver.scheduler.sequenceCount > 0 { driver.run() }
    }

    @Test func `a prompt seen before is computed from its last block on`() throws {
        var driver = SchedulerDriver(.init(blockCount: 32, positionsPerBlock: 8))
        _ = try driver.add(request(40))
        finish(&driver)
        _ = try driver.add(request(40))
        driver.run()
        // The last token's logits are needed, so its block is computed again.
        #expect(driver.step.slices.map(\.startPosition) == [32])
        #expect(driver.step.slices.map(\.cachedCount) == [32])
        _ = try driver.add(request(38, last: 99))
        driver.run()
        #expect(cachedCounts(driver.step)[3] == 32)
        #expect(driver.scheduler.cacheStatistics.hitTokens == 64)
        #expect(driver.scheduler.cacheStatistics.missTokens == 40 + 8 + 6)
    }

    @Test func `an answer is found by the next turn of the conversation`() throws {
        var driver = SchedulerDriver(.init(blockCount: 32, positionsPerBlock: 4))
        var first = request(6)
        first.maxTokens = 8
        _ = try driver.add(first)
        finish(&driver)
        // The driver's answer is all sevens; the last one is never in the cache.
        var second = first
        second.promptTokens += Array(repeating: 7, count: 8) + [50, 51, 52]
        _ = try driver.add(second)
        driver.run()
        #expect(driver.step.slices.map(\.startPosition) == [12])
    }

    @Test func `scopes share nothing`() throws {
        var driver = SchedulerDriver(.init(blockCount: 32, positionsPerBlock: 8))
        _ = try driver.add(request(40, scope: "a"))
        finish(&driver)
        _ = try driver.add(request(40, scope: "b"))
        driver.run()
        #expect(driver.step.slices.map(\.cachedCount) == [0])
    }

    @Test func `equal prompts that arrive together are computed once`() throws {
        var driver = SchedulerDriver(
            .init(blockCount: 64, positionsPerBlock: 8, prefillChunkTokens: 32))
        for last in 0..<6 { _ = try driver.add(request(65, last: Int32(1_000 + last))) }
        var computed = 0
        while driver.finished.count < 6 {
            driver.run()
            computed += driver.step.prefillCount
            #expect(driver.scheduler.checkInvariants() == [])
        }
        // Each computes its own last token; the first of them all the rest.
        #expect(computed <= 64 + 6)
        #expect(driver.scheduler.cacheStatistics.hitTokens == 5 * 64)
    }

    @Test func `who waits for another's prompt goes on alone when that one is cancelled`() throws {
        var driver = SchedulerDriver(
            .init(blockCount: 64, positionsPerBlock: 8, prefillChunkTokens: 16))
        let first = try driver.add(request(65))
        let second = try driver.add(request(65, last: 70))
        driver.run()
        #expect(driver.step.slices.map(\.id) == [first])
        driver.cancel(first)
        driver.run()
        #expect(driver.step.slices.map(\.id) == [second])
        #expect(driver.step.slices.map(\.startPosition) == [16])
    }

    @Test func `forks share full blocks and copy the last`() throws {
        var scheduler = Scheduler(configuration: .init(blockCount: 16, positionsPerBlock: 4))
        let now = ContinuousClock.now
        let ids = (1...3).map { SequenceID(rawValue: $0) }
        var origin = request(10)
        origin.forkCount = 2
        try scheduler.add(ids[0], origin, at: now)
        var step = ScheduledStep()
        scheduler.schedule(into: &step, at: now)
        scheduler.fork(step.slices[0], into: ids[1], token: 21)
        scheduler.fork(step.slices[0], into: ids[2], token: 22)
        scheduler.commit(step, outcomes: [.sampled(20)])
        #expect(scheduler.checkInvariants() == [])
        #expect(scheduler.usedBlockCount == 5)

        scheduler.schedule(into: &step, at: now)
        #expect(step.slices.map(\.startPosition) == [10, 10, 10])
        let last = Dictionary(
            uniqueKeysWithValues: step.slices.map { ($0.id, scheduler.tokens(of: $0).last) })
        #expect(last == [ids[0]: 20, ids[1]: 21, ids[2]: 22])
        let tables = step.slices.map { scheduler.blockTable(of: $0) }
        #expect(Set(tables.map { $0[..<2] }).count == 1)
        #expect(Set(tables.map { $0[2] }).count == 3)
        #expect(step.copies.count == 2)
        let source = try #require(step.slices.first { $0.id == ids[0] })
        let table = scheduler.blockTable(of: source)
        #expect(step.copies.allSatisfy { $0.source == table[2] })
    }

    @Test func `a fork outlives its origin`() throws {
        var scheduler = Scheduler(configuration: .init(blockCount: 16, positionsPerBlock: 4))
        let now = ContinuousClock.now
        var origin = request(10)
        origin.forkCount = 1
        try scheduler.add(SequenceID(rawValue: 1), origin, at: now)
        var step = ScheduledStep()
        scheduler.schedule(into: &step, at: now)
        scheduler.fork(step.slices[0], into: SequenceID(rawValue: 2), token: 21)
        scheduler.commit(step, outcomes: [.finished])
        #expect(scheduler.runningCount == 1)
        #expect(scheduler.checkInvariants() == [])
        scheduler.cancel(SequenceID(rawValue: 2))
        #expect(scheduler.usedBlockCount == 0)
    }

    @Test func `blocks behind the attention window are given up`() throws {
        var driver = SchedulerDriver(
            .init(
                blockCount: 32, positionsPerBlock: 4, prefillChunkTokens: 8,
                cachesPrefixes: false, attentionWindow: 10))
        _ = try driver.add(request(80))
        while driver.step.slices.first?.samples != true { driver.run() }
        // Positions 71 to 80 are seen by the next token: blocks 17 to 19, and one more to come.
        #expect(driver.scheduler.usedBlockCount == 3)
        #expect(driver.scheduler.checkInvariants() == [])
    }
}
