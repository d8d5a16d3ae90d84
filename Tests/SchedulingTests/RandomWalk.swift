// SPDX-License-Identifier: Apache-2.0

import Scheduling

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

    /// True once in so many times.
    mutating func once(in count: UInt64) -> Bool { next() % count == 0 }
}

/// Clients that do everything a client can do, at random, to a scheduler whose memory is watched.
struct RandomWalk {
    /// What the walk knows of a sequence.
    private struct Walker {
        let id: SequenceID
        let promptCount: Int
        let isBackground: Bool
        var hashes: [UInt64]
        var leftTokens: Int
        var forkCount: Int

        mutating func append(_ tokens: [Int32]) {
            for token in tokens {
                hashes.append(PagedMemory.hash(hashes[hashes.count - 1], token))
            }
            leftTokens -= tokens.count
        }
    }

    /// What has happened.
    struct Events: Equatable {
        var added = 0
        var finished = 0
        var cancelled = 0
        var expired = 0
        var failed = 0
        var preempted = 0
        var forked = 0
        var copied = 0
        var continued = 0
        var guessed = 0
        var confirmed = 0
        var rewound = 0
        var saved = 0
        var restored = 0
        var statesCopied = 0
        var abandoned = 0
    }

    let configuration: Scheduler.Configuration
    var scheduler: Scheduler
    var step = ScheduledStep()
    var events = Events()
    private var memory: PagedMemory
    private var walkers: [Walker] = []
    private var outcomes: [SliceOutcome] = []
    private var generator: SeededGenerator
    private var nextID: UInt64 = 1

    /// What blocks held that gave way, if prefixes have names, and what may be asked again.
    private var disk: [PrefixName: [UInt64]] = [:]
    private var recent: [SequenceRequest] = []
    private var evicted: [NamedBlock] = []
    private var copies: [ScheduledStep.BlockCopy] = []
    private var now = ContinuousClock.now

    init(_ configuration: Scheduler.Configuration, seed: UInt64) {
        self.configuration = configuration
        scheduler = Scheduler(configuration: configuration)
        memory = PagedMemory(configuration)
        generator = SeededGenerator(state: seed)
    }

    /// The sequences that the walk expects to be there.
    var liveCount: Int { walkers.count }

    /// Perhaps adds a sequence, which may share its beginning with others.
    mutating func arrive() {
        let capacity = configuration.blockCount * configuration.positionsPerBlock
        let length = Int.random(in: 1...capacity / 2, using: &generator)
        let text = Int32.random(in: 0..<3, using: &generator)
        let sharedCount = Int.random(in: 0...length, using: &generator)
        let scope = Int32.random(in: 0..<2, using: &generator)
        var request = SequenceRequest(
            promptTokens: (0..<length).map {
                $0 < sharedCount
                    ? text * 100 + Int32($0) : Int32.random(in: 0..<2, using: &generator)
            }, maxTokens: Int.random(in: 1...capacity - length + 1, using: &generator))
        request.scoresPrompt = generator.once(in: 8)
        if generator.once(in: 2) {
            request.scoredFrom = Int.random(in: 0..<length, using: &generator)
        }
        request.forkCount = generator.once(in: 4) ? 1 + Int(generator.next() % 3) : 0
        request.priority = generator.once(in: 6) ? Int(generator.next() % 3) - 1 : 0
        let backgroundCount = walkers.count { $0.isBackground }
        if generator.once(in: 6), backgroundCount < configuration.maxQueuedSequences {
            request.priority = SequenceRequest.backgroundPriority
        }
        request.client = ClientID(rawValue: Int(generator.next() % 4))
        request.weight = Double(1 + request.client.rawValue)
        request.scope = CacheScope(rawValue: "\(scope)")
        if generator.once(in: 5) {
            request.deadline = now + .milliseconds(Int(generator.next() % 100))
        }
        let id = SequenceID(rawValue: nextID)
        nextID += 1
        do {
            try scheduler.add(id, request, at: now)
        } catch {
            return
        }
        var hashes = [UInt64(scope)]
        for token in request.promptTokens {
            hashes.append(PagedMemory.hash(hashes[hashes.count - 1], token))
        }
        hashes.removeFirst()
        walkers.append(
            Walker(
                id: id, promptCount: hashes.count,
                isBackground: request.priority >= SequenceRequest.backgroundPriority,
                hashes: hashes, leftTokens: request.maxTokens, forkCount: request.forkCount))
        events.added += 1
        recent.append(request)
        if recent.count > 8 { recent.removeFirst() }
    }

    /// Keeps what blocks hold that give way.
    private mutating func save() {
        scheduler.takeEvicted(into: &evicted)
        for block in evicted { disk[block.name] = memory.contents(of: block.block) }
        events.saved += evicted.count
        if disk.count > 500 { disk.removeAll() }
    }

    /// Puts back what some prompt begins with and memory does not have.
    private mutating func restore() {
        guard let request = recent.randomElement(using: &generator) else { return }
        save()
        scheduler.takeCopies(into: &copies)
        for copy in copies { memory.copy(copy) }
        let (cachedCount, names) = scheduler.prefixNames(of: request)
        let kept = names[cachedCount...].prefix { disk[$0] != nil }.compactMap { disk[$0] }
        let adopted = scheduler.adopt(
            request.promptTokens, at: cachedCount..<cachedCount + kept.count, in: request.scope)
        save()
        for (place, block) in adopted { memory.fill(block, with: kept[place - cachedCount]) }
        events.restored += adopted.count
    }

    /// Cancels any sequence.
    mutating func cancelOne() {
        guard let index = walkers.indices.randomElement(using: &generator) else { return }
        scheduler.cancel(walkers[index].id)
        walkers.remove(at: index)
        events.cancelled += 1
    }

    /// How many steps in a row a client may be without its part of the places: blocks that a step
    /// gives back or hands out count for the next one.
    private static let maxWrongedSteps = 2
    private var wrongedStepCount = 0

    /// Makes the walk's own random decisions and one step; returns what is wrong.
    mutating func advance(arrivalsIn: UInt64?) -> String? {
        if let arrivalsIn, generator.once(in: arrivalsIn) { arrive() }
        if generator.once(in: 60) { cancelOne() }
        if configuration.prefixRoot != nil, generator.once(in: 5) { restore() }
        now += .milliseconds(1)
        scheduler.schedule(into: &step, at: now)
        save()
        for id in step.expired { walkers.removeAll { $0.id == id } }
        events.expired += step.expired.count
        events.preempted += step.preempted.count
        events.copied += step.copies.count
        let wronged = scheduler.checkPlaces()
        wrongedStepCount = wronged.isEmpty ? 0 : wrongedStepCount + 1
        if wrongedStepCount > Self.maxWrongedSteps { return "\(wronged)" }
        if step.slices.isEmpty {
            return walkers.isEmpty ? nil : "\(walkers.count) sequences wait for nothing"
        }
        if configuration.stateCount == 0, generator.once(in: 12) { return abandon() }
        if let problem = compute() { return problem }
        scheduler.commit(step, outcomes: outcomes)
        let broken = scheduler.checkInvariants()
        if !broken.isEmpty { return "\(broken)" }
        if scheduler.sequenceCount != walkers.count { return "a sequence is lost" }
        return nil
    }

    /// Computes a part of the step, and gives it up.
    private mutating func abandon() -> String? {
        for copy in step.copies { memory.copy(copy) }
        let count = Int.random(in: 0...step.slices.count, using: &generator)
        for slice in step.slices[..<count] {
            guard let walker = walkers.first(where: { $0.id == slice.id }) else { continue }
            let end = slice.startPosition + slice.tokenCount
            memory.write(
                hashes(of: slice, walker)[slice.startPosition..<end],
                blockTable: scheduler.blockTable(of: slice))
        }
        scheduler.abandon()
        events.abandoned += 1
        let broken = scheduler.checkInvariants()
        return broken.isEmpty ? nil : "given up: \(broken)"
    }

    private mutating func compute() -> String? {
        if step.tokenCount > configuration.maxBatchTokens { return "too many tokens" }
        if logitsRowCount > configuration.maxLogitsRows { return "too many rows" }
        for copy in step.copies { memory.copy(copy) }
        for copy in step.stateCopies { memory.copy(copy) }
        events.statesCopied += step.stateCopies.count
        outcomes.removeAll(keepingCapacity: true)
        for slice in step.slices {
            guard let index = walkers.firstIndex(where: { $0.id == slice.id }) else {
                return "\(slice.id) runs after its end"
            }
            if generator.once(in: 300) {
                walkers.remove(at: index)
                events.failed += 1
                continue
            }
            let table = scheduler.blockTable(of: slice)
            let end = slice.startPosition + slice.tokenCount
            let hashes = hashes(of: slice, walkers[index])
            memory.write(hashes[slice.startPosition..<end], blockTable: table)
            guard
                memory.pass(
                    hashes, slice.startPosition..<end, state: scheduler.state(of: slice))
            else { return "\(slice.id) goes on from a state that is not its own" }
        }
        for slice in step.slices {
            guard let index = walkers.firstIndex(where: { $0.id == slice.id }) else {
                outcomes.append(.failed)
                continue
            }
            let end = slice.startPosition + slice.tokenCount
            let table = scheduler.blockTable(of: slice)
            guard memory.holds(hashes(of: slice, walkers[index])[..<end], blockTable: table) else {
                return "\(slice.id) reads what is not its own"
            }
            if slice.draftCount > 0 { confirm(slice, for: index) }
            outcomes.append(slice.samples ? sample(slice, for: index) : .progressed)
        }
        return nil
    }

    /// What a sequence's tokens are with those of a slice that are only guessed.
    private func hashes(of slice: ScheduledStep.Slice, _ walker: Walker) -> [UInt64] {
        var walker = walker
        walker.append(Array(scheduler.tokens(of: slice).suffix(slice.draftCount)))
        return walker.hashes
    }

    /// Finds some of the guesses right.
    private mutating func confirm(_ slice: ScheduledStep.Slice, for index: Int) {
        let count = Int.random(in: 0...slice.draftCount, using: &generator)
        let guesses = scheduler.tokens(of: slice).suffix(slice.draftCount)
        walkers[index].append(Array(guesses.prefix(count)))
        scheduler.keep(count, ofDraftIn: slice)
        events.guessed += slice.draftCount
        events.confirmed += count
    }

    private mutating func sample(
        _ slice: ScheduledStep.Slice, for index: Int
    ) -> SliceOutcome {
        let origin = walkers[index]
        for _ in 0..<origin.forkCount where origin.leftTokens > 1 {
            let id = SequenceID(rawValue: nextID)
            nextID += 1
            let tokens = nextTokens(fewerThan: origin.leftTokens)
            scheduler.fork(slice, into: id, token: tokens[0], then: Array(tokens.dropFirst()))
            var fork = Walker(
                id: id, promptCount: origin.promptCount, isBackground: origin.isBackground,
                hashes: origin.hashes, leftTokens: origin.leftTokens, forkCount: 0)
            fork.append(tokens)
            walkers.append(fork)
            events.forked += 1
        }
        walkers[index].forkCount = 0
        if origin.leftTokens == 1 || generator.once(in: 50) {
            walkers.remove(at: index)
            events.finished += 1
            return .finished
        }
        if origin.hashes.count > origin.promptCount, generator.once(in: 12) {
            let count = Int.random(
                in: origin.promptCount..<origin.hashes.count, using: &generator)
            walkers[index].leftTokens += origin.hashes.count - count
            walkers[index].hashes.removeLast(origin.hashes.count - count)
            events.rewound += 1
            return .rewound(toCount: count)
        }
        let tokens = nextTokens(fewerThan: origin.leftTokens)
        walkers[index].append(tokens)
        if tokens.count == 1 {
            if configuration.stateCount == 0, generator.once(in: 3) {
                let count = 1 + Int(generator.next() % 6)
                scheduler.propose(
                    (0..<count).map { _ in Int32(generator.next() % 2) }, after: slice)
            }
            return .sampled(tokens[0])
        }
        events.continued += 1
        return .continued(tokens)
    }

    /// Mostly one token, sometimes several.
    private mutating func nextTokens(fewerThan limit: Int) -> [Int32] {
        let isRun = generator.once(in: 6)
        let count = isRun ? Int.random(in: 1..<min(limit, 12), using: &generator) : 1
        return (0..<count).map { _ in Int32(generator.next() % 2) }
    }

    private var logitsRowCount: Int {
        step.slices.reduce(0) { $0 + $1.logitsRowCount }
    }
}
