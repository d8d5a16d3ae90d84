// SPDX-License-Identifier: Apache-2.0

internal import Sampling
internal import Scheduling
internal import Tokenization

extension GenerationEngine.Loop {
    /// Takes over what the model computed for one slice.
    func complete(_ slice: ScheduledStep.Slice, firstRow: Int) -> SliceOutcome {
        // A sequence that nobody owns any more is forgotten; that is no reason to end the process.
        guard let choice = choices[slice.id] else { return .failed }
        do {
            if choice.generatedCount == 0 {
                choice.active.usage.cachedPromptTokens = slice.cachedCount
            }
            if slice.logits == .all { try score(slice, firstRow: firstRow, for: choice) }
            guard slice.samples else {
                if choice.active.submission.maxTokens > 0 || choice.active.isScoring {
                    return .progressed
                }
                for choice in choice.active.choices {
                    end(choice, reason: choice.active.submission.limitReason)
                }
                return .finished
            }
            let lastRow = firstRow + slice.logitsRowCount - 1
            let position = slice.startPosition + slice.tokenCount
            let outcome = try sampleNext(for: choice, row: lastRow, position: position)
            for sibling in choice.active.unforked {
                fork(slice, into: sibling, row: lastRow, position: position)
            }
            choice.active.unforked = []
            return outcome
        } catch {
            return fail(slice, "\(error)")
        }
    }

    /// Begins another choice of a request, from the same logits as the first.
    private func fork(
        _ slice: ScheduledStep.Slice, into choice: ActiveChoice, row: Int, position: Int
    ) {
        do {
            let outcome = try sampleNext(for: choice, row: row, position: position)
            if case .sampled(let token) = outcome {
                scheduler.fork(slice, into: choice.id, token: token)
            }
        } catch {
            release(choice)
            end(choice, reason: .error("\(error)"))
        }
    }

    private func sampleNext(
        for choice: ActiveChoice, row: Int, position: Int
    ) throws -> SliceOutcome {
        let token = try sample(for: choice, row: row, position: position)
        return try accept(token, for: choice, row: row) ? .finished : .sampled(token)
    }

    /// Ends a choice that cannot go on, and those that were to begin with its prompt.
    func fail(_ slice: ScheduledStep.Slice, _ reason: String) -> SliceOutcome {
        guard let choice = choices[slice.id] else { return .failed }
        for other in choice.active.unforked { end(other, reason: .error(reason)) }
        choice.active.unforked = []
        release(choice)
        end(choice, reason: .error(reason))
        return .failed
    }

    /// Scores the prompt's tokens that follow the slice's, and delivers them when all are known.
    private func score(
        _ slice: ScheduledStep.Slice, firstRow: Int, for choice: ActiveChoice
    ) throws {
        let active = choice.active
        guard active.isScoring, let topCount = active.request.promptLogprobs else { return }
        let prompt = active.request.promptTokens
        for row in 0..<slice.tokenCount {
            // Row r predicts the token after it; some may be known from before a preemption.
            let position = slice.startPosition + row + 1
            guard position == active.promptLogprobs.count, position < prompt.count else { continue }
            let logprobs = try model.withLogits(row: firstRow + row) { logits in
                try sampler.logprobs(of: prompt[position], topCount: topCount, logits: logits)
            }
            active.promptLogprobs.append(logprobs)
        }
        if !active.isScoring { finishScoring(active) }
    }

    private func sample(for choice: ActiveChoice, row: Int, position: Int) throws -> Int32 {
        let submission = choice.active.submission
        let isTooShort = choice.generatedCount < submission.request.minTokens
        return try model.withLogits(row: row) { logits in
            try sampler.sample(
                logits: logits, parameters: submission.request.sampling, history: choice.history,
                maskedTokens: isTooShort ? submission.endTokensInOrder : [],
                seed: submission.seed, position: position, choice: choice.index)
        }
    }

    /// Adds a token to a choice and delivers it; true if it was the last.
    private func accept(_ token: Int32, for choice: ActiveChoice, row: Int) throws -> Bool {
        let submission = choice.active.submission
        var logprobs: TokenLogprobs?
        if let topCount = submission.request.topLogprobs {
            logprobs = try model.withLogits(row: row) { logits in
                try sampler.logprobs(of: token, topCount: topCount, logits: logits)
            }
        }
        choice.history?.append(token)
        choice.generatedCount += 1
        statistics.generatedTokens += 1
        choice.active.usage.completionTokens += 1
        noteFirstToken(of: choice.active)

        let isEnd = submission.endTokens.contains(token)
        let piece = isEnd ? "" : choice.detokenizer.append(token)
        let output = TokenOutput(
            id: token, logprobs: logprobs, textOffset: choice.textLength, isStop: isEnd)
        choice.textLength += piece.unicodeScalars.count
        var text = piece
        var stop: MatchedStop?
        if isEnd {
            stop = .token(token)
        } else if choice.generatedCount > submission.request.minTokens {
            let matched = choice.matcher.append(piece)
            text = matched.text
            stop = matched.match.map { .string($0) }
        }
        let isFull = choice.generatedCount == submission.maxTokens
        let repeats =
            (choice.repetition?.append(token) ?? false)
            && choice.generatedCount >= submission.request.minTokens
        let isLast = stop != nil || isFull || repeats
        if isLast, !isString(stop) { text += flush(choice) }
        emit(.output(choice: choice.index, text: text, tokens: TokenRun(output)), of: choice.active)
        if isLast {
            let limit = isFull ? submission.limitReason : .repetition
            end(choice, reason: stop == nil ? limit : .stop, stop: stop)
        }
        return isLast
    }

    /// The text that was held back; a stop string may still be found in it.
    func flush(_ choice: ActiveChoice) -> String {
        let rest = choice.matcher.append(choice.detokenizer.flush())
        return rest.match == nil ? rest.text + choice.matcher.flush() : rest.text
    }

    private func isString(_ stop: MatchedStop?) -> Bool {
        if case .string = stop { true } else { false }
    }
}
