// SPDX-License-Identifier: Apache-2.0

import Foundation
package import Logging
internal import Sampling
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
        try validate(request)
        let room = contextLength - request.promptTokens.count
        let isLimited = request.maxTokens.map { $0 <= room } ?? false
        let maxTokens = min(request.maxTokens ?? room, room)
        var endTokens = request.stopTokenIDs
        if !request.ignoresEOS { endTokens.formUnion(tokenizer.eosTokenIDs) }

        let limit = maxSequences + configuration.maxQueuedSequences
        let (id, place) = try mailbox.reserve(
            request.choiceCount, of: request.client, weight: max(1, request.weight),
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
            source: source, submitted: .now)
        guard mailbox.send(submission) else {
            source.finish()
            throw .shuttingDown
        }
        // Only now, for what is cancelled before it is sent would run all the same.
        source.onCancellation { [mailbox] in mailbox.cancel(id) }
        return (id, place)
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

    /// Checks every field, so that the engine's thread never meets a request that it cannot run.
    private func validate(_ request: GenerationRequest) throws(SubmissionError) {
        func check(
            _ field: String, _ isValid: Bool, _ reason: @autoclosure () -> String
        ) throws(SubmissionError) {
            if !isValid { throw .invalid(field: field, reason: reason()) }
        }
        func checkRange(
            _ field: String, _ value: Int?, _ range: ClosedRange<Int>
        ) throws(SubmissionError) {
            guard let value, !range.contains(value) else { return }
            let reason = "\(value) is not from \(range.lowerBound) to \(range.upperBound)"
            throw .invalid(field: field, reason: reason)
        }
        let tokens = request.promptTokens
        try check("prompt", !tokens.isEmpty, "it has no tokens")
        let ids = 0..<Int32(clamping: vocabularyCount)
        let foreign = tokens.first { !ids.contains($0) }
        try check("prompt", foreign == nil, "token id \(foreign ?? 0) is not in the vocabulary")
        let foreignStop = request.stopTokenIDs.first { !ids.contains($0) }
        try check(
            "stop_token_ids", foreignStop == nil,
            "token id \(foreignStop ?? 0) is not in the vocabulary")

        try checkRange("max_tokens", request.maxTokens, 0...Int.max)
        try checkRange("min_tokens", request.minTokens, 0...(request.maxTokens ?? Int.max))
        let timeLimit = request.timeLimit ?? .seconds(1)
        try check("max_time", timeLimit > .zero, "\(timeLimit) is not above 0")
        try checkRange("n", request.choiceCount, 1...min(configuration.maxChoices, maxSequences))
        let maxTop = min(configuration.maxTopLogprobs, vocabularyCount)
        try checkRange("top_logprobs", request.topLogprobs, 0...maxTop)
        try checkRange("prompt_logprobs", request.promptLogprobs, 0...maxTop)
        try check("stop", request.stopStrings.allSatisfy { !$0.isEmpty }, "a stop string is empty")
        let stopBytes = request.stopStrings.reduce(0) { $0 + $1.utf8.count }
        try check(
            "stop", stopBytes <= configuration.maxStopBytes,
            "\(stopBytes) bytes are more than \(configuration.maxStopBytes)")
        if request.constraint != nil {
            try check(
                "response_format", tokenizer.eosTokenID != nil,
                "this model has no token to end an answer with")
        }
        if let budget = request.thinkingBudget {
            let budgetTokens = budget.openTokens + budget.closeTokens
            try check(
                "thinking_token_budget",
                !budget.closeTokens.isEmpty && budgetTokens.allSatisfy(ids.contains),
                "this model has no tokens to end its thinking with")
            try checkRange("thinking_token_budget", budget.tokenLimit, 0...Int.max)
        }
        do {
            try request.sampling.validate(vocabularyCount: vocabularyCount)
        } catch {
            switch error {
            case .invalidParameter(let field, let expected):
                throw .invalid(field: field, reason: "expected \(expected)")
            case .invalidLogit, .noCandidate:
                throw .invalid(field: "sampling", reason: error.description)
            }
        }
        let needed = tokens.count + (request.maxTokens == 0 ? 0 : 1)
        guard needed <= contextLength else {
            throw .promptTooLong(tokenCount: tokens.count, contextLength: contextLength)
        }
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
