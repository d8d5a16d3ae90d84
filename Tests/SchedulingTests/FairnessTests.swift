// SPDX-License-Identifier: Apache-2.0

import Scheduling
import Testing

@Suite struct FairnessTests {
    private func request(
        _ count: Int, of client: Int = 0, weight: Double = 1, priority: Int = 0,
        maxTokens: Int = 1, first: Int32
    ) -> SequenceRequest {
        SequenceRequest(
            promptTokens: (0..<Int32(count)).map { first * 10_000 + $0 }, maxTokens: maxTokens,
            priority: priority, client: ClientID(rawValue: client), weight: weight)
    }

    /// The prompt tokens that each client's sequences got in some steps.
    private func work(
        _ driver: inout SchedulerDriver, steps: Int, clients: [SequenceID: Int]
    ) -> [Int: Int] {
        var work: [Int: Int] = [:]
        for _ in 0..<steps {
            driver.run()
            for slice in driver.step.slices {
                work[clients[slice.id] ?? 0, default: 0] += slice.tokenCount
            }
        }
        return work
    }

    @Test func `clients get equal work, however many requests they send`() throws {
        var driver = SchedulerDriver(
            .init(
                blockCount: 2_000, prefillChunkTokens: 64, prefillChunkTokensWhileDecoding: 64,
                prefillQuantumTokens: 32))
        var clients: [SequenceID: Int] = [:]
        for index in 0..<20 {
            clients[try driver.add(request(640, of: 1, first: Int32(index)))] = 1
        }
        clients[try driver.add(request(1_280, of: 2, first: 50))] = 2
        #expect(work(&driver, steps: 20, clients: clients) == [1: 640, 2: 640])
    }

    @Test func `a client with twice the weight gets twice the work`() throws {
        var driver = SchedulerDriver(
            .init(blockCount: 2_000, prefillChunkTokens: 96, prefillQuantumTokens: 32))
        var clients: [SequenceID: Int] = [:]
        clients[try driver.add(request(3_000, of: 1, first: 1))] = 1
        clients[try driver.add(request(3_000, of: 2, weight: 2, first: 2))] = 2
        #expect(work(&driver, steps: 20, clients: clients) == [1: 640, 2: 1_280])
    }

    @Test func `a client that comes late claims nothing for the past`() throws {
        var driver = SchedulerDriver(
            .init(blockCount: 2_000, prefillChunkTokens: 64, prefillQuantumTokens: 32))
        var clients: [SequenceID: Int] = [:]
        clients[try driver.add(request(4_000, of: 1, first: 1))] = 1
        _ = work(&driver, steps: 20, clients: clients)
        clients[try driver.add(request(4_000, of: 2, first: 2))] = 2
        #expect(work(&driver, steps: 10, clients: clients) == [1: 320, 2: 320])
    }

    @Test func `places go to the client that has had the least`() throws {
        var driver = SchedulerDriver(.init(maxSequences: 2, blockCount: 200))
        for index in 0..<4 {
            _ = try driver.add(request(40, of: 1, maxTokens: 3, first: Int32(index)))
        }
        let late = try driver.add(request(40, of: 2, maxTokens: 3, first: 9))
        driver.run()
        #expect(driver.step.admitted.contains(late))
    }

    @Test func `an urgent sequence takes the place of the youngest of the lowest class`() throws {
        var driver = SchedulerDriver(.init(maxSequences: 2, blockCount: 200))
        let normal = try driver.add(request(40, maxTokens: 9, first: 1))
        let idle = try driver.add(request(40, priority: 5, maxTokens: 9, first: 2))
        driver.run()
        let urgent = try driver.add(request(40, priority: -1, maxTokens: 2, first: 3))
        driver.run()
        #expect(driver.step.preempted == [idle])
        #expect(driver.step.admitted == [urgent])
        while driver.scheduler.sequenceCount > 0 { driver.run() }
        #expect(driver.finished == [urgent, normal, idle])
    }

    @Test func `who cannot be in time is not computed, unless its prompt is cached`() throws {
        var driver = SchedulerDriver(.init(blockCount: 200, prefillChunkTokens: 64))
        driver.scheduler.promptTokenTime = .milliseconds(10)
        func hurried(_ count: Int, first: Int32) -> SequenceRequest {
            var hurried = request(count, maxTokens: 2, first: first)
            hurried.deadline = driver.now + .seconds(1)
            return hurried
        }
        let short = try driver.add(hurried(60, first: 1))
        let long = try driver.add(hurried(320, first: 2))
        driver.run()
        driver.run()
        #expect(driver.step.expired == [long])
        while driver.scheduler.sequenceCount > 0 { driver.run() }
        #expect(driver.finished == [short])
        let cached = try driver.add(request(320, maxTokens: 2, first: 3))
        while driver.scheduler.sequenceCount > 0 { driver.run() }
        let again = try driver.add(hurried(320, first: 3))
        while driver.scheduler.sequenceCount > 0 { driver.run() }
        #expect(driver.finished == [short, cached, again])
        #expect(driver.scheduler.checkInvariants() == [])
    }

    @Test func `who has a deadline goes first, who has missed it goes away`() throws {
        var driver = SchedulerDriver(.init(maxSequences: 1, blockCount: 200))
        let patient = try driver.add(request(40, maxTokens: 2, first: 1))
        var hurried = request(40, maxTokens: 100, first: 2)
        hurried.deadline = driver.now + .seconds(5)
        let late = try driver.add(hurried)
        driver.run()
        #expect(driver.step.admitted == [late])
        driver.now += .seconds(5)
        driver.run()
        #expect(driver.step.expired == [late])
        #expect(driver.step.admitted == [patient])
        #expect(driver.scheduler.checkInvariants() == [])
    }
}
