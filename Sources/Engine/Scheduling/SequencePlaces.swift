// SPDX-License-Identifier: Apache-2.0

/// Which sequences have a place and blocks, and which wait for them.
///
/// Clients of one priority share the places that this priority holds, in proportion to their
/// weights. A client may hold more than its share while nobody else wants the places. Another
/// client can take a place from it only up to that client's own share, and only a place beyond the
/// share of the one that loses it, so two clients never take the same place back and forth.
struct SequencePlaces: Sendable {
    private let configuration: Scheduler.Configuration

    /// Sequences with blocks, the senior ones first; those admitted in the open step come last.
    ///
    /// The scheduler notes their progress here; only this type adds and removes any.
    var running: [ScheduledSequence] = []

    /// Sequences without blocks.
    private(set) var waiting = WaitingQueue()

    var blocks: SequenceBlocks
    var clients = ClientShares()
    private var nextArrival: UInt64 = 0

    init(_ configuration: Scheduler.Configuration) {
        self.configuration = configuration
        blocks = SequenceBlocks(configuration)
        running.reserveCapacity(configuration.maxSequences)
    }

    /// The number of all sequences.
    var sequenceCount: Int { running.count + waiting.count }

    /// Whether there is a sequence that is not of the background, which therefore stands still.
    var hasForeground: Bool {
        running.first.map { !$0.isBackground } ?? false || hasForegroundWaiting
    }

    /// How many sequences of the background have blocks, and how many have none.
    var backgroundCount: (running: Int, waiting: Int) {
        var counts = (running: 0, waiting: 0)
        for index in running.indices where running[index].isBackground { counts.running += 1 }
        for index in waiting.sequences.indices where waiting.sequences[index].isBackground {
            counts.waiting += 1
        }
        return counts
    }

    /// How many of the running sequences, the first ones, are computed.
    var activeCount: Int {
        guard let last = running.last, last.isBackground, hasForeground else {
            return running.count
        }
        return running.firstIndex { $0.isBackground } ?? running.count
    }

    /// Whether a sequence waits that would be computed if it had a place.
    var hasActiveWaiting: Bool {
        hasForeground ? hasForegroundWaiting : !waiting.isEmpty
    }

    private var hasForegroundWaiting: Bool {
        waiting.firstPriority.map { $0 < SequenceRequest.backgroundPriority } ?? false
    }

    // MARK: Coming and going

    /// Puts a sequence into the queue.
    ///
    /// - Parameters:
    ///   - id: its identity, never used before.
    ///   - request: what it consists of.
    ///   - now: the caller's time.
    /// - Throws: `SchedulingError` if the queue is full or the sequence could never run.
    mutating func add(
        _ id: SequenceID, _ request: SequenceRequest, at now: ContinuousClock.Instant
    ) throws(SchedulingError) {
        precondition(!request.promptTokens.isEmpty && request.maxTokens >= 0, "an empty sequence")
        precondition(request.maxTokens > 0 || request.promptTokens.count > 1, "nothing to compute")
        precondition(request.forkCount >= 0 && request.weight > 0, "an impossible sequence")
        precondition(request.maxTokens > 0 || request.forkCount == 0, "nothing to fork")
        precondition(
            request.scoredFrom >= 0 && request.scoredFrom < request.promptTokens.count,
            "nothing to score")
        let worstCaseCount = request.promptTokens.count + max(request.maxTokens - 1, 0)
        let needed = configuration.blocks(for: worstCaseCount)
        guard needed <= configuration.blockCount else {
            throw .tooLong(neededBlocks: needed, blockCount: configuration.blockCount)
        }
        let limit = configuration.maxSequences + configuration.maxQueuedSequences
        if request.priority < SequenceRequest.backgroundPriority {
            var count = request.forkCount
            for index in running.indices where !running[index].isBackground {
                count += 1 + running[index].forkCount
            }
            for index in waiting.sequences.indices where !waiting.sequences[index].isBackground {
                count += 1 + waiting.sequences[index].forkCount
            }
            guard count < limit else { throw .queueFull(limit: limit) }
        }
        var sequence = ScheduledSequence(
            id: id, arrival: nextArrival, promptCount: request.promptTokens.count,
            maxTokens: request.maxTokens, scoresPrompt: request.scoresPrompt,
            priority: request.priority,
            client: clients.join(request.client, weight: request.weight),
            scope: request.scope, deadline: request.deadline,
            dueTime: request.deadline ?? now + configuration.patience,
            forkCount: request.forkCount, tokens: request.promptTokens)
        if request.scoresPrompt { sequence.scoredCount = request.scoredFrom }
        waiting.append(sequence)
        nextArrival += UInt64(1 + request.forkCount)
    }

    /// Forgets a sequence wherever it is; its blocks are free at once.
    ///
    /// - Parameter id: the sequence.
    /// - Returns: whether there was such a sequence.
    mutating func cancel(_ id: SequenceID) -> Bool {
        if let index = running.firstIndex(where: { $0.id == id }) {
            removeRunning(index)
            return true
        }
        if let index = waiting.sequences.firstIndex(where: { $0.id == id }) {
            removeWaiting(index)
            return true
        }
        return false
    }

    /// Forgets the sequences that nobody wants any more, or whose prompts cannot be computed in
    /// time.
    ///
    /// - Parameters:
    ///   - now: the caller's time.
    ///   - promptTokenTime: what a prompt's token takes at least.
    ///   - step: gets the identities.
    mutating func expire(
        at now: ContinuousClock.Instant, promptTokenTime: Duration, into step: inout ScheduledStep
    ) {
        for index in running.indices.reversed() {
            guard let deadline = running[index].deadline else { continue }
            var end = now
            // Only a prompt that has given nothing yet is judged by the time that it will take. The
            // choices of a request share its deadline and end together, so one that is computed
            // again must not expire while the others are decoding.
            if promptTokenTime > .zero, !running[index].isDecoding,
                running[index].tokens.count == running[index].promptCount
            {
                blocks.takeCached(for: &running[index])
                end += promptTokenTime * running[index].remainingCount
            }
            guard deadline <= end else { continue }
            step.expired.append(running[index].id)
            removeRunning(index)
        }
        for index in waiting.sequences.indices.reversed() {
            guard let deadline = waiting.sequences[index].deadline, deadline <= now else {
                continue
            }
            step.expired.append(waiting.sequences[index].id)
            removeWaiting(index)
        }
    }

    mutating func removeRunning(_ index: Int) {
        blocks.release(&running[index])
        clients.leave(running[index].client)
        running.remove(at: index)
    }

    private mutating func removeWaiting(_ index: Int) {
        clients.leave(waiting.sequences[index].client)
        waiting.remove(at: index)
    }

    // MARK: Admission and preemption

    /// Gives blocks to waiting sequences, until the next one finds no place.
    ///
    /// Nothing overtakes a sequence that does not fit, or a long one might wait forever.
    mutating func admitWaiting(into step: inout ScheduledStep) {
        if !hasActiveWaiting { return }
        promiseAdmittedWork()
        let hasForeground = hasForeground
        while let index = nextWaiting() {
            if hasForeground, waiting.sequences[index].isBackground { return }
            guard admit(index, into: &step) else { return }
        }
    }

    /// Preempts lower classes until the most urgent waiting sequence fits, if it outranks any.
    mutating func makeRoomForUrgent(into step: inout ScheduledStep) {
        // Mostly there is one class only, and nothing to look for.
        guard let lowest = running.last?.priority,
            waiting.sequences.contains(where: { $0.priority < lowest })
        else { return }
        promiseAdmittedWork()
        while let junior = running.last, let index = nextWaiting(),
            waiting.sequences[index].priority < junior.priority
        {
            if !admit(index, into: &step) { preempt(victim(), into: &step) }
            sortRunning()
        }
    }

    /// Preempts sequences of clients with more than their part of the places, the youngest first,
    /// until those of clients with less than theirs fit.
    ///
    /// Where even that would not make room nobody loses anything. With worst-case admission, which
    /// is meant to compute nothing twice, places are shared only when they become free.
    mutating func makeRoomForShares(into step: inout ScheduledStep) {
        guard configuration.admission == .optimistic, hasActiveWaiting, clients.areSeveral else {
            return
        }
        guard let priority = waiting.firstPriority else { return }
        promiseAdmittedWork()
        while true {
            countPlaces(of: priority)
            guard let index = waiting.first(of: priority, clients, underServedOnly: true),
                mustMakeRoom(for: waiting.sequences[index])
            else { return }
            var hasPlace = false
            while !hasPlace, let victim = overServed(from: 0, priority: priority) {
                clients.forgetPlace(of: running[victim].client)
                preempt(victim, into: &step)
                hasPlace = admit(index, into: &step)
            }
            guard hasPlace else { return }
            sortRunning()
        }
    }

    /// The waiting sequence that gets the next place.
    private mutating func nextWaiting() -> Int? {
        guard let priority = waiting.firstPriority else { return nil }
        countPlaces(of: priority, withFree: 1)
        return waiting.first(of: priority, clients)
    }

    /// Gives blocks to a waiting sequence; false if there is no place for it.
    private mutating func admit(_ waitingIndex: Int, into step: inout ScheduledStep) -> Bool {
        guard running.count < configuration.maxSequences else { return false }
        let index = running.count
        running.append(waiting.sequences[waitingIndex])
        if blocks.takeState(for: &running[index]) { blocks.takeCached(for: &running[index]) }
        guard running[index].state != nil || configuration.stateCount == 0,
            hasBlocks(for: index)
        else {
            blocks.release(&running[index])
            running.removeLast()
            return false
        }
        waiting.remove(at: waitingIndex)
        blocks.reserve(for: &running[index])
        clients.promise(running[index].client, work: Double(running[index].remainingCount))
        step.admitted.append(running[index].id)
        return true
    }

    /// Whether the last running sequence may have the blocks that it has not got yet.
    private func hasBlocks(for index: Int) -> Bool {
        switch configuration.admission {
        case .optimistic:
            let target = configuration.blocks(for: running[index].targetCount)
            return target - running[index].blockTable.count + index <= blocks.freeCount
        case .worstCase:
            return worstCaseGrowth <= blocks.freeCount
        }
    }

    /// The most blocks that the running sequences may still ask for.
    private var worstCaseGrowth: Int {
        running.reduce(0) {
            $0 + configuration.blocks(for: $1.worstCaseCount) - $1.blockTable.count
        }
    }

    /// Takes the blocks of a running sequence, which will be computed again.
    mutating func preempt(_ index: Int, into step: inout ScheduledStep) {
        step.preempted.append(running[index].id)
        requeue(index)
    }

    /// Puts the running sequences that have lost their blocks into the queue.
    mutating func requeueThoseWithoutBlocks() {
        for index in running.indices.reversed() where running[index].blockTable.isEmpty {
            requeue(index)
        }
    }

    private mutating func requeue(_ index: Int) {
        blocks.release(&running[index])
        var sequence = running.remove(at: index)
        sequence.shortenDraft()
        sequence.wasPreempted = true
        waiting.append(sequence)
    }

    /// The sequence at or after a place that gives up its blocks: of the lowest class, the youngest
    /// of a client with more than its part of the places, or else the youngest of all.
    mutating func victim(from start: Int = 0) -> Int {
        let last = running.count - 1
        guard clients.areSeveral else { return last }
        countPlaces(of: running[last].priority)
        return overServed(from: start, priority: running[last].priority) ?? last
    }

    /// The youngest sequence of a class whose client has more than its part.
    private func overServed(from start: Int, priority: Int) -> Int? {
        running.indices[start...].last {
            running[$0].priority == priority && clients.isOverServed(running[$0].client)
        }
    }

    /// Whether a waiting sequence fits if those are preempted that are beyond their clients' parts,
    /// and not as things are.
    ///
    /// Blocks that it would find in the cache, and those that the preempted ones share, count as if
    /// they had to be free.
    private mutating func mustMakeRoom(for sequence: ScheduledSequence) -> Bool {
        let needed = configuration.blocks(for: sequence.targetCount)
        var room = blocks.freeCount
        var count = running.count
        func fits() -> Bool { count < configuration.maxSequences && needed + count <= room }
        if fits() { return false }
        defer { countPlaces(of: sequence.priority) }
        for index in running.indices.reversed()
        where running[index].priority == sequence.priority
            && clients.isOverServed(running[index].client)
        {
            clients.forgetPlace(of: running[index].client)
            count -= 1
            room += blocks.unsharedCount(of: running[index])
            if fits() { return true }
        }
        return false
    }

    /// Counts who has how many of the places of a class, and who would like some.
    ///
    /// - Parameters:
    ///   - priority: the class.
    ///   - freeCount: the places that are shared besides.
    private mutating func countPlaces(of priority: Int, withFree freeCount: Int = 0) {
        clients.forgetPlaces(freeCount: freeCount)
        // By index, since a copy of a sequence retains its arrays, and this is done in every step.
        for index in running.indices where running[index].priority == priority {
            clients.notePlace(of: running[index].client)
        }
        for index in waiting.sequences.indices
        where waiting.sequences[index].priority == priority {
            clients.noteCompetitor(waiting.sequences[index].client)
        }
    }

    /// What each client was admitted with and is still to be computed.
    private mutating func promiseAdmittedWork() {
        clients.forgetPromises()
        for index in running.indices where !running[index].isDecoding {
            clients.promise(running[index].client, work: Double(running[index].remainingCount))
        }
    }

    /// Puts new running sequences where they belong; the others are in order.
    mutating func sortRunning() {
        for index in running.indices.dropFirst() {
            var place = index
            while place > 0, running[place].isSenior(to: running[place - 1]) {
                running.swapAt(place, place - 1)
                place -= 1
            }
        }
    }

    // MARK: Guessed tokens

    /// Forgets guesses that a sequence has no block for, where others may need those that are free.
    mutating func keepDraftWithinBlocks(of index: Int) {
        guard running[index].draftCount > 0, blocks.freeCount <= 2 * running.count else { return }
        let own = running[index].blockTable.count * configuration.positionsPerBlock
        running[index].shortenDraft(to: max(0, own - running[index].computedCount - 1))
    }

    // MARK: Forks

    /// Adds a sequence that begins with all that another one has.
    ///
    /// - Parameters:
    ///   - fork: with tokens and without blocks.
    ///   - originIndex: of the running sequence that it was forked from.
    ///   - copies: receives what to copy before the next step.
    mutating func add(
        _ fork: ScheduledSequence, forkedFrom originIndex: Int,
        copies: inout [ScheduledStep.BlockCopy]
    ) {
        let origin = running[originIndex]
        var fork = fork
        clients.joinAgain(origin.client)
        if hasRoom(forForkOf: origin), blocks.share(origin, with: &fork, copies: &copies) {
            running.append(fork)
        } else {
            fork.wasPreempted = true
            waiting.append(fork)
        }
    }

    /// Whether there is a place for a fork, and with worst-case admission all the blocks that it may
    /// ever need.
    private func hasRoom(forForkOf origin: ScheduledSequence) -> Bool {
        guard running.count < configuration.maxSequences else { return false }
        guard configuration.admission == .worstCase else { return true }
        let fullCount = origin.computedCount / configuration.positionsPerBlock
        let growth = configuration.blocks(for: origin.worstCaseCount) - fullCount
        return worstCaseGrowth + growth <= blocks.freeCount
    }

    // MARK: Invariants

    /// Checks everything that must hold between two steps.
    ///
    /// - Returns: one line for each rule that is broken; none if all is well.
    func checkInvariants() -> [String] {
        var broken = blocks.checkInvariants(running)
        func check(_ isTrue: Bool, _ rule: @autoclosure () -> String) {
            if !isTrue { broken.append(rule()) }
        }
        check(running.count <= configuration.maxSequences, "\(running.count) sequences run")
        let background = backgroundCount
        check(
            sequenceCount - background.running - background.waiting
                <= configuration.maxSequences + configuration.maxQueuedSequences,
            "\(sequenceCount) sequences")
        for (one, other) in zip(running, running.dropFirst()) {
            check(one.isSenior(to: other), "\(one.id) and \(other.id) run out of order")
        }
        for sequence in running {
            let id = sequence.id
            check(sequence.remainingCount >= 1, "\(id) has nothing to do")
            let maxCount = sequence.promptCount + sequence.maxTokens
            check(sequence.tokens.count <= maxCount, "\(id) has too many tokens")
            check(sequence.scoredCount < sequence.promptCount, "\(id) scored too much")
            check(sequence.cachedCount < sequence.promptCount, "\(id) found too much")
            check(sequence.keptCount == 0, "\(id) keeps what nobody has guessed")
            let draftCount = sequence.draftCount
            let isCounted = draftCount == 0 || sequence.remainingCount == 1 + draftCount
            check(isCounted, "\(id) has guessed beyond what it computes")
        }
        for sequence in waiting.sequences {
            check(sequence.blockTable.isEmpty, "\(sequence.id) waits with blocks")
            check(sequence.computedCount == 0, "\(sequence.id) waits with computed tokens")
            check(sequence.draftCount == 0, "\(sequence.id) waits with guesses")
        }
        var counts = Array(repeating: 0, count: clients.shares.count)
        for sequence in running + waiting.sequences { counts[sequence.client] += 1 }
        check(counts == clients.shares.map(\.sequenceCount), "clients are miscounted")
        return broken
    }

    /// Checks that no client waits with less than its part of the places while another of its class
    /// has more than its own, where blocks are not what is missing.
    ///
    /// Within a step that may not hold, for blocks are handed out and given back after the places
    /// were shared; it does not last for many steps.
    ///
    /// - Returns: one line for each client that is wronged.
    func checkPlaces() -> [String] {
        // While others run, those of the background wait for the end of that.
        guard configuration.admission == .optimistic, hasActiveWaiting,
            let priority = waiting.firstPriority
        else { return [] }
        var counted = self
        counted.countPlaces(of: priority)
        let shares = counted.clients
        let isAnyOver = running.contains {
            $0.priority == priority && shares.isOverServed($0.client)
        }
        let wronged = waiting.sequences.filter {
            isAnyOver && $0.priority == priority && shares.isUnderServed($0.client)
        }
        // Nothing overtakes the sequence that is next, which with a place more may be another.
        let next = counted.nextWaiting().map { waiting.sequences[$0] }
        let canRun = (wronged + (next.map { [$0] } ?? [])).allSatisfy {
            configuration.blocks(for: $0.targetCount) + running.count <= blocks.freeCount
        }
        return canRun ? wronged.map { "\($0.id) waits for a place of its client's" } : []
    }
}
