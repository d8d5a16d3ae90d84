// SPDX-License-Identifier: Apache-2.0

internal import Sampling
internal import Tokenization

/// What the tokens of a choice add up to: its text, and where that ends.
///
/// A value, so that a choice can keep what it was before tokens that may be taken back.
struct AnswerText {
    /// How a choice ended.
    struct End {
        var reason: FinishReason
        var stop: MatchedStop?
    }

    /// The tokens so far, if samplers ask for them.
    private(set) var history: TokenHistory?

    private(set) var tokenCount = 0

    /// Tokens that nobody has taken, and the text that became certain with them.
    private(set) var newTokens = TokenRun()
    private(set) var newText = ""

    private var detokenizer: StreamingDetokenizer
    private var matcher: StopMatcher

    /// Watches an answer whose length nobody has limited.
    private var repetition: RepetitionDetector?

    /// Watches for what the request calls a repetition.
    private var limitedRepetition: RepetitionDetector?

    /// The Unicode scalars of the text so far, whether they have come out or not.
    private var textLength = 0

    private var hasEnded = false

    init(of submission: Submission, tokenizer: any Tokenizer) {
        let request = submission.request
        detokenizer = StreamingDetokenizer(
            tokenizer: tokenizer, continuesText: request.continuesText)
        matcher = submission.stopMatcher
        if request.sampling.readsHistory {
            history = TokenHistory(promptTokens: request.promptTokens, for: request.sampling)
        }
        limitedRepetition = request.repetitionLimit.map { RepetitionDetector($0) }
        if request.stopsOnRepetition, request.maxTokens == nil, !request.ignoresEOS {
            repetition = RepetitionDetector()
        }
    }

    /// Takes the next token.
    ///
    /// - Parameters:
    ///   - token: what was sampled.
    ///   - logprobs: what the model thought of it, if the request asks.
    ///   - isEnd: whether the token ends the answer and is no part of its text.
    ///   - submission: the request.
    /// - Returns: the end if this was the last one.
    mutating func append(
        _ token: Int32, _ logprobs: TokenLogprobs?, isEnd: Bool, of submission: Submission
    ) -> End? {
        history?.append(token)
        tokenCount += 1

        let piece = isEnd ? "" : detokenizer.append(token)
        let output = TokenOutput(
            id: token, logprobs: logprobs, textOffset: textLength, isStop: isEnd)
        newTokens.append(contentsOf: TokenRun(output))
        textLength += piece.unicodeScalars.count

        var text = piece
        var stop: MatchedStop?
        if isEnd {
            stop = .token(token)
        } else if tokenCount > submission.request.minTokens {
            let matched = matcher.append(piece)
            text = matched.text
            stop = matched.match.map { .string($0) }
        }
        let isFull = tokenCount == submission.maxTokens
        let isEndless = repetition?.append(token) ?? false
        let isRepetition = limitedRepetition?.append(token) ?? false
        let repeats = (isEndless || isRepetition) && tokenCount >= submission.request.minTokens
        guard stop != nil || isFull || repeats else {
            newText += text
            return nil
        }
        // What follows a stop string is no part of the answer.
        if case .string = stop {} else { text += flush() }
        newText += text
        hasEnded = true
        let limit = isFull ? submission.limitReason : .repetition
        return End(reason: stop == nil ? limit : .stop, stop: stop)
    }

    /// Takes the tokens that nobody has taken, and the text that became certain with them.
    mutating func take() -> (text: String, tokens: TokenRun) {
        defer {
            newText = ""
            newTokens = TokenRun()
        }
        return (newText, newTokens)
    }

    /// Gives up what nobody has taken; nothing follows.
    mutating func discard() {
        _ = take()
        hasEnded = true
    }

    /// The text that was held back in case a stop string or a character was beginning, in which a
    /// stop string may still be found; empty after the last token.
    mutating func flush() -> String {
        if hasEnded { return "" }
        let rest = matcher.append(detokenizer.flush())
        return rest.match == nil ? rest.text + matcher.flush() : rest.text
    }
}
