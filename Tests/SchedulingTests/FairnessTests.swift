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

    /// A client with many sequences that run, or will run, for long.
    private func crowd(
        _ driver: inout SchedulerDriver, _ count: Int, of client: Int, weight: Double = 1,
        maxTokens: Int = 1_000, first: Int32
    ) throws -> [SequenceID] {
        try (0..<Int32(count)).map {
            try driver.add(
                request(9, of: client, weight: weight, maxTokens: maxTokens, first: first + $0))
        }
    }

    /// How many of the sequences are in the open step.
    private func places(_ driver: SchedulerDriver, of ids: [SequenceID]) -> Int {
        driver.step.slices.count { ids.contains($0.id) }
    }

    @Test func `a client that waits gets its part of the places from one that has more`() throws {
        var driver = SchedulerDriver(.init(maxSequences: 8, blockCount: 2_000))
        let many = try crowd(&driver, 8, of: 1, first: 1)
        for _ in 0..<5 { driver.run() }
        let one = try driver.add(request(9, of: 2, maxTokens: 3, first: 90))
        driver.run()
        #expect(driver.step.admitted == [one])
        #expect(driver.step.preempted == [many[7]])
        for _ in 0..<3 { driver.run() }
        #expect(driver.finished == [one])
        #expect(driver.step.admitted == [many[7]])
        #expect(driver.scheduler.runningCount == 8)
    }

    @Test func `places are shared by weight, and then nothing is preempted any more`() throws {
        var driver = SchedulerDriver(
            .init(maxSequences: 12, maxQueuedSequences: 100, blockCount: 4_000))
        let first = try crowd(&driver, 20, of: 1, weight: 2, first: 1)
        for _ in 0..<5 { driver.run() }
        let second = try crowd(&driver, 20, of: 2, first: 100)
        driver.run()
        #expect(driver.step.preempted.count == 4)
        #expect(places(driver, of: first) == 8 && places(driver, of: second) == 4)
        let third = try crowd(&driver, 20, of: 3, weight: 3, first: 200)
        driver.run()
        #expect(places(driver, of: first) == 4 && places(driver, of: second) == 2)
        #expect(places(driver, of: third) == 6)
        for _ in 0..<200 {
            driver.run()
            #expect(driver.step.preempted.isEmpty && driver.step.admitted.isEmpty)
        }
        for id in third { driver.cancel(id) }
        for _ in 0..<4 { driver.run() }
        #expect(places(driver, of: first) == 8 && places(driver, of: second) == 4)
        #expect(driver.scheduler.checkInvariants() == [])
    }

    @Test func `choices of one request share places like requests`() throws {
        var driver = SchedulerDriver(.init(maxSequences: 6, blockCount: 2_000))
        var several = request(9, of: 1, maxTokens: 500, first: 1)
        several.forkCount = 5
        let origin = try driver.add(several)
        driver.run()
        let forks = try #require(driver.forks[origin])
        #expect(driver.scheduler.runningCount == 6)
        let other = try crowd(&driver, 9, of: 2, first: 50)
        driver.run()
        #expect(driver.step.preempted == [forks[0], forks[1], forks[2]])
        #expect(driver.step.admitted == Array(other[..<3]))
        for id in other { driver.cancel(id) }
        driver.run()
        #expect(driver.scheduler.runningCount == 6)
        #expect(driver.scheduler.checkInvariants() == [])
    }

    @Test func `one place each is enough where there are more clients than places`() throws {
        var driver = SchedulerDriver(.init(maxSequences: 3, blockCount: 2_000))
        _ = try crowd(&driver, 3, of: 1, first: 1)
        driver.run()
        for client in 2...5 { _ = try crowd(&driver, 2, of: client, first: Int32(client * 10)) }
        driver.run()
        #expect(driver.step.preempted.count == 2 && driver.step.admitted.count == 2)
        for _ in 0..<50 {
            driver.run()
            #expect(driver.step.preempted.isEmpty)
        }
    }

    @Test func `nobody is preempted for what would not fit even then`() throws {
        var driver = SchedulerDriver(
            .init(maxSequences: 8, blockCount: 20, positionsPerBlock: 4))
        _ = try crowd(&driver, 4, of: 1, maxTokens: 40, first: 1)
        driver.run()
        _ = try driver.add(request(70, of: 2, maxTokens: 3, first: 90))
        driver.run()
        #expect(driver.step.preempted.isEmpty && driver.step.admitted.isEmpty)
    }

    @Test func `blocks that run out are those of the client with too many places`() throws {
        var driver = SchedulerDriver(
            .init(maxSequences: 8, blockCount: 21, positionsPerBlock: 4))
        let many = try crowd(&driver, 4, of: 1, maxTokens: 60, first: 1)
        driver.run()
        let one = try driver.add(request(9, of: 2, maxTokens: 20, first: 90))
        var preempted: Set<SequenceID> = []
        while driver.scheduler.sequenceCount == 5 {
            driver.run()
            preempted.formUnion(driver.step.preempted)
        }
        #expect(driver.finished == [one])
        #expect(!preempted.isEmpty && preempted.isSubset(of: many[1...]))
    }

    @Test func `the places of another class are not shared`() throws {
        var driver = SchedulerDriver(.init(maxSequences: 4, blockCount: 2_000))
        _ = try crowd(&driver, 4, of: 1, first: 1)
        driver.run()
        _ = try driver.add(request(9, of: 2, priority: 1, maxTokens: 3, first: 90))
        driver.run()
        #expect(driver.step.preempted.isEmpty && driver.step.admitted.isEmpty)
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

    @Test func `a choice that is computed again expires with its siblings, not before`() throws {
        var driver = SchedulerDriver(
            .init(
                maxSequences: 2, blockCount: 200, prefillChunkTokensWhileDecoding: 4,
                cachesPrefixes: false))
        var several = request(40, of: 1, maxTokens: 500, first: 1)
        several.forkCount = 1
        several.deadline = driver.now + .milliseconds(300)
        let origin = try driver.add(several)
        driver.run()
        let fork = try #require(driver.forks[origin]?.first)
        _ = try driver.add(request(9, of: 2, maxTokens: 1, first: 2))
        driver.run()
        #expect(driver.step.preempted == [fork])
        for _ in 0..<9 where !driver.step.admitted.contains(fork) { driver.run() }
        #expect(driver.step.admitted == [fork])
        // What is left of the fork takes longer than until the deadline.
        driver.scheduler.promptTokenTime = .milliseconds(10)
        driver.run()
        #expect(driver.step.expired.isEmpty)
        #expect(Set(driver.step.slices.map(\.id)) == [origin, fork])
        driver.now += .milliseconds(300)
        driver.run()
        #expect(Set(driver.step.expired) == [origin, fork])
        #expect(driver.scheduler.sequenceCount == 0)
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
