// SPDX-License-Identifier: Apache-2.0

import Scheduling
import Testing

@Suite struct BackgroundTests {
    private func request(
        _ count: Int, maxTokens: Int = 4, first: Int32, inBackground: Bool = true, client: Int = 1
    ) -> SequenceRequest {
        SequenceRequest(
            promptTokens: (0..<Int32(count)).map { first * 10_000 + $0 }, maxTokens: maxTokens,
            priority: inBackground ? SequenceRequest.backgroundPriority : 1000,
            client: ClientID(rawValue: client))
    }

    @Test func `the background stands still while anybody else has a sequence`() throws {
        var driver = SchedulerDriver(.init(blockCount: 200))
        let back = try driver.add(request(40, maxTokens: 100, first: 1))
        let prompt = try driver.add(request(1_000, maxTokens: 100, first: 2))
        for _ in 0..<3 { driver.run() }
        #expect(driver.step.slices.contains { $0.id == back })
        let before = driver.generated[back]
        let front = try driver.add(
            request(100, maxTokens: 20, first: 3, inBackground: false, client: 2))
        while driver.limits[front] != nil {
            driver.run()
            #expect(driver.step.slices.allSatisfy { $0.id == front })
        }
        #expect(driver.generated[back] == before)
        #expect(driver.scheduler.backgroundCount == (running: 2, waiting: 0))
        driver.run()
        #expect(Set(driver.step.slices.map(\.id)) == [back, prompt])
        // It had kept its blocks, and goes on where it stood.
        #expect(driver.step.slices.first { $0.id == back }?.tokenCount == 1)
        #expect(driver.scheduler.checkInvariants() == [])
    }

    @Test func `the background gives its places and its blocks away`() throws {
        var driver = SchedulerDriver(.init(maxSequences: 2, blockCount: 20))
        let back = try (1...2).map { try driver.add(request(100, first: $0)) }
        driver.run()
        let front = try driver.add(request(200, first: 5, inBackground: false, client: 2))
        driver.run()
        #expect(driver.step.slices.map(\.id) == [front])
        #expect(!driver.step.preempted.isEmpty)
        while driver.scheduler.sequenceCount > 0 { driver.run() }
        #expect(Set(driver.finished) == Set(back + [front]))
    }

    @Test func `the background takes no place of the queue`() throws {
        var driver = SchedulerDriver(
            .init(maxSequences: 2, maxQueuedSequences: 1, blockCount: 200))
        for first in 1...5 { _ = try driver.add(request(16, first: Int32(first))) }
        for first in 6...8 {
            _ = try driver.add(request(16, first: Int32(first), inBackground: false))
        }
        #expect(throws: SchedulingError.queueFull(limit: 3)) {
            try driver.add(request(16, first: 9, inBackground: false))
        }
        #expect(driver.scheduler.checkInvariants() == [])
        while driver.scheduler.sequenceCount > 0 { driver.run() }
        #expect(driver.finished.count == 8)
    }

    @Test func `nothing of the background begins while others run`() throws {
        var driver = SchedulerDriver(.init(blockCount: 200))
        let front = try driver.add(request(32, maxTokens: 10, first: 1, inBackground: false))
        driver.run()
        let back = try driver.add(request(32, first: 2))
        while driver.limits[front] != nil {
            driver.run()
            #expect(driver.step.admitted == [])
        }
        driver.run()
        #expect(driver.step.admitted == [back])
    }

    @Test func `the background takes small steps for a while after others have asked`() throws {
        var driver = SchedulerDriver(
            .init(
                blockCount: 400, prefillChunkTokens: 256, prefillChunkTokensWhileDecoding: 64,
                courtesy: .seconds(10)))
        _ = try driver.add(request(16, maxTokens: 1, first: 1, inBackground: false))
        _ = try driver.add(request(2_000, first: 2))
        driver.run()
        driver.run()
        #expect(driver.step.tokenCount == 64)
        driver.now += .seconds(11)
        driver.run()
        #expect(driver.step.tokenCount == 256)
    }

    @Test func `a step that is given up is scheduled again as it was`() throws {
        var driver = SchedulerDriver(.init(blockCount: 200))
        _ = try driver.add(request(40, maxTokens: 100, first: 1))
        _ = try driver.add(request(1_000, maxTokens: 100, first: 2))
        driver.run()
        driver.scheduler.schedule(into: &driver.step, at: driver.now)
        let given = driver.step.slices
        driver.scheduler.abandon()
        #expect(driver.scheduler.checkInvariants() == [])
        driver.scheduler.schedule(into: &driver.step, at: driver.now)
        #expect(driver.step.slices == given)
    }

    @Test func `the prompts that the background has read make room first`() throws {
        var driver = SchedulerDriver(.init(blockCount: 40, positionsPerBlock: 16))
        let chat = request(160, maxTokens: 1, first: 1, inBackground: false)
        let other = request(160, maxTokens: 1, first: 2)
        _ = try driver.add(chat)
        while driver.scheduler.sequenceCount > 0 { driver.run() }
        for first in 3...8 {
            _ = try driver.add(request(160, maxTokens: 1, first: Int32(first)))
            while driver.scheduler.sequenceCount > 0 { driver.run() }
        }
        #expect(driver.scheduler.cachedBlockCount(of: chat) > 0)
        #expect(driver.scheduler.cachedBlockCount(of: other) == 0)
    }
}
