// SPDX-License-Identifier: Apache-2.0

internal import Sampling
internal import Tokenization

extension GenerationEngine {
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
        let submission = Submission(
            id: id, request: request, maxTokens: maxTokens,
            limitReason: isLimited ? .length : .contextLength,
            seed: request.sampling.seed ?? UInt64.random(in: 0...UInt64.max),
            stopMatcher: StopMatcher(
                stopStrings: request.stopStrings, includesStopString: request.includesStopString),
            endTokens: endTokens,
            endTokensInOrder: request.minTokens > 0 ? endTokens.sorted() : [],
            source: source, submitted: .now)
        guard mailbox.send(submission) else {
            source.finish()
            throw .shuttingDown
        }
        // Only now, for what is cancelled before it is sent would run all the same.
        source.onCancellation { [mailbox] in mailbox.cancel(id) }
        return (id, place)
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
