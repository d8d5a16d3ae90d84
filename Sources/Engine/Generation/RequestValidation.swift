// SPDX-License-Identifier: Apache-2.0

internal import Sampling
internal import Tokenization

/// Checks requests before the engine's thread sees them.
struct RequestValidation {
    let contextLength: Int
    let vocabularyCount: Int

    /// The most choices of a request, within the sequences that may run.
    let maxChoices: Int

    let configuration: GenerationEngine.Configuration
    let tokenizer: any Tokenizer

    /// Whether the model makes vectors or scores of whole texts, and answers nothing.
    let isEncoder: Bool

    /// Checks every field, so that the engine's thread never meets a request that it cannot run.
    func check(_ request: GenerationRequest) throws(SubmissionError) {
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
        try check(
            "model", !isEncoder || request.embedding != nil,
            "it makes embeddings of texts and answers nothing")
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
        try checkRange("n", request.choiceCount, 1...maxChoices)
        let maxTop = min(configuration.maxTopLogprobs, vocabularyCount)
        try checkRange("top_logprobs", request.topLogprobs, 0...maxTop)
        let foreignName = request.logprobTokenIDs.first { !ids.contains($0) }
        try check(
            "logprob_token_ids", foreignName == nil,
            "token id \(foreignName ?? 0) is not in the vocabulary")
        try checkRange("prompt_logprobs", request.promptLogprobs, 0...maxTop)
        if let scoring = request.scoring {
            let problem = scoring.problem(
                promptCount: tokens.count, vocabularyCount: vocabularyCount)
            try check("scoring", problem == nil, problem ?? "")
            try check(
                "scoring", request.maxTokens == 0 && request.promptLogprobs == nil,
                "it goes with nothing else")
        }
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
        if let limit = request.repetitionLimit {
            try checkRange(
                "repetition_detection", limit.maxPatternSize, 1...RepetitionLimit.longestPattern)
            try checkRange(
                "repetition_detection", limit.minPatternSize, 1...limit.maxPatternSize)
            try checkRange("repetition_detection", limit.minCount, 2...Int(Int32.max))
        }
        if let beams = request.beamSearch {
            try checkRange("best_of", beams.width, request.choiceCount...maxChoices)
            try check("length_penalty", beams.lengthPenalty.isFinite, "it is not a finite number")
            try check(
                "use_beam_search", request.constraint == nil && request.thinkingBudget == nil,
                "an answer that is held to a form, or whose thinking is limited, cannot be searched"
            )
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
        let needed = tokens.count + (request.maxTokens == 0 || isEncoder ? 0 : 1)
        guard needed <= contextLength else {
            throw .promptTooLong(tokenCount: tokens.count, contextLength: contextLength)
        }
    }
}
