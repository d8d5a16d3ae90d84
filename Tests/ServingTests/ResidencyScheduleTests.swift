// SPDX-License-Identifier: Apache-2.0

import Serving
import Synchronization
import Testing

@Suite struct ResidencyScheduleTests {
    /// Models that load, work and unload in a time of their own, in which nothing happens but what
    /// the schedule and the requests say.
    private struct World {
        /// What happens at a time.
        enum Happening {
            case loaded(Int)
            case unloaded(Int)
            case ended(Int)
            case request(Int, length: Double)
        }

        let budget: Int
        var schedule: ResidencySchedule
        let start = ContinuousClock.now
        var seconds = 0.0
        var agenda: [(at: Double, what: Happening)] = []
        var running: [Int]
        /// The waiters whose requests are still to be answered, with their lengths.
        var lengths: [UInt64: Double] = [:]
        var waited: [UInt64: Double] = [:]
        var answered = 0
        var refused = 0
        var longestWait = 0.0
        var seed: UInt64

        var now: ContinuousClock.Instant { start + .milliseconds(Int(seconds * 1000)) }

        init(
            budget: Int, byteCounts: [Int], pinned: Set<Int> = [], longestWait: Duration,
            seed: UInt64
        ) {
            self.budget = budget
            self.seed = seed
            schedule = ResidencySchedule(
                .init(budget: budget, patience: .seconds(2), longestWait: longestWait))
            running = byteCounts.map { _ in 0 }
            for (index, byteCount) in byteCounts.enumerated() {
                _ = schedule.add(
                    name: "model \(index)", byteCount: byteCount,
                    isPinned: pinned.contains(index), maxWaiting: 1000, at: start)
            }
        }

        mutating func draw(_ range: ClosedRange<Double>) -> Double {
            seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return range.lowerBound
                + Double(seed >> 11) / Double(1 << 53) * (range.upperBound - range.lowerBound)
        }

        mutating func plan(_ what: Happening, after delay: Double) {
            agenda.append((seconds + delay, what))
        }

        mutating func begin(_ index: Int, length: Double) {
            running[index] += 1
            answered += 1
            plan(.ended(index), after: length)
        }

        mutating func happen(_ what: Happening) {
            switch what {
            case .loaded(let index):
                schedule.noteLoaded(
                    index, byteCount: schedule.entries[index].byteCount, took: .seconds(1), at: now)
            case .unloaded(let index): schedule.noteUnloaded(index)
            case .ended(let index):
                running[index] -= 1
                if running[index] == 0 { schedule.noteIdle(index, at: now) }
            case .request(let index, let length):
                switch schedule.enter(index, at: now) {
                case .entered:
                    begin(index, length: length)
                    schedule.leave(index, at: now)
                case .mustWait:
                    let id = schedule.makeTicket()
                    let place = schedule.wait(
                        for: index, as: id, count: 1, deadline: nil, at: now
                    ) { _ in }
                    if case .success = place {
                        lengths[id] = length
                        waited[id] = seconds
                    } else {
                        refused += 1
                    }
                case .refused: refused += 1
                }
            }
        }

        /// Does what the schedule decides, and checks it.
        mutating func settle() {
            while true {
                let running = running
                let actions = schedule.decide(
                    at: now, isIdle: { running[$0] == 0 }, isQuiet: { running[$0] == 0 })
                for action in actions { perform(action) }
                check()
                if actions.isEmpty { return }
            }
        }

        mutating func perform(_ action: ResidencySchedule.Action) {
            switch action {
            case .load(let index):
                let time = draw(0.1...3)
                plan(.loaded(index), after: time)
            case .unload(let index, _):
                #expect(running[index] == 0, "a busy model is unloaded")
                #expect(!schedule.entries[index].isPinned, "a pinned model is unloaded")
                #expect(schedule.entries[index].useCount == 0, "a model in use is unloaded")
                let time = draw(0.01...0.5)
                plan(.unloaded(index), after: time)
            case .resume(let index, let waiters):
                #expect(schedule.entries[index].status == .loaded)
                for waiter in waiters {
                    longestWait = max(longestWait, seconds - (waited[waiter.id] ?? seconds))
                    begin(index, length: lengths.removeValue(forKey: waiter.id) ?? 0)
                }
                schedule.leave(index, at: now)
            case .refuse(let waiter, _):
                lengths[waiter.id] = nil
                refused += 1
            }
        }

        func check() {
            #expect(schedule.usedByteCount <= budget, "\(schedule.usedByteCount) of \(budget)")
        }

        /// Lets everything happen that is planned.
        mutating func run() {
            while true {
                settle()
                let deadline = schedule.nextDeadline(after: now).map {
                    Double(Int(start.duration(to: $0) / .milliseconds(1)) + 1) / 1000
                }
                let next = agenda.indices.min { agenda[$0].at < agenda[$1].at }
                if let next, agenda[next].at <= deadline ?? .infinity {
                    let (time, what) = agenda.remove(at: next)
                    seconds = max(seconds, time)
                    happen(what)
                } else if let deadline {
                    seconds = max(seconds, deadline)
                } else {
                    return
                }
            }
        }
    }

    @Test(arguments: 1...12)
    func `random requests never exceed the budget, and all are answered`(_ seed: Int) {
        var world = World(
            budget: 100, byteCounts: [60, 45, 30, 55, 20], pinned: seed % 3 == 0 ? [4] : [],
            longestWait: .seconds(1_000_000), seed: UInt64(seed) &* 7919)
        let count = 100
        for _ in 0..<count {
            let (time, length) = (world.draw(0...50), world.draw(0...6))
            let model = Int(world.draw(0...4.999))
            world.agenda.append((time, .request(model, length: length)))
        }
        world.run()
        #expect(world.answered == count)
        #expect(world.refused == 0)
        #expect(world.schedule.swapCount > 0)
    }

    @Test func `a model that is always busy starves nobody`() {
        var world = World(
            budget: 100, byteCounts: [80, 80, 10], longestWait: .seconds(1_000_000), seed: 1)
        // Model 0 has a new request before the last has ended, for five minutes.
        for index in 0..<300 {
            world.agenda.append((Double(index), .request(0, length: 1.5)))
        }
        for index in 0..<15 {
            world.agenda.append((Double(index) * 20, .request(1, length: 1)))
            world.agenda.append((Double(index) * 20 + 1, .request(2, length: 1)))
        }
        world.run()
        #expect(world.answered == 330)
        // Patience, what runs, unloading, loading: for both of them at most.
        #expect(world.longestWait < 20, "\(world.longestWait) s")
    }

    @Test func `those who wait too long for room are refused, and others are not`() {
        var world = World(
            budget: 100, byteCounts: [80, 80], longestWait: .seconds(10), seed: 1)
        world.agenda = [(0, .request(0, length: 100)), (5, .request(1, length: 1))]
        world.run()
        #expect(world.answered == 1)
        #expect(world.refused == 1)
    }

    @Test func `the model that was used least lately makes room`() {
        var world = World(
            budget: 100, byteCounts: [40, 40, 40], longestWait: .seconds(1000), seed: 1)
        world.agenda = [
            (0, .request(0, length: 1)), (10, .request(1, length: 1)),
            (20, .request(0, length: 1)), (30, .request(2, length: 1)),
        ]
        world.run()
        #expect(world.schedule.entries.map(\.status) == [.loaded, .unloaded, .loaded])
        #expect(world.schedule.swapCount == 1)
    }

    @Test func `what fits is loaded although a larger model waits for room`() {
        var world = World(
            budget: 100, byteCounts: [80, 80, 10], longestWait: .seconds(1000), seed: 1)
        world.agenda = [
            (0, .request(0, length: 50)), (10, .request(1, length: 1)),
            (11, .request(2, length: 1)),
        ]
        world.run()
        #expect(world.answered == 3)
        #expect(world.schedule.entries[1].waiters.isEmpty)
    }

    @Test func `a model that cannot be loaded is tried again later each time`() {
        var schedule = ResidencySchedule(.init(budget: 10, firstRetryDelay: .seconds(1)))
        let start = ContinuousClock.now
        _ = schedule.add(name: "a", byteCount: 5, isPinned: false, maxWaiting: 9, at: start)
        var delays: [Duration] = []
        var now = start
        for _ in 0..<8 {
            guard case .mustWait = schedule.enter(0, at: now) else {
                Issue.record("it is not tried again")
                return
            }
            let ticket = schedule.makeTicket()
            _ = schedule.wait(for: 0, as: ticket, count: 1, deadline: nil, at: now) { _ in }
            guard case .load(0)? = Self.decide(&schedule, at: now).first else {
                Issue.record("it is not loaded")
                return
            }
            let (waiters, delay) = schedule.noteFailure(0, reason: "broken", at: now)
            #expect(waiters.count == 1)
            guard
                case .refused(.unavailable(reason: "broken", retryAfter: delay)) =
                    schedule.enter(0, at: now)
            else {
                Issue.record("it is tried at once")
                return
            }
            delays.append(delay)
            now += delay
        }
        #expect(delays == [1, 2, 4, 8, 16, 32, 60, 60].map { .seconds($0) })
    }

    // MARK: The background

    /// Models of 10 bytes each.
    private static func schedule(
        budget: Int, modelCount: Int, maxWaiting: Int = 9, at start: ContinuousClock.Instant
    ) -> ResidencySchedule {
        var schedule = ResidencySchedule(
            .init(budget: budget, patience: .seconds(5), longestWait: .seconds(1_000_000)))
        for index in 0..<modelCount {
            _ = schedule.add(
                name: "model \(index)", byteCount: 10, isPinned: false, maxWaiting: maxWaiting,
                at: start)
        }
        return schedule
    }

    /// What is decided where some models are busy, and some of them with the background alone.
    private static func decide(
        _ schedule: inout ResidencySchedule, at now: ContinuousClock.Instant,
        busy: Set<Int> = [], withBackground: Set<Int> = []
    ) -> [ResidencySchedule.Action] {
        schedule.decide(
            at: now, isIdle: { !busy.union(withBackground).contains($0) },
            isQuiet: { !busy.contains($0) })
    }

    private static func wait(
        for index: Int, _ schedule: inout ResidencySchedule, inBackground: Bool,
        placesBefore: Int = 0, at now: ContinuousClock.Instant
    ) -> Result<Int, ServingError> {
        schedule.wait(
            for: index, as: schedule.makeTicket(), count: 1, deadline: nil,
            inBackground: inBackground, placesBefore: placesBefore, at: now
        ) { _ in }
    }

    /// Loads a model that fits, and lets those go on who wait for it.
    private static func load(
        _ index: Int, _ schedule: inout ResidencySchedule, inBackground: Bool,
        at now: ContinuousClock.Instant
    ) throws {
        _ = try wait(for: index, &schedule, inBackground: inBackground, at: now).get()
        try expectLoading(of: index, decide(&schedule, at: now))
        schedule.noteLoaded(index, byteCount: 10, took: .zero, at: now)
        for case .resume(index, let waiters) in decide(&schedule, at: now) {
            #expect(waiters.map(\.isBackground) == [inBackground])
            schedule.leave(index, inBackground: inBackground, at: now)
        }
        #expect(schedule.entries[index].useCount == 0)
    }

    private static func expectLoading(
        of index: Int, _ actions: [ResidencySchedule.Action]
    ) throws {
        try #require(actions.count == 1)
        guard case .load(index) = actions[0] else {
            Issue.record("\(actions)")
            return
        }
    }

    private static func expectUnloading(
        of index: Int, _ actions: [ResidencySchedule.Action]
    ) throws {
        try #require(actions.count == 1)
        guard case .unload(index, _) = actions[0] else {
            Issue.record("\(actions)")
            return
        }
    }

    @Test func `the background takes no place of a model's queue from others`() throws {
        let now = ContinuousClock.now
        var schedule = Self.schedule(budget: 10, modelCount: 1, maxWaiting: 2, at: now)
        for _ in 0..<2 { _ = try Self.wait(for: 0, &schedule, inBackground: true, at: now).get() }
        #expect(throws: ServingError.overloaded(retryAfter: .seconds(5))) {
            try Self.wait(for: 0, &schedule, inBackground: true, at: now).get()
        }
        // One that is larger than the queue comes as a whole.
        _ = try Self.wait(for: 0, &schedule, inBackground: true, placesBefore: 2, at: now).get()
        for position in 0..<2 {
            #expect(
                try Self.wait(for: 0, &schedule, inBackground: false, at: now).get() == position)
        }
        #expect(throws: ServingError.overloaded(retryAfter: .seconds(5))) {
            try Self.wait(for: 0, &schedule, inBackground: false, at: now).get()
        }
    }

    @Test func `the background has no model unloaded that somebody has just used`() throws {
        let start = ContinuousClock.now
        var schedule = Self.schedule(budget: 10, modelCount: 2, at: start)
        try Self.load(0, &schedule, inBackground: false, at: start)
        // The answer ends later, and what the background does then is no use of anybody else.
        let end = start + .seconds(30)
        schedule.noteIdle(0, at: end)
        schedule.noteIdle(0, at: end + .seconds(20))
        _ = try Self.wait(for: 1, &schedule, inBackground: true, at: end).get()
        let quiet = end + ResidencySchedule.quietTime
        #expect(Self.decide(&schedule, at: quiet - .milliseconds(1)).isEmpty)
        #expect(schedule.nextDeadline(after: quiet - .milliseconds(1)) == quiet)
        // Nor one that is busy, whoever with.
        #expect(Self.decide(&schedule, at: quiet + .seconds(500), busy: [0]).isEmpty)
        #expect(Self.decide(&schedule, at: quiet + .seconds(500), withBackground: [0]).isEmpty)
        #expect(!schedule.entries[0].isDraining)
        try Self.expectUnloading(of: 0, Self.decide(&schedule, at: quiet))
    }

    @Test func `models that only the background uses take turns`() throws {
        let start = ContinuousClock.now
        var schedule = Self.schedule(budget: 10, modelCount: 2, at: start)
        try Self.load(0, &schedule, inBackground: true, at: start)
        _ = try Self.wait(for: 1, &schedule, inBackground: true, at: start).get()
        let end = start + ResidencySchedule.turn
        #expect(
            Self.decide(&schedule, at: end - .milliseconds(1), withBackground: [0]).isEmpty)
        #expect(!schedule.entries[0].isDraining)
        #expect(Self.decide(&schedule, at: end, withBackground: [0]).isEmpty)
        #expect(schedule.entries[0].isDraining)
        // Somebody else uses it all the same, and for some time nobody asks for room.
        _ = try Self.wait(for: 0, &schedule, inBackground: false, at: end).get()
        let actions = Self.decide(&schedule, at: end, withBackground: [0])
        guard case .resume(0, _) = try #require(actions.first) else {
            Issue.record("\(actions)")
            return
        }
        schedule.leave(0, inBackground: false, at: end)
        let later = end + ResidencySchedule.quietTime
        #expect(
            Self.decide(&schedule, at: later - .milliseconds(1), withBackground: [0]).isEmpty)
        #expect(!schedule.entries[0].isDraining)
        #expect(Self.decide(&schedule, at: later, withBackground: [0]).isEmpty)
        // Its own lines wait then; the room is for those who have waited for it.
        _ = try Self.wait(for: 0, &schedule, inBackground: true, at: start).get()
        try Self.expectUnloading(of: 0, Self.decide(&schedule, at: later))
        schedule.noteUnloaded(0)
        try Self.expectLoading(of: 1, Self.decide(&schedule, at: later))
    }

    @Test func `what was loaded for long stays for longer`() throws {
        let start = ContinuousClock.now
        var schedule = Self.schedule(budget: 10, modelCount: 2, at: start)
        _ = try Self.wait(for: 0, &schedule, inBackground: true, at: start).get()
        try Self.expectLoading(of: 0, Self.decide(&schedule, at: start))
        schedule.noteLoaded(0, byteCount: 10, took: .seconds(100), at: start)
        _ = Self.decide(&schedule, at: start)
        schedule.leave(0, inBackground: true, at: start)
        _ = try Self.wait(for: 1, &schedule, inBackground: true, at: start).get()
        let end = start + .seconds(1_000)
        #expect(Self.decide(&schedule, at: end - .milliseconds(1)).isEmpty)
        #expect(schedule.nextDeadline(after: end - .milliseconds(1)) == end)
        try Self.expectUnloading(of: 0, Self.decide(&schedule, at: end))
    }

    @Test func `what an operator has unloaded stays so until somebody else asks for it`() throws {
        let start = ContinuousClock.now
        var schedule = Self.schedule(budget: 10, modelCount: 1, at: start)
        try Self.load(0, &schedule, inBackground: true, at: start)
        schedule.dismiss(0)
        #expect(Self.decide(&schedule, at: start, busy: [0]).isEmpty)
        try Self.expectUnloading(of: 0, Self.decide(&schedule, at: start, withBackground: [0]))
        schedule.noteUnloaded(0)
        _ = try Self.wait(for: 0, &schedule, inBackground: true, at: start).get()
        #expect(Self.decide(&schedule, at: start).isEmpty)
        _ = try Self.wait(for: 0, &schedule, inBackground: false, at: start).get()
        try Self.expectLoading(of: 0, Self.decide(&schedule, at: start))
    }

    @Test func `nobody is sent away while a model is loaded for the background`() throws {
        let start = ContinuousClock.now
        var schedule = ResidencySchedule(.init(budget: 10, longestWait: .seconds(60)))
        for index in 0..<2 {
            _ = schedule.add(
                name: "model \(index)", byteCount: 10, isPinned: false, maxWaiting: 9, at: start)
        }
        _ = try Self.wait(for: 1, &schedule, inBackground: true, at: start).get()
        try Self.expectLoading(of: 1, Self.decide(&schedule, at: start))
        _ = try Self.wait(for: 0, &schedule, inBackground: false, at: start).get()
        let end = start + .seconds(300)
        #expect(Self.decide(&schedule, at: end).isEmpty)
        schedule.noteLoaded(1, byteCount: 10, took: .seconds(300), at: end)
        for case .resume(1, _) in Self.decide(&schedule, at: end) {
            schedule.leave(1, inBackground: true, at: end)
        }
        try Self.expectUnloading(of: 1, Self.decide(&schedule, at: end, withBackground: [1]))
        schedule.noteUnloaded(1)
        try Self.expectLoading(of: 0, Self.decide(&schedule, at: end))
    }

    @Test func `a model that only the background uses makes room at once`() throws {
        let start = ContinuousClock.now
        var schedule = Self.schedule(budget: 10, modelCount: 2, at: start)
        try Self.load(0, &schedule, inBackground: true, at: start)
        _ = try Self.wait(for: 1, &schedule, inBackground: false, at: start).get()
        #expect(Self.decide(&schedule, at: start, busy: [0]).isEmpty)
        try Self.expectUnloading(of: 0, Self.decide(&schedule, at: start, withBackground: [0]))
        schedule.noteUnloaded(0)
        try Self.expectLoading(of: 1, Self.decide(&schedule, at: start))
    }

    @Test func `a model is loaded for others before one that the background waits for`() throws {
        let start = ContinuousClock.now
        var schedule = Self.schedule(budget: 20, modelCount: 4, at: start)
        for index in 0..<2 { try Self.load(index, &schedule, inBackground: false, at: start) }
        _ = try Self.wait(for: 2, &schedule, inBackground: true, at: start).get()
        _ = try Self.wait(for: 3, &schedule, inBackground: false, at: start + .seconds(1)).get()
        let later = start + .seconds(2)
        try Self.expectUnloading(of: 0, Self.decide(&schedule, at: later))
        schedule.noteUnloaded(0)
        try Self.expectLoading(of: 3, Self.decide(&schedule, at: later))
    }
}
