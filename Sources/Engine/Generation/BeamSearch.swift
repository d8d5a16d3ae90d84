// SPDX-License-Identifier: Apache-2.0

internal import Sampling
internal import Tokenization

/// Looks for the answers whose tokens together are the most probable.
///
/// It stands above the engine's thread, as one of its clients: each step asks for the best next
/// tokens of every continuation that is followed, by requests of one token whose prompts are in the
/// prefix cache but for their last block. So a search shares the engine fairly, survives preemption
/// and finds the same answers whatever else runs. The text comes at the end.
///
/// - Source: the search is vLLM's (`beam_search`); lengths are those of the answers alone, the token
///   that ends one included, as in transformers.
struct BeamSearch: Sendable {
    /// One continuation of the prompt.
    private struct Beam {
        /// The prompt, then what was generated.
        var tokens: [Int32]

        /// The logarithm of the probability of what was generated.
        var logprob = 0.0

        var text: AnswerText
        var end: AnswerText.End?
        var length: Int { text.tokenCount }
    }

    /// A token that a continuation may go on with.
    private struct Candidate {
        let beam: Int
        let token: TokenLogprob
        let logprob: Double
    }

    /// Why a search broke off.
    private struct Interruption: Error {
        let reason: FinishReason
    }

    /// The whole request, its choices being the answers to return.
    let submission: Submission
    let limits: BeamSearchLimits
    let mailbox: Mailbox
    let tokenizer: any Tokenizer

    private var request: GenerationRequest { submission.request }

    /// Searches, and delivers the answers.
    ///
    /// Cancelling the task ends the search.
    func run() async {
        var usage = Usage(promptTokens: request.promptTokens.count)
        do {
            let answers = try await search(&usage)
            deliver(answers, &usage)
        } catch {
            let reason = (error as? Interruption)?.reason ?? .cancelled
            for choice in 0..<request.choiceCount {
                submission.source.send(.finished(choice: choice, reason: reason, stop: nil))
            }
        }
        usage.totalDuration = submission.submitted.duration(to: .now)
        mailbox.giveBack(submission.id)
        submission.source.send(.usage(usage))
    }

    // MARK: Search

    /// The best answers, best first.
    private func search(_ usage: inout Usage) async throws -> [Beam] {
        var running = [
            Beam(
                tokens: request.promptTokens,
                text: AnswerText(of: submission, tokenizer: tokenizer))
        ]
        var ended: [Beam] = []
        while !running.isEmpty, !isOver(running, ended) {
            let tops = try await nextTokens(of: running, &usage)
            var candidates: [Candidate] = []
            for (index, top) in tops.enumerated() {
                for token in top where mayFollow(token, running[index]) {
                    let logprob = running[index].logprob + token.logprob
                    candidates.append(Candidate(beam: index, token: token, logprob: logprob))
                }
            }
            var next: [Beam] = []
            candidates.sort(by: precedes)
            for candidate in candidates where next.count < limits.width || isEnd(candidate) {
                let isEnd = isEnd(candidate)
                var beam = running[candidate.beam]
                beam.tokens.append(candidate.token.id)
                beam.logprob = candidate.logprob
                beam.end = beam.text.append(
                    candidate.token.id, logprobs(candidate.token, tops[candidate.beam]),
                    isEnd: isEnd, of: submission)
                if beam.end == nil { next.append(beam) } else { ended.append(beam) }
            }
            running = next
            ended = best(limits.width, of: ended)
        }
        return best(request.choiceCount, of: ended + running)
    }

    private func isEnd(_ candidate: Candidate) -> Bool {
        submission.endTokens.contains(candidate.token.id)
    }

    /// Whether a token may be the next of a continuation, which no end makes too short.
    private func mayFollow(_ token: TokenLogprob, _ beam: Beam) -> Bool {
        token.logprob > -.infinity
            && !(beam.length < request.minTokens && submission.endTokens.contains(token.id))
    }

    /// The most probable first; of equal ones that of the better continuation, then of the lower id.
    private func precedes(_ one: Candidate, _ other: Candidate) -> Bool {
        if one.logprob != other.logprob { return one.logprob > other.logprob }
        return (one.beam, one.token.id) < (other.beam, other.token.id)
    }

    /// What is told of a token, if the request asks.
    private func logprobs(_ token: TokenLogprob, _ top: [TokenLogprob]) -> TokenLogprobs? {
        request.topLogprobs.map { count in
            TokenLogprobs(id: token.id, logprob: token.logprob, top: Array(top.prefix(count)))
        }
    }

    /// What answers are compared by.
    private func score(_ logprob: Double, length: Int) -> Double {
        logprob / PortableMath.pow(Double(length), limits.lengthPenalty)
    }

    private func best(_ count: Int, of beams: [Beam]) -> [Beam] {
        let scores = beams.map { score($0.logprob, length: max($0.length, 1)) }
        let order = beams.indices.sorted { (scores[$1], $0) < (scores[$0], $1) }
        return order.prefix(count).map { beams[$0] }
    }

    /// Whether nothing that could still be found would be among the answers.
    private func isOver(_ running: [Beam], _ ended: [Beam]) -> Bool {
        if limits.stopsEarly { return ended.count >= limits.width }
        guard ended.count >= request.choiceCount else { return false }
        let worst = ended.prefix(request.choiceCount).map { score($0.logprob, length: $0.length) }
        guard let least = worst.min() else { return false }
        return running.allSatisfy { beam in
            // Log probabilities only fall; the length that is best for them is the last or the next.
            let lengths = [beam.length + 1, submission.maxTokens]
            return lengths.allSatisfy { score(beam.logprob, length: $0) <= least }
        }
    }

    // MARK: Engine

    /// The most probable next tokens of each continuation, best first.
    private func nextTokens(
        of beams: [Beam], _ usage: inout Usage
    ) async throws -> [[TokenLogprob]] {
        let stream = GenerationStream()
        for beam in beams {
            let step = step(beam, source: stream.open())
            guard mailbox.send(step) else { throw Interruption(reason: .cancelled) }
            step.source.onCancellation { [mailbox] in mailbox.cancel(step.id) }
        }
        var tops = Array(repeating: [TokenLogprob](), count: beams.count)
        var ended = 0
        for (beam, event) in await stream.collect() {
            switch event {
            case .promptLogprobs: submission.source.send(event)
            case .embedding: break
            case .output(_, _, let tokens): tops[beam] = tokens.first?.logprobs?.top ?? []
            case .finished(_, .cancelled, _), .finished(_, .expired, _), .finished(_, .error, _),
                .finished(_, .unavailable, _):
                if case .finished(_, let reason, _) = event { throw Interruption(reason: reason) }
            case .finished: ended += 1
            case .usage(let consumed):
                if beams[0].length > 0 { break }
                usage.cachedPromptTokens = consumed.cachedPromptTokens
                usage.queueDuration = consumed.queueDuration
                usage.firstTokenDuration = consumed.firstTokenDuration
            }
        }
        // A task that was cancelled gets no more than the usage of what had ended.
        guard ended == beams.count else { throw Interruption(reason: .cancelled) }
        return tops
    }

    /// The request for the next token of a continuation.
    private func step(_ beam: Beam, source: EventSource) -> Submission {
        var step = GenerationRequest(
            promptTokens: beam.tokens, sampling: .greedy, maxTokens: 1, ignoresEOS: true,
            topLogprobs: max(2 * limits.width, request.topLogprobs ?? 0))
        step.priority = request.priority
        step.client = request.client
        step.weight = request.weight
        step.cacheScope = request.cacheScope
        step.adapter = request.adapter
        step.timeLimit = request.timeLimit
        if beam.length == 0 { step.promptLogprobs = request.promptLogprobs }
        return Submission(
            id: mailbox.identify(client: request.client, weight: request.weight), request: step,
            maxTokens: 1, limitReason: .length, seed: 0,
            stopMatcher: StopMatcher(stopStrings: [], includesStopString: false), endTokens: [],
            endTokensInOrder: [], constraintEndTokens: [], ignoredEndTokens: [],
            allowedMask: nil, isLaterStep: beam.length > 0, source: source,
            submitted: submission.submitted)
    }

    // MARK: Delivery

    private func deliver(_ answers: [Beam], _ usage: inout Usage) {
        for (choice, answer) in answers.enumerated() {
            var text = answer.text
            let output = text.take()
            usage.completionTokens += answer.length
            submission.source.send(
                .output(choice: choice, text: output.text + text.flush(), tokens: output.tokens))
            submission.source.send(
                .finished(
                    choice: choice, reason: answer.end?.reason ?? submission.limitReason,
                    stop: answer.end?.stop))
        }
        for choice in answers.count..<request.choiceCount {
            let reason = FinishReason.error("the search has found no more than \(answers.count)")
            submission.source.send(.finished(choice: choice, reason: reason, stop: nil))
        }
    }
}
