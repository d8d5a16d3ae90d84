// SPDX-License-Identifier: Apache-2.0

import Foundation
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
    private let mailbox = Mailbox()

    /// Starts the engine's thread.
    ///
    /// - Parameters:
    ///   - model: the model, which belongs to the engine from now on.
    ///   - tokenizer: its vocabulary.
    ///   - configuration: limits, which the model's own may lower.
    ///   - logger: where failures of steps are reported.
    package init(
        model: sending any LanguageModel, tokenizer: any Tokenizer,
        configuration: Configuration = .init(), logger: Logger = Logger(label: "cierzo.engine")
    ) {
        let positionCount = model.blockCount * model.positionsPerBlock
        contextLength = min(
            model.contextLength, positionCount, configuration.contextLength ?? positionCount)
        vocabularyCount = model.vocabularyCount
        maxSequences = min(
            configuration.maxSequences, model.maxLogitsRows, model.maxBatchTokens - 1)
        self.configuration = configuration
        self.tokenizer = tokenizer

        let loop = EngineLoop(
            model: model, tokenizer: tokenizer, configuration: configuration,
            maxSequences: maxSequences, mailbox: mailbox, logger: logger)
        let handover = Handover(loop)
        let thread = Thread {
            Thread.current.name = "cierzo-engine"
            handover.take()?.run()
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
        try RequestValidation(
            contextLength: contextLength, vocabularyCount: vocabularyCount,
            maxChoices: min(configuration.maxChoices, maxSequences), configuration: configuration,
            tokenizer: tokenizer
        ).check(request)
        let room = contextLength - request.promptTokens.count
        let isLimited = request.maxTokens.map { $0 <= room } ?? false
        let maxTokens = min(request.maxTokens ?? room, room)
        var endTokens = request.stopTokenIDs
        if !request.ignoresEOS { endTokens.formUnion(tokenizer.eosTokenIDs) }

        let limit = maxSequences + configuration.maxQueuedSequences
        let (id, place) = try mailbox.reserve(
            request.beamSearch?.width ?? request.choiceCount, of: request.client,
            weight: max(1, request.weight),
            maxRunning: maxSequences, limit: limit, timeLimit: request.timeLimit)
        let source = stream.open(choiceCount: request.choiceCount)
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
            submitted: .now)
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

    /// Refuses new requests, gives running ones some time, cancels the rest and ends the thread.
    ///
    /// A second call may only shorten the time.
    ///
    /// - Parameter grace: how long running requests may go on.
    package func shutdown(grace: Duration = .zero) async {
        mailbox.shutDown(by: .now + grace)
        await mailbox.waitForEnd()
    }
}

/// Carries the loop to its thread, which is the only one that ever touches it.
private final class Handover: Sendable {
    private let loop: Mutex<EngineLoop?>

    init(_ loop: sending EngineLoop) {
        self.loop = Mutex(loop)
    }

    func take() -> sending EngineLoop? {
        loop.withLock { loop in
            let taken = loop
            loop = nil
            return taken
        }
    }
}
