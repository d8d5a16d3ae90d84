// SPDX-License-Identifier: Apache-2.0

/// Decides which sequences run in each step, and with which KV blocks.
///
/// It knows ids only: no tensors, no clock, no text. A step is scheduled, computed by somebody
/// else, and committed before the next is scheduled. Sequences that decode always come first;
/// prompts share the rest of a step (`PrefillPlanner`). `WaitingQueue` says who gets the next place.
/// What was computed for a sequence stays cached after it, for whoever begins with the same tokens.
///
/// Clients share the places of running sequences. A client's part is by its weight, of the places
/// that its priority has got. Whoever has more keeps it while nobody else wants it. Nobody takes a
/// place for what would then be more than its part, and nobody loses one that belongs to its part:
/// so no two clients take places from each other in turns.
package struct Scheduler: Sendable {
    /// A sequence that is to begin with all the tokens of another and go on differently.
    private struct PendingFork: Sendable {
        let id: SequenceID
        let arrival: UInt64
        let originIndex: Int
        let token: Int32
    }

    /// The limits.
    package let configuration: Configuration

    /// How long a prompt's token takes at least, as far as is known: a sequence that would miss its
    /// deadline is not begun.
    package var promptTokenTime = Duration.zero

    /// Sequences with blocks, the senior ones first; those admitted in the open step come last.
    private var running: [ScheduledSequence] = []

    private var waiting = WaitingQueue()
    private var blocks: SequenceBlocks
    private var clients = ClientShares()
    private var prefill: PrefillPlanner
    private var nextArrival: UInt64 = 0

    /// What the next step must copy.
    private var pendingCopies: [ScheduledStep.BlockCopy] = []

    /// What is forked from the open step's sequences when it is committed.
    private var pendingForks: [PendingFork] = []

    private var hasOpenStep = false

    /// Creates a scheduler without sequences.
    package init(configuration: Configuration) {
        self.configuration = configuration
        blocks = SequenceBlocks(configuration)
        prefill = PrefillPlanner(configuration)
        running.reserveCapacity(configuration.maxSequences)
    }

    /// Fills the step with what to compute next; it is empty only if there is no sequence.
    ///
    /// - Parameters:
    ///   - step: its memory is used again.
    ///   - now: the caller's time.
    package mutating func schedule(
        into step: inout ScheduledStep, at now: ContinuousClock.Instant
    ) {
        precondition(!hasOpenStep, "the last step was not committed")
        step.removeAll()
        expire(at: now, into: &step)
        makeRoomForUrgent(into: &step)
        makeRoomForShares(into: &step)
        let hasRoom = scheduleDecodes(into: &step)
        let oldCount = running.count
        if hasRoom { admitWaiting(into: &step) }
        prefill.plan(&step, &running, newFrom: oldCount, &blocks, &clients)
        if step.slices.isEmpty { return }
        hasOpenStep = true
        swap(&step.copies, &pendingCopies)
    }

    /// Takes over the results of a step.
    ///
    /// - Parameters:
    ///   - step: the step that was scheduled last.
    ///   - outcomes: one for each slice, in order.
    package mutating func commit(_ step: borrowing ScheduledStep, outcomes: [SliceOutcome]) {
        precondition(hasOpenStep, "no step to commit")
        precondition(outcomes.count == step.slices.count, "\(outcomes.count) outcomes")
        hasOpenStep = false
        var hasFinished = false
        for (slice, outcome) in zip(step.slices, outcomes) {
            let index = slice.runningIndex
            precondition(running[index].id == slice.id, "the step is not the last one")
            if outcome == .failed {
                hasFinished = true
                continue
            }
            running[index].computedCount += slice.tokenCount
            let scored = min(running[index].computedCount, running[index].promptCount - 1)
            running[index].scoredCount = max(running[index].scoredCount, scored)
            blocks.publish(of: &running[index])
            blocks.releaseBehindWindow(of: &running[index])
            switch outcome {
            case .progressed:
                precondition(!slice.samples, "a token should have been sampled")
            case .sampled(let token):
                precondition(slice.samples, "no token should have been sampled")
                running[index].tokens.append(token)
            case .finished, .failed:
                hasFinished = true
            }
        }
        makeForks()
        if hasFinished { removeFinished(step, outcomes) }
        sortRunning()
    }

    private mutating func removeFinished(
        _ step: borrowing ScheduledStep, _ outcomes: [SliceOutcome]
    ) {
        for (slice, outcome) in zip(step.slices, outcomes)
        where outcome == .finished || outcome == .failed {
            if let index = running.firstIndex(where: { $0.id == slice.id }) { removeRunning(index) }
        }
    }

    // MARK: Coming and going

    /// Puts a sequence into the queue.
    ///
    /// - Parameters:
    ///   - id: its identity, never used before.
    ///   - request: what it consists of.
    ///   - now: the caller's time.
    /// - Throws: `SchedulingError` if the queue is full or the sequence could never run.
    package mutating func add(
        _ id: SequenceID, _ request: SequenceRequest, at now: ContinuousClock.Instant
    ) throws(SchedulingError) {
        precondition(!request.promptTokens.isEmpty && request.maxTokens >= 0, "an empty sequence")
        precondition(request.maxTokens > 0 || request.promptTokens.count > 1, "nothing to compute")
        precondition(request.forkCount >= 0 && request.weight > 0, "an impossible sequence")
        precondition(request.maxTokens > 0 || request.forkCount == 0, "nothing to fork")
        let worstCaseCount = request.promptTokens.count + max(request.maxTokens - 1, 0)
        let needed = configuration.blocks(for: worstCaseCount)
        guard needed <= configuration.blockCount else {
            throw .tooLong(neededBlocks: needed, blockCount: configuration.blockCount)
        }
        let limit = configuration.maxSequences + configuration.maxQueuedSequences
        let count =
            sequenceCount + running.reduce(0) { $0 + $1.forkCount }
            + waiting.sequences.reduce(0) { $0 + $1.forkCount }
        guard count + request.forkCount < limit else { throw .queueFull(limit: limit) }
        waiting.append(
            ScheduledSequence(
                id: id, arrival: nextArrival, promptCount: request.promptTokens.count,
                maxTokens: request.maxTokens, scoresPrompt: request.scoresPrompt,
                priority: request.priority,
                client: clients.join(request.client, weight: request.weight),
                scope: request.scope, deadline: request.deadline,
                dueTime: request.deadline ?? now + configuration.patience,
                forkCount: request.forkCount, tokens: request.promptTokens))
        nextArrival += UInt64(1 + request.forkCount)
    }

    /// Forgets a sequence wherever it is; its blocks are free at once.
    ///
    /// - Parameter id: the sequence.
    /// - Returns: whether there was such a sequence.
    @discardableResult package mutating func cancel(_ id: SequenceID) -> Bool {
        precondition(!hasOpenStep, "the last step was not committed")
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
    private mutating func expire(
        at now: ContinuousClock.Instant, into step: inout ScheduledStep
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

    private mutating func removeRunning(_ index: Int) {
        blocks.release(&running[index])
        clients.leave(running[index].client)
        running.remove(at: index)
    }

    private mutating func removeWaiting(_ index: Int) {
        clients.leave(waiting.sequences[index].client)
        waiting.remove(at: index)
    }

    // MARK: Decoding

    /// Adds every sequence that decodes, the senior ones first.
    ///
    /// One that needs a block while none is free takes those of a junior, possibly its own.
    ///
    /// - Returns: whether all of them found a place.
    private mutating func scheduleDecodes(into step: inout ScheduledStep) -> Bool {
        let countBefore = step.preempted.count
        var index = 0
        while index < running.count {
            guard running[index].isDecoding else {
                index += 1
                continue
            }
            guard blocks.reserveNext(for: &running[index]) else {
                // Those before have their slices already; another may stand here afterwards.
                preempt(victim(from: index), into: &step)
                continue
            }
            step.append(1, of: &running[index], at: index, &blocks)
            step.decodeCount += 1
            clients.charge(running[index].client, work: configuration.decodeWork)
            index += 1
        }
        return step.preempted.count == countBefore
    }

    // MARK: Admission and preemption

    /// Gives blocks to waiting sequences, until the next one finds no place.
    ///
    /// Nothing overtakes a sequence that does not fit, or a long one might wait forever.
    private mutating func admitWaiting(into step: inout ScheduledStep) {
        if waiting.isEmpty { return }
        promiseAdmittedWork()
        while let index = nextWaiting() {
            guard admit(index, into: &step) else { return }
        }
    }

    /// Preempts lower classes until the most urgent waiting sequence fits, if it outranks any.
    private mutating func makeRoomForUrgent(into step: inout ScheduledStep) {
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
    private mutating func makeRoomForShares(into step: inout ScheduledStep) {
        guard configuration.admission == .optimistic, !waiting.isEmpty, clients.areSeveral else {
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
        blocks.takeCached(for: &running[index])
        guard hasBlocks(for: index) else {
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
    private mutating func preempt(_ index: Int, into step: inout ScheduledStep) {
        blocks.release(&running[index])
        var sequence = running.remove(at: index)
        sequence.wasPreempted = true
        step.preempted.append(sequence.id)
        waiting.append(sequence)
    }

    /// The sequence at or after a place that gives up its blocks: of the lowest class, the youngest
    /// of a client with more than its part of the places, or else the youngest of all.
    private mutating func victim(from start: Int = 0) -> Int {
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
    private mutating func sortRunning() {
        for index in running.indices.dropFirst() {
            var place = index
            while place > 0, running[place].isSenior(to: running[place - 1]) {
                running.swapAt(place, place - 1)
                place -= 1
            }
        }
    }

    // MARK: Forks

    /// Goes on from a slice with a second sequence, whose next token is another.
    ///
    /// Both share the blocks that are full; the last one is copied if it is not. Where no block or
    /// no place is free, the new sequence waits and finds the full blocks in the cache later.
    ///
    /// - Parameters:
    ///   - slice: one that samples, of the open step and of a sequence with `forkCount` left.
    ///   - id: the new sequence.
    ///   - token: its next token.
    package mutating func fork(_ slice: ScheduledStep.Slice, into id: SequenceID, token: Int32) {
        let index = slice.runningIndex
        precondition(hasOpenStep && slice.samples, "nothing to fork")
        precondition(running[index].forkCount > 0, "\(slice.id) was not to be forked")
        let arrival = running[index].arrival + UInt64(running[index].forkCount)
        running[index].forkCount -= 1
        pendingForks.append(
            PendingFork(id: id, arrival: arrival, originIndex: index, token: token))
    }

    /// Adds the sequences that were forked from the step being committed.
    private mutating func makeForks() {
        if pendingForks.isEmpty { return }
        for fork in pendingForks {
            let origin = running[fork.originIndex]
            var sequence = ScheduledSequence(
                id: fork.id, arrival: fork.arrival, promptCount: origin.promptCount,
                maxTokens: origin.maxTokens, scoresPrompt: false, priority: origin.priority,
                client: origin.client, scope: origin.scope, deadline: origin.deadline,
                dueTime: origin.dueTime, forkCount: 0,
                tokens: origin.tokens[..<origin.computedCount] + [fork.token])
            sequence.cachedCount = origin.cachedCount
            sequence.countedCount = origin.promptCount
            clients.joinAgain(origin.client)
            if hasRoom(forForkOf: origin),
                blocks.share(origin, with: &sequence, copies: &pendingCopies)
            {
                running.append(sequence)
            } else {
                sequence.wasPreempted = true
                waiting.append(sequence)
            }
        }
        pendingForks.removeAll(keepingCapacity: true)
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

    // MARK: What others see

    /// The number of sequences with blocks.
    package var runningCount: Int { running.count }

    /// The number of sequences without blocks.
    package var waitingCount: Int { waiting.count }

    /// The number of all sequences.
    package var sequenceCount: Int { running.count + waiting.count }

    /// The number of KV blocks that can be handed out; many of them may be cached.
    package var freeBlockCount: Int { blocks.freeCount }

    /// The number of KV blocks that hold a prefix and belong to no sequence.
    package var cachedBlockCount: Int { blocks.cachedCount }

    /// The number of KV blocks in use.
    package var usedBlockCount: Int { blocks.usedCount }

    /// What the prefix cache has done.
    package var cacheStatistics: CacheStatistics { blocks.statistics }

    /// The tokens of a slice of the open step.
    package func tokens(of slice: ScheduledStep.Slice) -> ArraySlice<Int32> {
        let end = slice.startPosition + slice.tokenCount
        return running[slice.runningIndex].tokens[slice.startPosition..<end]
    }

    /// The blocks of a slice's sequence, from position 0 to at least the slice's end.
    package func blockTable(of slice: ScheduledStep.Slice) -> [Int32] {
        running[slice.runningIndex].blockTable
    }

    // MARK: Invariants

    /// Checks everything that must hold between two steps.
    ///
    /// - Returns: one line for each rule that is broken; none if all is well.
    /// - Complexity: O(blocks + tokens).
    package func checkInvariants() -> [String] {
        var broken = blocks.checkInvariants(running)
        func check(_ isTrue: Bool, _ rule: @autoclosure () -> String) {
            if !isTrue { broken.append(rule()) }
        }
        check(running.count <= configuration.maxSequences, "\(running.count) sequences run")
        check(
            sequenceCount <= configuration.maxSequences + configuration.maxQueuedSequences,
            "\(sequenceCount) sequences")
        check(pendingForks.isEmpty, "forks are pending")
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
        }
        for sequence in waiting.sequences {
            check(sequence.blockTable.isEmpty, "\(sequence.id) waits with blocks")
            check(sequence.computedCount == 0, "\(sequence.id) waits with computed tokens")
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
    package func checkPlaces() -> [String] {
        guard configuration.admission == .optimistic, let priority = waiting.firstPriority else {
            return []
        }
        var counted = self
        counted.countPlaces(of: priority)
        let shares = counted.clients
        let isAnyOver = running.contains {
            $0.priority == priority && shares.isOverServed($0.client)
        }
        let wronged = waiting.sequences.filter {
            isAnyOver && $0.priority == priority && shares.isUnderServed($0.client)
        }
        let canRun = wronged.allSatisfy {
            configuration.blocks(for: $0.targetCount) + running.count <= blocks.freeCount
        }
        return canRun ? wronged.map { "\($0.id) waits for a place of its client's" } : []
    }
}
