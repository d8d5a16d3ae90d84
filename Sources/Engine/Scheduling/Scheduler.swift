// SPDX-License-Identifier: Apache-2.0

/// Decides which sequences run in each step, and with which KV blocks.
///
/// It knows ids only: no tensors, no clock, no text. A step is scheduled, computed by somebody
/// else, and committed before the next is scheduled. Sequences that decode always come first;
/// prompts share the rest of a step (`PrefillPlanner`). Who gets a place and who loses one is said by
/// `SequencePlaces`. What was computed for a sequence stays cached after it (`SequenceBlocks`), for
/// whoever begins with the same tokens.
package struct Scheduler: Sendable {
    /// A sequence that is to begin with all the tokens of another and go on differently.
    private struct PendingFork: Sendable {
        let id: SequenceID
        let arrival: UInt64
        let originIndex: Int
        let tokens: [Int32]
    }

    /// The limits.
    package let configuration: Configuration

    /// How long a prompt's token takes at least, as far as is known: a sequence that would miss its
    /// deadline is not begun.
    package var promptTokenTime = Duration.zero

    private var places: SequencePlaces
    private var prefill: PrefillPlanner

    /// What the next step must copy.
    private var pendingCopies: [ScheduledStep.BlockCopy] = []

    /// What is forked from the open step's sequences when it is committed.
    private var pendingForks: [PendingFork] = []

    private var hasOpenStep = false

    /// Until when the background takes small steps; nil where nobody has had a sequence.
    private var courtesyEnd: ContinuousClock.Instant?

    /// Creates a scheduler without sequences.
    package init(configuration: Configuration) {
        self.configuration = configuration
        places = SequencePlaces(configuration)
        prefill = PrefillPlanner(configuration)
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
        places.expire(at: now, promptTokenTime: promptTokenTime, into: &step)
        if places.hasForeground { courtesyEnd = now + configuration.courtesy }
        places.makeRoomForUrgent(into: &step)
        places.makeRoomForShares(into: &step)
        let hasRoom = scheduleDecodes(into: &step)
        let oldCount = places.running.count
        if hasRoom { places.admitWaiting(into: &step) }
        prefill.plan(
            &step, &places.running, newFrom: oldCount, &places.blocks, &places.clients,
            isInBackground: !places.hasForeground,
            isCourteous: courtesyEnd.map { now < $0 } ?? false)
        if step.slices.isEmpty { return }
        hasOpenStep = true
        swap(&step.copies, &pendingCopies)
        places.blocks.takeStateCopies(into: &step.stateCopies)
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
        var hasLost = false
        for (slice, outcome) in zip(step.slices, outcomes) {
            let index = slice.runningIndex
            precondition(places.running[index].id == slice.id, "the step is not the last one")
            if outcome == .failed {
                hasFinished = true
                continue
            }
            let checkpoint = places.blocks.nextCheckpoint(of: places.running[index])
            places.running[index].computedCount += slice.tokenCount
            if slice.draftCount > 0 {
                places.running[index].computedCount -= places.running[index].settleDraft()
            }
            let scored = min(
                places.running[index].computedCount, places.running[index].promptCount - 1)
            places.running[index].scoredCount = max(places.running[index].scoredCount, scored)
            places.blocks.publish(of: &places.running[index])
            places.blocks.keepState(of: &places.running[index], at: checkpoint)
            places.blocks.releaseBehindWindow(of: &places.running[index])
            switch outcome {
            case .progressed:
                precondition(!slice.samples, "a token should have been sampled")
            case .sampled(let token):
                precondition(slice.samples, "no token should have been sampled")
                places.running[index].append(token)
                places.running[index].takeProposal()
            case .continued(let tokens):
                precondition(slice.samples && !tokens.isEmpty, "no token should have been sampled")
                places.running[index].append(contentsOf: tokens)
            case .rewound(let count):
                precondition(slice.samples, "no token should have been sampled")
                if !places.blocks.rewind(
                    &places.running[index], toCount: count, copies: &pendingCopies)
                {
                    hasLost = true
                }
            case .finished, .failed:
                hasFinished = true
            }
        }
        makeForks()
        if hasFinished { removeFinished(step, outcomes) }
        if hasLost { places.requeueThoseWithoutBlocks() }
        places.sortRunning()
    }

    /// Forgets the open step, which was not computed: the next one begins where it began.
    ///
    /// - Precondition: the model keeps no states; those would have gone on.
    package mutating func abandon() {
        precondition(hasOpenStep, "no step to abandon")
        precondition(configuration.stateCount == 0, "states cannot be taken back")
        hasOpenStep = false
        places.sortRunning()
    }

    private mutating func removeFinished(
        _ step: borrowing ScheduledStep, _ outcomes: [SliceOutcome]
    ) {
        for (slice, outcome) in zip(step.slices, outcomes)
        where outcome == .finished || outcome == .failed {
            if let index = places.running.firstIndex(where: { $0.id == slice.id }) {
                places.removeRunning(index)
            }
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
        try places.add(id, request, at: now)
    }

    /// Forgets a sequence wherever it is; its blocks are free at once.
    ///
    /// - Parameter id: the sequence.
    /// - Returns: whether there was such a sequence.
    @discardableResult package mutating func cancel(_ id: SequenceID) -> Bool {
        precondition(!hasOpenStep, "the last step was not committed")
        return places.cancel(id)
    }

    // MARK: Decoding

    /// Adds every sequence that decodes, the senior ones first.
    ///
    /// One that needs a block while none is free takes those of a junior, possibly its own. One
    /// that got several tokens at once has as many of them as the step and the free blocks hold
    /// without keeping another from its own.
    ///
    /// - Returns: whether all of them found a place.
    private mutating func scheduleDecodes(into step: inout ScheduledStep) -> Bool {
        let countBefore = step.preempted.count
        dropUnwantedDrafts()
        // Where somebody else has a sequence, those of the background, which come last, stand still.
        let activeCount = places.activeCount
        var spareCount = configuration.maxBatchTokens - activeCount
        let runLimit =
            activeCount > 1
            ? configuration.prefillChunkTokensWhileDecoding : configuration.prefillChunkTokens
        var index = 0
        while index < places.activeCount {
            guard places.running[index].isDecoding else {
                index += 1
                continue
            }
            places.keepDraftWithinBlocks(of: index)
            let wanted = min(
                places.running[index].remainingCount, 1 + min(spareCount, runLimit))
            let count = places.blocks.reserveNext(wanted, for: &places.running[index])
            guard count > 0 else {
                // Those before have their slices already; another may stand here afterwards.
                places.preempt(places.victim(from: index), into: &step)
                continue
            }
            places.running[index].shortenDraft(to: count - 1)
            step.append(count, of: &places.running[index], at: index, &places.blocks)
            step.decodeCount += 1
            step.runTokenCount += count - 1
            spareCount -= count - 1
            places.clients.charge(
                places.running[index].client, work: configuration.decodeWork + Double(count - 1))
            index += 1
        }
        return step.preempted.count == countBefore
    }

    // MARK: Guessed tokens

    /// Guesses what comes after the token that a slice samples.
    ///
    /// The next step computes the guessed tokens with that one, if it has no prompt to compute and
    /// there is room; then the logits of each show whether the one after it is as was guessed. What a
    /// sequence consists of does not depend on it.
    ///
    /// - Parameters:
    ///   - tokens: as many as are worth it.
    ///   - slice: one of the open step whose outcome will be ``SliceOutcome/sampled(_:)``.
    package mutating func propose(
        _ tokens: some Sequence<Int32>, after slice: ScheduledStep.Slice
    ) {
        precondition(hasOpenStep && slice.samples, "nothing comes after \(slice.id)")
        precondition(configuration.stateCount == 0, "states cannot be taken back")
        places.running[slice.runningIndex].propose(tokens)
    }

    /// Makes tokens of a slice's first guesses, which sampling has confirmed; the others, and what was
    /// computed of them, count for nothing.
    ///
    /// - Parameters:
    ///   - count: how many are right.
    ///   - slice: one of the open step. Its outcome is about what comes after them.
    package mutating func keep(_ count: Int, ofDraftIn slice: ScheduledStep.Slice) {
        precondition(hasOpenStep && (0...slice.draftCount).contains(count), "\(count) guesses kept")
        places.running[slice.runningIndex].keptCount = count
    }

    /// Forgets what was guessed if a prompt has to be computed, and of each sequence what there are no
    /// rows of logits for.
    private mutating func dropUnwantedDrafts() {
        let activeCount = places.activeCount
        let hasPrompts =
            places.hasActiveWaiting
            || places.running[..<activeCount].contains { !$0.isDecoding }
        var spareRows = hasPrompts ? 0 : configuration.maxLogitsRows - activeCount
        for index in places.running.indices where places.running[index].draftCount > 0 {
            places.running[index].shortenDraft(to: max(0, spareRows))
            spareRows -= places.running[index].draftCount
        }
    }

    // MARK: Forks

    /// Goes on from a slice with a second sequence, whose next tokens are others.
    ///
    /// Both share the blocks that are full; the last one is copied if it is not. Where no block or
    /// no place is free, the new sequence waits and finds the full blocks in the cache later.
    ///
    /// - Parameters:
    ///   - slice: one that samples, of the open step and of a sequence with `forkCount` left.
    ///   - id: the new sequence.
    ///   - token: its next token.
    ///   - rest: the tokens that follow this one, as in ``SliceOutcome/continued(_:)``.
    package mutating func fork(
        _ slice: ScheduledStep.Slice, into id: SequenceID, token: Int32, then rest: [Int32] = []
    ) {
        let index = slice.runningIndex
        precondition(hasOpenStep && slice.samples, "nothing to fork")
        precondition(places.running[index].forkCount > 0, "\(slice.id) was not to be forked")
        let arrival = places.running[index].arrival + UInt64(places.running[index].forkCount)
        places.running[index].forkCount -= 1
        pendingForks.append(
            PendingFork(id: id, arrival: arrival, originIndex: index, tokens: [token] + rest))
    }

    /// Adds the sequences that were forked from the step being committed.
    private mutating func makeForks() {
        if pendingForks.isEmpty { return }
        for fork in pendingForks {
            let origin = places.running[fork.originIndex]
            var sequence = ScheduledSequence(
                id: fork.id, arrival: fork.arrival, promptCount: origin.promptCount,
                maxTokens: origin.maxTokens, scoresPrompt: false, priority: origin.priority,
                client: origin.client, scope: origin.scope, deadline: origin.deadline,
                dueTime: origin.dueTime, forkCount: 0,
                tokens: Array(origin.tokens[..<origin.computedCount]))
            sequence.append(contentsOf: fork.tokens)
            sequence.cachedCount = origin.cachedCount
            sequence.countedCount = origin.promptCount
            places.add(sequence, forkedFrom: fork.originIndex, copies: &pendingCopies)
        }
        pendingForks.removeAll(keepingCapacity: true)
    }

    // MARK: Blocks that are kept elsewhere

    /// The names of a prompt's whole blocks, as far as they may be taken from the cache, and how many
    /// of them are in it.
    package func prefixNames(of request: SequenceRequest) -> (cachedCount: Int, [PrefixName]) {
        let (cachedCount, names) = places.blocks.names(
            of: request.promptTokens, in: request.scope)
        guard request.scoresPrompt else { return (cachedCount, names) }
        let limit = min(request.scoredFrom / configuration.positionsPerBlock, names.count)
        return (min(cachedCount, limit), Array(names[..<limit]))
    }

    /// How many whole blocks of a prompt are in the cache.
    package func cachedBlockCount(of request: SequenceRequest) -> Int {
        places.blocks.cachedCount(of: request.promptTokens, in: request.scope)
    }

    /// Lets sequences find blocks that somebody fills before the next step.
    ///
    /// Whoever does so makes the copies of ``takeCopies(into:)`` first: they read and write blocks
    /// that may be handed out here.
    ///
    /// - Parameters:
    ///   - tokens: of a prompt.
    ///   - places: the places of the blocks in it; those before them must be in the cache.
    ///   - scope: who may find them.
    /// - Returns: the blocks to fill, by place: those that were not in the cache, as long as memory
    ///   is free.
    package mutating func adopt(
        _ tokens: [Int32], at places: Range<Int>, in scope: CacheScope
    ) -> [(place: Int, block: Int32)] {
        precondition(!hasOpenStep, "the last step was not committed")
        precondition(pendingCopies.isEmpty, "copies are due")
        return self.places.blocks.adopt(tokens, at: places, in: scope)
    }

    /// Takes the named blocks that have been handed out for other uses since the last time; they hold
    /// what they held until copies are made or a step is computed.
    package mutating func takeEvicted(into blocks: inout [NamedBlock]) {
        places.blocks.takeEvicted(into: &blocks)
    }

    /// Takes the copies that the next step would have to make, for whoever makes them now.
    package mutating func takeCopies(into copies: inout [ScheduledStep.BlockCopy]) {
        copies.removeAll(keepingCapacity: true)
        swap(&copies, &pendingCopies)
    }

    // MARK: What others see

    /// All KV blocks, to be looked at.
    package var pool: BlockPool { places.blocks.pool }

    /// The number of sequences with blocks.
    package var runningCount: Int { places.running.count }

    /// The number of sequences without blocks.
    package var waitingCount: Int { places.waiting.count }

    /// Whether there is a sequence that is not of the background.
    package var hasForeground: Bool { places.hasForeground }

    /// How many of them are of the background.
    package var backgroundCount: (running: Int, waiting: Int) { places.backgroundCount }

    /// The number of all sequences.
    package var sequenceCount: Int { places.sequenceCount }

    /// The number of KV blocks that can be handed out; many of them may be cached.
    package var freeBlockCount: Int { pool.freeCount }

    /// The number of KV blocks that hold a prefix and belong to no sequence.
    package var cachedBlockCount: Int { pool.cachedCount }

    /// The number of KV blocks in use.
    package var usedBlockCount: Int { pool.usedCount }

    /// What the prefix cache has done.
    package var cacheStatistics: CacheStatistics { pool.statistics }

    /// The tokens of a slice of the open step.
    package func tokens(of slice: ScheduledStep.Slice) -> ArraySlice<Int32> {
        let end = slice.startPosition + slice.tokenCount
        return places.running[slice.runningIndex].tokens[slice.startPosition..<end]
    }

    /// The blocks of a slice's sequence, from position 0 to at least the slice's end.
    package func blockTable(of slice: ScheduledStep.Slice) -> [Int32] {
        places.running[slice.runningIndex].blockTable
    }

    /// Where the state of a slice's sequence is; 0 in models that keep none.
    package func state(of slice: ScheduledStep.Slice) -> Int32 {
        places.running[slice.runningIndex].state ?? 0
    }

    /// How many states are kept to go on from.
    package var checkpointCount: Int { places.blocks.states.checkpointCount }

    // MARK: Invariants

    /// Checks everything that must hold between two steps.
    ///
    /// - Returns: one line for each rule that is broken; none if all is well.
    /// - Complexity: O(blocks + tokens).
    package func checkInvariants() -> [String] {
        places.checkInvariants() + (pendingForks.isEmpty ? [] : ["forks are pending"])
    }

    /// Checks that no client waits with less than its part of the places while another of its class
    /// has more than its own, where blocks are not what is missing.
    ///
    /// Within a step that may not hold, for blocks are handed out and given back after the places
    /// were shared; it does not last for many steps.
    ///
    /// - Returns: one line for each client that is wronged.
    package func checkPlaces() -> [String] { places.checkPlaces() }
}
