// SPDX-License-Identifier: Apache-2.0

internal import Computation
internal import Inference
internal import Logging
internal import ModelFiles
internal import Sampling
internal import Scheduling
internal import Tokenization

/// What runs on the engine's thread, and everything that only that thread touches.
final class EngineLoop {
    private let model: any LanguageModel
    private let tokenizer: any Tokenizer
    private let mailbox: Mailbox
    private let logger: Logger
    private let metrics: EngineMetrics
    private let passage: ForegroundGate.Passage

    /// Whether a step of the background is to be given up, for somebody else waits; nil where the model
    /// keeps states, which would have gone on.
    private let isUnwanted: (() -> Bool)?

    private var scheduler: Scheduler
    private var sampler: ChoiceSampler
    private var statistics = EngineStatistics()
    private var pace = CompletionPace()
    private var promptPace = PromptPace()
    private var stepCosts = StepCosts()

    /// Whether next tokens are guessed.
    private let drafts: Bool

    /// Memory that every step uses again.
    private var scheduled = ScheduledStep()
    private var batch = ForwardBatch()
    private var outcomes: [SliceOutcome] = []
    private var messages = Mailbox.Messages()
    private var masked: [SharedMatcher] = []

    /// What keeps prefixes on disk, if anything does.
    private var keeper: PrefixKeeper?

    /// The prompts that were computed last.
    private var history = PromptHistory()

    private var requests: [RequestID: ActiveRequest] = [:]
    private var choices: [SequenceID: ActiveChoice] = [:]

    /// How many of the choices are held to a constraint.
    private var constrainedCount = 0

    /// Computes their masks; started for the first of them.
    private var maskWorker: MaskWorker?

    /// How many tokens of a choice are appended in one step at most; the others wait.
    private static let mostTokensAtOnce = 256

    private var nextSequence: UInt64 = 1
    private var shutdownDeadline: ContinuousClock.Instant?

    /// What happened since the last time that it was published: the events, and the requests of
    /// choices that have ended.
    private var events: [(source: EventSource, event: GenerationEvent)] = []
    private var ended: [RequestID] = []

    init(
        model: any LanguageModel, tokenizer: any Tokenizer,
        configuration: GenerationEngine.Configuration, maxSequences: Int, mailbox: Mailbox,
        prefixes: PrefixSpace?, gate: ForegroundGate, logger: Logger
    ) {
        self.model = model
        let passage = ForegroundGate.Passage(gate)
        self.passage = passage
        isUnwanted =
            model.stateCount > 0 ? nil : { mailbox.awaitsForeground || !passage.isOpen }
        self.tokenizer = tokenizer
        self.mailbox = mailbox
        self.logger = logger
        // A state that wrong guesses have passed cannot be taken back.
        drafts = configuration.drafts && model.stateCount == 0
        metrics = EngineMetrics(model: configuration.modelName)
        let limit = maxSequences + configuration.maxQueuedSequences
        // States are kept in memory alone, and blocks are of no use without them.
        let prefixes = model.stateCount > 0 ? nil : prefixes
        scheduler = Scheduler(
            configuration: Scheduler.Configuration(
                maxBatchTokens: model.maxBatchTokens, maxLogitsRows: model.maxLogitsRows,
                maxSequences: maxSequences,
                maxQueuedSequences: configuration.maxQueuedSequences
                    + OutstandingPlaces.reserve(of: limit),
                blockCount: model.blockCount, positionsPerBlock: model.positionsPerBlock,
                prefillChunkTokens: configuration.prefillChunkTokens,
                prefillChunkTokensWhileDecoding: configuration.prefillChunkTokensWhileDecoding,
                prefixRoot: prefixes?.root,
                attentionWindow: model.attentionWindow, stateCount: model.stateCount))
        keeper = prefixes.map { PrefixKeeper(model: model, store: $0.store, mailbox: mailbox) }
        sampler = ChoiceSampler(model: model)
        statistics.freeBlocks = model.blockCount
        statistics.expertUsage = model.expertUsage
    }

    /// Runs until a shutdown; sleeps while there is nothing to do.
    func run() {
        publish()
        while true {
            receiveMessages()
            // A search by beams holds its places between its steps, when it has no request here.
            if let shutdownDeadline,
                requests.isEmpty && mailbox.isIdle || .now >= shutdownDeadline
            {
                break
            }
            passage.note(isBusy: scheduler.hasForeground)
            if scheduler.sequenceCount == 0 {
                keeper?.saveSome(scheduler)
                mailbox.sleepUntilMessage(orUntil: nextDeadline)
                statistics.wakeUps += 1
                statistics.lastProgress = .now
                pace.resume(at: .now)
            } else if !scheduler.hasForeground, !passage.isOpen {
                mailbox.sleepUntilMessage(orUntil: .now + ForegroundGate.pause)
                statistics.lastProgress = .now
            } else {
                step()
            }
        }
        endEverything()
        keeper?.saveAll(scheduler)
        let rest = mailbox.end()
        noteWithdrawals(rest.withdrawnCount)
        for submission in rest.submissions { start(submission) }
        endEverything()
        maskWorker?.end()
    }

    /// When there is something to do though nothing has arrived; nil for never.
    private var nextDeadline: ContinuousClock.Instant? {
        guard let patienceEnd = keeper?.patienceEnd else { return shutdownDeadline }
        return min(patienceEnd, shutdownDeadline ?? patienceEnd)
    }

    /// One step of everything that runs: schedule → forward → sample → commit.
    ///
    /// A failure ends the choices that it concerns, never the engine.
    private func step() {
        var times = StepTimes()
        scheduler.schedule(into: &scheduled, at: times.start)
        noteAdmissions(at: times.start)
        endExpired()
        keeper?.saveEvicted(&scheduler)
        if scheduled.slices.isEmpty { return publish() }
        for copy in scheduled.copies {
            model.copyBlock(from: Int(copy.source), to: Int(copy.destination))
        }
        for copy in scheduled.stateCopies {
            model.copyState(from: Int(copy.source), to: Int(copy.destination))
        }
        for slice in scheduled.slices { appendToBatch(slice) }

        beginMasks()

        times.scheduled = .now
        let trace = model.expertUsage?.trace
        let isTraced = trace?.begin(tokenCount: batch.tokens.count) ?? false
        var failure: String?
        var isWhole = true
        do {
            isWhole = try model.forward(
                step: batch, isUnwanted: scheduler.hasForeground ? nil : isUnwanted)
        } catch {
            failure = "the model could not compute this step: \(error)"
            logger.error("a step failed", metadata: ["error": "\(error)"])
        }

        times.computed = .now
        if let trace, isTraced { keepRouting(in: trace, isWhole: isWhole && failure == nil) }
        if constrainedCount > 0 { maskWorker?.stop() }
        guard isWhole else {
            scheduler.abandon()
            clearBatch()
            statistics.preemptions += UInt64(scheduled.preempted.count)
            statistics.abandonedSteps += 1
            statistics.lastProgress = .now
            return publish()
        }
        var row = 0
        for slice in scheduled.slices {
            outcomes.append(failure.map { fail(slice, $0) } ?? sample(slice, firstRow: row))
            row += slice.logitsRowCount
        }
        if drafts { guessNext(times) }
        scheduler.commit(scheduled, outcomes: outcomes)

        outcomes.removeAll(keepingCapacity: true)
        clearBatch()
        times.end = .now
        noteStep(times)
        publish()
    }

    /// The batch must not hold the block tables, or the scheduler would copy them to grow them.
    private func clearBatch() {
        batch.tokens.removeAll(keepingCapacity: true)
        batch.slices.removeAll(keepingCapacity: true)
    }

    private func appendToBatch(_ slice: ScheduledStep.Slice) {
        let rows: LogitsRows =
            switch slice.logits {
            case .none: .none
            case .last: .last
            case .all: .all
            case .trailing(let count): .trailing(count)
            }
        batch.slices.append(
            SequenceSlice(
                firstToken: batch.tokens.count, tokenCount: slice.tokenCount,
                startPosition: slice.startPosition, blockTable: scheduler.blockTable(of: slice),
                logitsRows: rows, adapter: choices[slice.id]?.active.request.adapter,
                state: scheduler.state(of: slice)))
        batch.tokens += scheduler.tokens(of: slice)
    }

    /// Keeps which experts the tokens of the step were routed to, of the first choice of each request.
    private func keepRouting(in trace: ExpertTrace, isWhole: Bool) {
        trace.end()
        guard isWhole else { return }
        for (slice, rows) in zip(scheduled.slices, batch.slices) {
            guard let choice = choices[slice.id], choice.index == 0 else { continue }
            let end = rows.firstToken + rows.tokenCount
            let active = choice.active
            trace.keep(
                active.submission.id.rawValue, named: active.request.id, of: active.request.client,
                from: rows.startPosition, batch.tokens[rows.firstToken..<end],
                firstToken: rows.firstToken)
        }
    }

    /// Has the masks computed that the slices' next tokens are sampled with.
    private func beginMasks() {
        if constrainedCount == 0 { return }
        for slice in scheduled.slices {
            guard let choice = choices[slice.id] else { continue }
            if choice.needsMask, let matcher = choice.matcher { masked.append(matcher) }
            for sibling in choice.active.unforked where sibling.needsMask {
                if let matcher = sibling.matcher { masked.append(matcher) }
            }
        }
        maskWorker?.begin(masked)
        masked.removeAll(keepingCapacity: true)
    }

    // MARK: Messages

    private func receiveMessages() {
        mailbox.receive(into: &messages)
        if let deadline = messages.shutdownDeadline {
            shutdownDeadline = min(shutdownDeadline ?? deadline, deadline)
        }
        // First, since the new ones may have their places.
        for id in messages.cancellations {
            guard let request = requests[id] else { continue }
            endAll(request, reason: .cancelled)
        }
        noteWithdrawals(messages.withdrawnCount)
        for piece in messages.restored { keeper?.receive(piece, &scheduler) }
        let ready = keeper?.takeReady(scheduler) ?? []
        for id in ready {
            if let active = requests[id] { enqueue(active) }
        }
        for submission in messages.submissions { start(submission) }
        if !messages.isEmpty || !ready.isEmpty { publish() }
    }

    /// Queues the first choice of a request; the others are forked from it when the prompt is
    /// computed.
    private func start(_ submission: Submission) {
        let active = ActiveRequest(submission)
        requests[submission.id] = active
        if submission.request.constraint != nil {
            constrainedCount += submission.request.choiceCount
            if maskWorker == nil { maskWorker = MaskWorker() }
        }
        for index in 0..<submission.request.choiceCount {
            let id = SequenceID(rawValue: nextSequence)
            nextSequence += 1
            let choice = ActiveChoice(
                of: active, index: index, id: id, tokenizer: tokenizer, drafts: drafts)
            active.choices.append(choice)
            choices[id] = choice
        }
        if !active.isScoring { finishScoring(active) }
        if submission.maxTokens == 0, !active.isScoring {
            for choice in active.choices { end(choice, .init(reason: submission.limitReason)) }
            return
        }
        active.unforked = Array(active.choices.dropFirst())
        if keeper?.begins(submission.id, active.sequenceRequest, scheduler) != true {
            enqueue(active)
        }
    }

    /// Lets the scheduler have a request's first choice.
    private func enqueue(_ active: ActiveRequest) {
        do {
            try scheduler.add(
                active.choices[0].id, active.sequenceRequest, at: active.submission.submitted)
        } catch {
            for choice in active.choices { end(choice, .init(reason: .error("\(error)"))) }
        }
    }

    // MARK: Tokens

    /// Takes over what the model computed for one slice.
    private func sample(_ slice: ScheduledStep.Slice, firstRow: Int) -> SliceOutcome {
        // A sequence that nobody owns any more is forgotten; that is no reason to end the process.
        guard let choice = choices[slice.id] else { return .failed }
        let active = choice.active
        do {
            if choice.generatedCount == 0 { notePrompt(slice, of: active) }
            if let output = active.request.embedding {
                return embed(slice, firstRow: firstRow, output, for: choice)
            }
            if active.isScoring { try score(slice, firstRow: firstRow, for: active) }
            guard slice.samples else {
                if active.submission.maxTokens > 0 || active.isScoring { return .progressed }
                for choice in active.choices {
                    end(choice, .init(reason: active.submission.limitReason))
                }
                return .finished
            }
            let lastRow = firstRow + slice.logitsRowCount - 1 - slice.draftCount
            let position = slice.startPosition + slice.tokenCount - slice.draftCount
            // Counted as wrong until they are found right, for an answer may end in between.
            if choice.drafting?.isPredicted == true {
                active.usage.rejectedPredictionTokens += slice.draftCount
            }
            var outcome = try sampleNext(for: choice, row: lastRow, position: position)
            if slice.draftCount > 0 {
                try checkDraft(of: slice, for: choice, row: lastRow, position: position, &outcome)
            }
            for sibling in active.unforked {
                fork(slice, into: sibling, row: lastRow, position: position)
            }
            active.unforked = []
            return outcome
        } catch {
            return fail(slice, "\(error)")
        }
    }

    /// Takes the states of a slice into a vector, and ends the request with the last of them.
    private func embed(
        _ slice: ScheduledStep.Slice, firstRow: Int, _ output: EmbeddingOutput,
        for choice: ActiveChoice
    ) -> SliceOutcome {
        let active = choice.active
        guard case .vector(let pooling) = output else {
            return fail(slice, "this model has no head that scores")
        }
        let promptCount = active.request.promptTokens.count
        let end = slice.startPosition + slice.tokenCount
        if pooling.method == .mean {
            for row in 0..<slice.logitsRowCount {
                // Some may be known from before a preemption.
                let position = end - slice.logitsRowCount + row
                guard position == active.pooledCount, position < promptCount else { continue }
                add(stateOfRow: firstRow + row, to: active)
            }
        } else if slice.logitsRowCount > 0 {
            active.pooledStates = []
            active.pooledCount = promptCount - 1
            add(stateOfRow: firstRow + slice.logitsRowCount - 1, to: active)
        }
        guard end >= promptCount else { return .progressed }
        guard active.pooledCount == promptCount, !active.pooledStates.isEmpty else {
            return fail(slice, "this model does not tell its states")
        }
        emit(
            .embedding(
                pooling.finished(
                    active.pooledStates, count: pooling.method == .mean ? promptCount : 1)),
            of: active)
        for choice in active.choices {
            self.end(choice, .init(reason: active.submission.limitReason))
        }
        return .finished
    }

    private func add(stateOfRow row: Int, to active: ActiveRequest) {
        _ = model.withState(row: row) { state in
            if active.pooledStates.isEmpty {
                active.pooledStates = [Float](repeating: 0, count: state.count)
            }
            for index in state.indices { active.pooledStates[index] += state[index] }
            active.pooledCount += 1
        }
    }

    /// Notes how much of a prompt was found in the cache, and at its end why not more.
    private func notePrompt(_ slice: ScheduledStep.Slice, of active: ActiveRequest) {
        let end = slice.startPosition + slice.tokenCount
        active.usage.notePrompt(
            foundCount: slice.cachedCount, computedTo: end, blockSize: model.positionsPerBlock)
        guard !active.isNoted, slice.samples || end >= active.usage.promptTokens - 1 else { return }
        active.isNoted = true
        let prompt = active.prompt
        if active.request.diagnosesCache || logger.logLevel <= .debug {
            let diagnosis = history.diagnosis(
                of: prompt, foundCount: slice.cachedCount, blockSize: model.positionsPerBlock)
            if active.request.diagnosesCache { active.usage.cacheDiagnosis = diagnosis }
            logger.debug(
                "prompt",
                metadata: [
                    "request": "\(active.request.id)", "tokens": "\(active.usage.promptTokens)",
                    "found": "\(slice.cachedCount)", "cache": "\(diagnosis.reason)",
                ])
        }
        // The steps of one search would push out what others have asked.
        if !active.submission.isLaterStep { history.note(prompt) }
    }

    /// Scores the prompt's tokens that follow the slice's, and delivers them when all are known.
    private func score(
        _ slice: ScheduledStep.Slice, firstRow: Int, for active: ActiveRequest
    ) throws {
        // The logits of a token are about the one after it.
        let firstPlace = slice.startPosition + slice.tokenCount - slice.logitsRowCount + 1
        for row in 0..<slice.logitsRowCount {
            try active.scores.note(
                placeInPrompt: firstPlace + row, row: firstRow + row, &sampler)
        }
        if !active.isScoring { finishScoring(active) }
    }

    /// Begins another choice of a request, from the same logits as the first.
    private func fork(
        _ slice: ScheduledStep.Slice, into choice: ActiveChoice, row: Int, position: Int
    ) {
        do {
            let outcome = try sampleNext(for: choice, row: row, position: position)
            switch outcome {
            case .sampled(let token): scheduler.fork(slice, into: choice.id, token: token)
            case .continued(let tokens):
                scheduler.fork(
                    slice, into: choice.id, token: tokens[0], then: Array(tokens.dropFirst()))
            default: break
            }
        } catch {
            end(choice, .init(reason: .error("\(error)")))
        }
    }

    /// Chooses the next token of a choice, and delivers it with those that must follow.
    private func sampleNext(
        for choice: ActiveChoice, row: Int, position: Int
    ) throws -> SliceOutcome {
        let active = choice.active
        let forced = choice.takeForced()
        let chosen =
            try forced == nil ? sampler.sample(for: choice, row: row, position: position) : nil
        guard let token = forced?.id ?? chosen?.token else { return rewind(choice) }
        let logprobs = try active.request.topLogprobs.map {
            try sampler.logprobs(
                of: token, topCount: $0, named: active.request.logprobTokenIDs, row: row)
        }
        noteToken(of: active, isForced: forced != nil)
        noteInterval(of: choice)
        var end = choice.append(
            token, endsAnswer: forced?.endsAnswer ?? false, wasChosen: chosen?.wasFree ?? false,
            logprobs)

        // Log probabilities need the logits before each token, so then they come one at a time.
        var tokens: [Int32] = []
        while end == nil, logprobs == nil, tokens.count < Self.mostTokensAtOnce,
            let forced = choice.takeForced()
        {
            if tokens.isEmpty { tokens.append(token) }
            noteToken(of: active, isForced: true)
            tokens.append(forced.id)
            end = choice.append(
                forced.id, endsAnswer: forced.endsAnswer, wasChosen: false, nil)
        }
        if let end {
            self.end(choice, end)
            return .finished
        }
        deliver(choice.takeOutput(), of: choice)
        return tokens.isEmpty ? .sampled(token) : .continued(tokens)
    }

    // MARK: Guessed tokens

    /// Samples on as long as what is sampled is what was guessed.
    ///
    /// - Parameters:
    ///   - slice: one with guessed tokens.
    ///   - choice: its choice.
    ///   - row: of the logits that the first guess is compared with.
    ///   - position: of the first guess.
    ///   - outcome: of that row; becomes that of the first row whose token was not guessed.
    /// - Throws: what sampling throws.
    private func checkDraft(
        of slice: ScheduledStep.Slice, for choice: ActiveChoice, row: Int, position: Int,
        _ outcome: inout SliceOutcome
    ) throws {
        var count = 0
        for guess in scheduler.tokens(of: slice).suffix(slice.draftCount) {
            guard outcome == .sampled(guess) else { break }
            count += 1
            if choice.drafting?.isPredicted == true {
                choice.active.usage.acceptedPredictionTokens += 1
                choice.active.usage.rejectedPredictionTokens -= 1
            }
            outcome = try sampleNext(
                for: choice, row: row + count, position: position + count)
        }
        scheduler.keep(count, ofDraftIn: slice)
        choice.drafting?.keep(count)
        statistics.drafts += 1
        statistics.draftTokens += UInt64(slice.draftCount)
        statistics.acceptedDraftTokens += UInt64(count)
    }

    /// Accounts for what was guessed in this step, and guesses what comes after it.
    private func guessNext(_ times: StepTimes) {
        guard scheduled.prefillCount == 0 else { return }
        let seconds = times.start.duration(to: .now) / .seconds(1)
        let plainCount = scheduled.tokenCount - scheduled.draftTokenCount
        stepCosts.note(tokenCount: scheduled.tokenCount, seconds: seconds)
        let plain = min(stepCosts.estimate(tokenCount: plainCount) ?? seconds, seconds)
        let part = plain / Double(scheduled.decodeCount)
        let tokenSeconds = (seconds - plain) / Double(max(scheduled.draftTokenCount, 1))
        var tokenCount = scheduled.decodeCount
        for (slice, outcome) in zip(scheduled.slices, outcomes) {
            guard let choice = choices[slice.id] else { continue }
            choice.drafting?.settle(
                slice.draftCount, seconds: part, tokenSeconds: tokenSeconds)
            // The next step would have a prompt to compute, and no room for guesses.
            guard case .sampled = outcome, choice.samplesNext, scheduler.waitingCount == 0,
                let guess = choice.drafting?.next(
                    tokenCount: tokenCount, sequenceCount: scheduled.decodeCount, stepCosts),
                !guess.isEmpty
            else { continue }
            scheduler.propose(guess, after: slice)
            tokenCount += guess.count
        }
    }

    /// Counts a generated token.
    private func noteToken(of active: ActiveRequest, isForced: Bool) {
        statistics.generatedTokens += 1
        if isForced { statistics.forcedTokens += 1 }
        if active.usage.firstTokenDuration == nil {
            active.usage.firstTokenDuration = active.submission.submitted.duration(to: .now)
        }
    }

    /// Records the time since a choice got tokens before.
    private func noteInterval(of choice: ActiveChoice) {
        let now = ContinuousClock.now
        if let last = choice.lastToken { metrics.noteToken(after: last.duration(to: now)) }
        choice.lastToken = now
    }

    /// Takes a choice back from a dead end, or ends it where that cannot be.
    private func rewind(_ choice: ActiveChoice) -> SliceOutcome {
        guard let count = choice.rewind() else {
            end(choice, choice.deadEnd)
            return .finished
        }
        statistics.rewinds += 1
        return .rewound(toCount: choice.active.request.promptTokens.count + count)
    }

    // MARK: Ends

    /// Ends a choice that cannot go on, and those that were to begin with its prompt.
    private func fail(_ slice: ScheduledStep.Slice, _ reason: String) -> SliceOutcome {
        guard let choice = choices[slice.id] else { return .failed }
        for other in choice.active.unforked { end(other, .init(reason: .error(reason))) }
        choice.active.unforked = []
        end(choice, .init(reason: .error(reason)))
        return .failed
    }

    /// Ends what is left of a request between two steps.
    private func endAll(_ active: ActiveRequest, reason: FinishReason) {
        for choice in active.choices {
            scheduler.cancel(choice.id)
            end(choice, .init(reason: reason))
        }
    }

    /// Ends the requests whose time is over, all choices of each.
    private func endExpired() {
        for id in scheduled.expired {
            guard let active = choices[id]?.active else { continue }
            for choice in active.choices { end(choice, .init(reason: .expired)) }
        }
    }

    private func endEverything() {
        for request in requests.values { endAll(request, reason: .cancelled) }
        publish()
    }

    /// Ends a choice that the scheduler does not know, or will forget with the current step.
    ///
    /// Text that was held back, in case a stop string or a character was beginning, comes out.
    private func end(_ choice: ActiveChoice, _ end: AnswerText.End) {
        let active = choice.active
        if choice.matcher != nil {
            constrainedCount -= 1
            // Nobody is to take a broken answer for one that keeps to its constraint.
            if case .error = end.reason { choice.discard() }
        }
        deliver(choice.takeRest(), of: choice)
        choices[choice.id] = nil
        active.choices.removeAll { $0 === choice }
        ended.append(active.submission.id)
        pace.noteEnd(at: .now)
        emit(.finished(choice: choice.index, reason: end.reason, stop: end.stop), of: active)
        guard active.choices.isEmpty else { return }
        requests[active.submission.id] = nil
        keeper?.forget(active.submission.id)
        active.usage.totalDuration = active.submission.submitted.duration(to: .now)
        if !active.submission.isLaterStep {
            statistics.finishedRequests += 1
            metrics.noteEnd(of: active.usage, reason: end.reason)
        }
        emit(.usage(active.usage), of: active)
    }

    // MARK: Delivery

    /// Delivers tokens of a choice and the text that is certain with them.
    private func deliver(_ output: (text: String, tokens: TokenRun), of choice: ActiveChoice) {
        if output.tokens.isEmpty, output.text.isEmpty { return }
        emit(
            .output(choice: choice.index, text: output.text, tokens: output.tokens),
            of: choice.active)
    }

    /// Delivers the scores of a prompt, if they were asked for.
    private func finishScoring(_ active: ActiveRequest) {
        guard active.scores.areWanted else { return }
        emit(.promptLogprobs(active.scores.logprobs), of: active)
    }

    /// Keeps an event until the step is over, so that whoever sees it finds its blocks freed.
    private func emit(_ event: GenerationEvent, of active: ActiveRequest) {
        events.append((active.submission.source, event))
    }

    /// Publishes the state of the engine, then delivers what happened since the last time.
    private func publish() {
        statistics.runningSequences = scheduler.runningCount
        statistics.waitingSequences = scheduler.waitingCount
        statistics.runningBackground = scheduler.backgroundCount.running
        statistics.waitingBackground = scheduler.backgroundCount.waiting
        statistics.usedBlocks = scheduler.usedBlockCount
        statistics.freeBlocks = scheduler.freeBlockCount
        statistics.cachedBlocks = scheduler.cachedBlockCount
        statistics.cacheHitTokens = scheduler.cacheStatistics.hitTokens
        statistics.cacheMissTokens = scheduler.cacheStatistics.missTokens
        statistics.evictedBlocks = scheduler.cacheStatistics.evictedBlocks
        mailbox.publish(statistics, ended: ended, placeInterval: pace.interval)
        ended.removeAll(keepingCapacity: true)
        for (source, event) in events { source.send(event) }
        events.removeAll(keepingCapacity: true)
    }

    // MARK: Measurements

    /// Counts requests that were cancelled before they were taken.
    private func noteWithdrawals(_ count: Int) {
        statistics.finishedRequests += UInt64(count)
        metrics.noteWithdrawals(count)
    }

    /// Records which requests left the queue.
    private func noteAdmissions(at now: ContinuousClock.Instant) {
        for id in scheduled.admitted {
            guard let active = choices[id]?.active, active.usage.queueDuration == nil else {
                continue
            }
            active.usage.queueDuration = active.submission.submitted.duration(to: now)
        }
    }

    /// Records what a step did.
    private func noteStep(_ times: StepTimes) {
        statistics.steps += 1
        statistics.prefillTokens += UInt64(scheduled.prefillCount)
        statistics.preemptions += UInt64(scheduled.preempted.count)
        statistics.lastProgress = times.end
        if scheduled.prefillCount == 0 {
            statistics.decodedTokens += UInt64(scheduled.decodeCount)
            statistics.decodingReadBytes += UInt64(model.stepReadByteCount)
            statistics.decodingDuration += times.forward
        }
        if scheduled.decodeCount == 0, scheduled.prefillCount >= 64 {
            promptPace.note(times.forward / scheduled.prefillCount)
            scheduler.promptTokenTime = promptPace.promptTokenTime
        }
        let maskWait = sampler.maskWait - statistics.maskWait
        let hasMasks = sampler.maskCount > statistics.masks
        statistics.maskWait = sampler.maskWait
        statistics.masks = sampler.maskCount
        metrics.noteStep(scheduled, times, maskWait: hasMasks ? maskWait : nil)
        logger.debug(
            "step",
            metadata: [
                "decodes": "\(scheduled.decodeCount)", "prefill": "\(scheduled.prefillCount)",
                "admitted": "\(scheduled.admitted.count)",
                "preempted": "\(scheduled.preempted.count)",
                "copies": "\(scheduled.copies.count)",
                "running": "\(scheduler.runningCount)", "waiting": "\(scheduler.waitingCount)",
                "free": "\(scheduler.freeBlockCount)", "cached": "\(scheduler.cachedBlockCount)",
                "schedule": "\(times.schedule)", "forward": "\(times.forward)",
                "sample": "\(times.sample)",
            ])
    }
}
