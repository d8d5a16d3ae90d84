// SPDX-License-Identifier: Apache-2.0

import Foundation
package import Inference
package import Logging
internal import Sampling
internal import StructuredOutput
import Synchronization
package import Tokenization

/// Turns requests of token ids into streams of ids and text.
///
/// One thread of its own runs `schedule → forward → sample → commit`; everything else reaches it
/// through one mailbox. It sleeps when there is nothing to do.
package final class GenerationEngine: Sendable {
    /// The most tokens of a prompt and its answer together.
    package let contextLength: Int

    /// The number of ids that a prompt may use.
    package let vocabularyCount: Int

    /// The most sequences that run at the same time.
    package let maxSequences: Int

    /// The limits that the engine keeps.
    package let configuration: Configuration

    private let tokenizer: any Tokenizer
    private let limits: Limits
    private let mailbox: Mailbox

    /// Starts the engine's thread.
    ///
    /// - Parameters:
    ///   - model: the model, which belongs to the engine from now on.
    ///   - tokenizer: its vocabulary.
    ///   - configuration: limits, which the model's own may lower.
    ///   - prefixes: where KV blocks outlive the engine; nil for nowhere.
    ///   - gate: keeps the background of all engines that share it from disturbing the others.
    ///   - logger: where failures of steps are reported.
    ///   - whenIdle: is told, on any thread, each time that the last request has ended, or the last
    ///     but those of the background.
    package init(
        model: sending any LanguageModel, tokenizer: any Tokenizer,
        configuration: Configuration = .init(), prefixes: PrefixSpace? = nil,
        gate: ForegroundGate = ForegroundGate(),
        logger: Logger = Logger(label: "cierzo.engine"),
        whenIdle: @escaping @Sendable () -> Void = {}
    ) {
        limits = Limits(
            configuration, tokenizer: tokenizer, vocabularyCount: model.vocabularyCount,
            contextLength: model.contextLength,
            positionCount: model.blockCount * model.positionsPerBlock,
            maxLogitsRows: model.maxLogitsRows, maxBatchTokens: model.maxBatchTokens,
            stateCount: model.stateCount)
        contextLength = limits.contextLength
        vocabularyCount = limits.vocabularyCount
        maxSequences = limits.maxSequences
        self.configuration = configuration
        self.tokenizer = tokenizer
        mailbox = Mailbox(whenIdle: whenIdle)

        let loop = EngineLoop(
            model: model, tokenizer: tokenizer, configuration: configuration,
            maxSequences: maxSequences, mailbox: mailbox, prefixes: prefixes,
            gate: gate, logger: logger)
        start(loop)
    }

    /// Starts an engine that makes vectors or scores of whole texts, and answers nothing.
    ///
    /// - Parameters:
    ///   - encoder: the model, which belongs to the engine from now on.
    ///   - tokenizer: its vocabulary.
    ///   - configuration: limits; texts wait by the hundred where answers wait one by one.
    ///   - gate: keeps the background of all engines that share it from disturbing the others.
    ///   - whenIdle: is told, on any thread, each time that the last request has ended, or the last
    ///     but those of the background.
    package init(
        encoder: sending Encoder, tokenizer: any Tokenizer, configuration: Configuration = .init(),
        gate: ForegroundGate = ForegroundGate(), whenIdle: @escaping @Sendable () -> Void = {}
    ) {
        limits = Limits(
            encoder: configuration, tokenizer: tokenizer,
            vocabularyCount: encoder.vocabularyCount, maxTokenCount: encoder.maxTokenCount)
        contextLength = limits.contextLength
        vocabularyCount = limits.vocabularyCount
        maxSequences = limits.maxSequences
        self.configuration = configuration
        self.tokenizer = tokenizer
        mailbox = Mailbox(whenIdle: whenIdle)
        start(
            EncoderLoop(encoder, modelName: configuration.modelName, mailbox: mailbox, gate: gate))
    }

    private func start(_ loop: sending any EngineThreadLoop) {
        let handover = Handover(loop)
        let thread = Thread { [mailbox] in
            Thread.current.name = "cierzo-engine"
            handover.run()
            // Only now is the memory of the model given back.
            mailbox.noteThreadEnd()
        }
        thread.stackSize = 8 << 20
        thread.start()
    }

    deinit {
        mailbox.shutDown(by: .now)
    }

    /// Accepts a request, or says at once why not.
    ///
    /// - Parameters:
    ///   - request: what to generate.
    ///   - stream: gets the events; the request is cancelled when nobody reads it any more.
    /// - Returns: the request's identity and where it stands in the queue.
    /// - Throws: `SubmissionError`.
    @discardableResult package func submit(
        _ request: GenerationRequest, to stream: GenerationStream
    ) throws(SubmissionError) -> (id: RequestID, place: QueuePlace) {
        try submit(request, since: .now) { stream.open(choiceCount: request.choiceCount) }
    }

    /// Accepts a request that has waited elsewhere, as `submit(_:to:)` does.
    ///
    /// - Parameters:
    ///   - request: what to generate.
    ///   - submitted: since when its client waits, from which its time limit counts.
    ///   - open: where the events go; called when nothing but a shutdown can refuse it any more.
    /// - Returns: the request's identity and where it stands in the queue.
    /// - Throws: `SubmissionError`.
    @discardableResult package func submit(
        _ request: GenerationRequest, since submitted: ContinuousClock.Instant,
        to open: () -> EventSource
    ) throws(SubmissionError) -> (id: RequestID, place: QueuePlace) {
        try limits.validate(request)
        let room = contextLength - request.promptTokens.count
        let isLimited = request.maxTokens.map { $0 <= room } ?? false
        let maxTokens = min(request.maxTokens ?? room, room)
        var endTokens = request.stopTokenIDs
        if !request.ignoresEOS { endTokens.formUnion(tokenizer.eosTokenIDs) }

        let limit = maxSequences + configuration.maxQueuedSequences
        let (id, place) = try mailbox.reserve(
            request.placeCount, of: request.client, weight: max(1, request.weight),
            maxRunning: maxSequences, limit: limit, timeLimit: request.timeLimit,
            inBackground: request.isInBackground, placesBefore: request.placesBefore)
        let source = open()
        let constraintEndTokens = request.constraint == nil ? [] : ownEndTokens
        let ignoredEndTokens = request.ignoresEOS ? constraintEndTokens : []
        let submission = Submission(
            id: id, request: request, maxTokens: maxTokens,
            limitReason: isLimited ? .length : .contextLength,
            seed: request.sampling.seed ?? UInt64.random(in: 0...UInt64.max),
            stopMatcher: StopMatcher(
                stopStrings: request.stopStrings, includesStopString: request.includesStopString),
            endTokens: endTokens,
            endTokensInOrder: request.minTokens > 0
                ? endTokens.union(ignoredEndTokens).sorted() : [],
            constraintEndTokens: constraintEndTokens, ignoredEndTokens: ignoredEndTokens,
            allowedMask: request.sampling.allowedTokens.map(mask), source: source,
            submitted: submitted)
        if let beams = request.beamSearch, maxTokens > 0 {
            let search = BeamSearch(
                submission: submission, limits: beams, mailbox: mailbox, tokenizer: tokenizer)
            let task = Task { await search.run() }
            source.onCancellation { task.cancel() }
            return (id, place)
        }
        guard mailbox.send(submission) else {
            source.finish()
            throw .shuttingDown
        }
        // Only now, for what is cancelled before it is sent would run all the same.
        source.onCancellation { [mailbox] in mailbox.cancel(id) }
        return (id, place)
    }

    /// A mask of these tokens alone.
    private func mask(_ tokens: [Int32]) -> TokenMask {
        var mask = TokenMask(tokenCount: vocabularyCount)
        for token in tokens { mask[token] = true }
        return mask
    }

    /// The tokens that end an answer, first the one that prompts are written with.
    private var ownEndTokens: [Int32] {
        let first = tokenizer.eosTokenID
        return (first.map { [$0] } ?? []) + tokenizer.eosTokenIDs.sorted().filter { $0 != first }
    }

    /// Ends a request within one step; its choices finish with `.cancelled`.
    package func cancel(_ id: RequestID) {
        mailbox.cancel(id)
    }

    /// How the engine is doing.
    package var statistics: EngineStatistics { mailbox.statistics }

    /// Whether no request runs or waits.
    package var isIdle: Bool { mailbox.isIdle }

    /// The same, the background aside.
    package var isQuiet: Bool { mailbox.isQuiet }

    /// Refuses new requests, gives running ones some time, cancels the rest, ends the thread and gives
    /// back the model's memory.
    ///
    /// A second call may only shorten the time.
    ///
    /// - Parameter grace: how long running requests may go on.
    package func shutdown(grace: Duration = .zero) async {
        mailbox.shutDown(by: .now + grace)
        await mailbox.waitForEnd()
    }
}

/// What runs on an engine's thread until its end.
protocol EngineThreadLoop: AnyObject {
    /// Runs until a shutdown; sleeps while there is nothing to do.
    func run()
}

extension EngineLoop: EngineThreadLoop {}

/// Carries the loop to its thread, which is the only one that ever touches it.
private final class Handover: Sendable {
    private let loop: Mutex<(any EngineThreadLoop)?>

    init(_ loop: sending any EngineThreadLoop) {
        self.loop = Mutex(loop)
    }

    /// Runs the loop to its end; with it goes all that only it has held.
    @inline(never) func run() { take()?.run() }

    private func take() -> sending (any EngineThreadLoop)? {
        loop.withLock { loop in
            let taken = loop
            loop = nil
            return taken
        }
    }
}
