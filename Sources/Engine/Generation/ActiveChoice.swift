// SPDX-License-Identifier: Apache-2.0

internal import Sampling
internal import Scheduling
internal import Tokenization

/// One continuation of a request's prompt: its tokens become text here, and its end is noticed.
///
/// Belongs to the engine's thread.
final class ActiveChoice {
    /// How a choice ended.
    struct End {
        var reason: FinishReason
        var stop: MatchedStop?
    }

    let active: ActiveRequest
    let index: Int
    let id: SequenceID

    /// The tokens so far, if penalties ask for them.
    private(set) var history: TokenHistory?

    private(set) var generatedCount = 0

    private var detokenizer: StreamingDetokenizer
    private var matcher: StopMatcher

    /// Watches an answer whose length nobody has limited.
    private var repetition: RepetitionDetector?

    /// The Unicode scalars of the text so far, whether they have come out or not.
    private var textLength = 0

    private var hasEnded = false

    init(of active: ActiveRequest, index: Int, id: SequenceID, tokenizer: any Tokenizer) {
        self.active = active
        self.index = index
        self.id = id
        let request = active.request
        detokenizer = StreamingDetokenizer(
            tokenizer: tokenizer, continuesText: request.continuesText)
        matcher = active.submission.stopMatcher
        if request.sampling.hasPenalties {
            history = TokenHistory(promptTokens: request.promptTokens)
        }
        if request.stopsOnRepetition, request.maxTokens == nil, !request.ignoresEOS {
            repetition = RepetitionDetector()
        }
    }

    /// The tokens that may not be chosen next: those that would end a choice that is too short.
    var maskedTokens: [Int32] {
        generatedCount < active.request.minTokens ? active.submission.endTokensInOrder : []
    }

    /// Takes the next token.
    ///
    /// - Parameters:
    ///   - token: what was sampled.
    ///   - logprobs: what the model thought of it, if the request asks.
    /// - Returns: the text that is certain now, the token, and the end if this was the last one.
    func append(
        _ token: Int32, _ logprobs: TokenLogprobs?
    ) -> (text: String, output: TokenOutput, end: End?) {
        let submission = active.submission
        history?.append(token)
        generatedCount += 1

        let isEnd = submission.endTokens.contains(token)
        let piece = isEnd ? "" : detokenizer.append(token)
        let output = TokenOutput(
            id: token, logprobs: logprobs, textOffset: textLength, isStop: isEnd)
        textLength += piece.unicodeScalars.count

        var text = piece
        var stop: MatchedStop?
        if isEnd {
            stop = .token(token)
        } else if generatedCount > submission.request.minTokens {
            let matched = matcher.append(piece)
            text = matched.text
            stop = matched.match.map { .string($0) }
        }
        let isFull = generatedCount == submission.maxTokens
        let repeats =
            (repetition?.append(token) ?? false) && generatedCount >= submission.request.minTokens
        guard stop != nil || isFull || repeats else { return (text, output, nil) }

        // What follows a stop string is no part of the answer.
        if case .string = stop {} else { text += flush() }
        hasEnded = true
        let limit = isFull ? submission.limitReason : .repetition
        return (text, output, End(reason: stop == nil ? limit : .stop, stop: stop))
    }

    /// The text that was held back in case a stop string or a character was beginning, in which a
    /// stop string may still be found; empty after the last token.
    func flush() -> String {
        if hasEnded { return "" }
        let rest = matcher.append(detokenizer.flush())
        return rest.match == nil ? rest.text + matcher.flush() : rest.text
    }
}
