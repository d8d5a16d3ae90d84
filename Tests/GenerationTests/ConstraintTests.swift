// SPDX-License-Identifier: Apache-2.0

import Generation
import Inference
import Sampling
import StructuredOutput
import Synchronization
import Testing

@Suite struct ConstraintTests {
    /// Counts the tokens of each step.
    private final class Steps: Sendable {
        private let counts = Mutex([Int]())
        var tokenCounts: [Int] { counts.withLock { $0 } }
        func note(_ batch: ForwardBatch) { counts.withLock { $0.append(batch.tokens.count) } }
    }

    private func engine(
        _ logits: @escaping @Sendable ([Int32]) -> [Float] = FakeModel.random,
        contextLength: Int = 256, steps: Steps = Steps()
    ) -> GenerationEngine {
        let model = FakeModel(
            contextLength: contextLength, willForward: { steps.note($0) }, logits: logits)
        return GenerationEngine(model: model, tokenizer: FakeTokenizer())
    }

    private func request(
        _ constraint: RuleConstraint, maxTokens: Int? = 40
    ) -> GenerationRequest {
        var request = GenerationRequest(
            promptTokens: FakeTokenizer.ids("a", "b", "|"), sampling: .greedy,
            maxTokens: maxTokens)
        request.constraint = constraint
        return request
    }

    private let word = FakeTokenizer.ids("s", "t", "o", "p", "!")

    private func isError(_ reason: FinishReason?) -> Bool {
        if case .error = reason { true } else { false }
    }

    // MARK: What may follow

    @Test func `an answer is one of those that the constraint allows`() async throws {
        let yes = FakeTokenizer.ids("y", "e", "s")
        let no = FakeTokenizer.ids("n", "o")
        for seed in 0..<8 {
            var request = request(RuleConstraint(oneOf: yes, no))
            request.sampling = SamplingParameters(temperature: 2, seed: UInt64(seed))
            let result = try await engine().generate(request).first
            #expect(["yes", "no"].contains(result.text))
            #expect(result.reason == .stop && result.stop == .token(FakeTokenizer.eos))
            #expect(result.tokens.last?.isStop == true)
        }
    }

    @Test func `each choice of a request is held to the constraint by itself`() async throws {
        var several = request(.random(seed: 3))
        several.sampling = SamplingParameters(seed: 1)
        several.choiceCount = 5
        let result = try await engine().generate(several)
        #expect(Set(result.choices.values.map(\.ids)).count > 1)
        several.choiceCount = 1
        #expect(try await engine().generate(several).first == result.first)
    }

    @Test func `a bias against the only token that may follow changes nothing`() async throws {
        var biased = request(RuleConstraint(oneOf: word, FakeTokenizer.ids("s", "o")))
        biased.sampling = SamplingParameters(
            temperature: 0, frequencyPenalty: 2, logitBias: [word[0]: -100, word[1]: -100])
        #expect(try await engine().generate(biased).first.text == "so")
        biased.constraint = RuleConstraint(oneOf: word)
        #expect(try await engine().generate(biased).first.text == "stop!")
    }

    // MARK: Forced tokens

    @Test(arguments: [nil, 0, 3])
    func `what must follow is appended in one step`(topLogprobs: Int?) async throws {
        let steps = Steps()
        let engine = engine(steps: steps)
        var forced = request(RuleConstraint(oneOf: word))
        forced.topLogprobs = topLogprobs
        let result = try await engine.generate(forced).first
        #expect(result.text == "stop!")
        #expect(result.ids == word + [FakeTokenizer.eos])
        #expect(result.tokens.map(\.textOffset) == [0, 1, 2, 3, 4, 5])
        // With log probabilities each token needs the logits before it.
        let wanted = topLogprobs == nil ? [3] : [3, 1, 1, 1, 1, 1]
        #expect(steps.tokenCounts == wanted)
        #expect(result.tokens.allSatisfy { ($0.logprobs != nil) == (topLogprobs != nil) })
        #expect(engine.statistics.forcedTokens == 6)
    }

    @Test func `a run in the middle is one slice, and logits come from its last token`()
        async throws
    {
        let steps = Steps()
        let engine = engine(steps: steps)
        let answers = ["xb", "xc", "yb", "yc"].map { ends in
            FakeTokenizer.ids("a", String(ends.prefix(1))) + word
                + FakeTokenizer.ids(String(ends.suffix(1)))
        }
        let constraint = RuleConstraint(oneOf: answers[0], answers[1], answers[2], answers[3])
        let result = try await engine.generate(request(constraint))
        // The prompt, which `a` must follow; `a`; x or y and what must follow, after which one of
        // b and c is the last.
        #expect(steps.tokenCounts == [3, 1, 6])
        #expect(result.completionTokens == 9)
        #expect(answers.contains(Array(result.first.ids.dropLast())))
    }

    @Test(arguments: 1...6)
    func `a limit within a run ends the answer there`(limit: Int) async throws {
        let limited = try await engine().generate(
            request(RuleConstraint(oneOf: word), maxTokens: limit))
        #expect(limited.first.ids == Array((word + [FakeTokenizer.eos]).prefix(limit)))
        #expect(limited.first.reason == (limit == 6 ? .stop : .length))
        #expect(limited.completionTokens == limit)
        let full = try await engine(contextLength: 3 + limit).generate(
            request(RuleConstraint(oneOf: word), maxTokens: nil))
        #expect(full.first.ids == limited.first.ids)
        #expect(full.first.reason == (limit == 6 ? .stop : .contextLength))
    }

    @Test func `a stop within a run ends the answer there`() async throws {
        var stopping = request(RuleConstraint(oneOf: word))
        stopping.stopStrings = ["op"]
        let result = try await engine().generate(stopping).first
        #expect(result.text == "st" && result.stop == .string("op"))
        #expect(result.ids == Array(word.prefix(4)))
        stopping.stopStrings = []
        stopping.stopTokenIDs = [word[2]]
        let byToken = try await engine().generate(stopping).first
        #expect(byToken.text == "st" && byToken.stop == .token(word[2]))
    }

    @Test func `a long run does not keep others waiting`() async throws {
        let steps = Steps()
        let engine = engine(steps: steps)
        let long = (0..<200).map { Int32(2 + $0 % 30) } + FakeTokenizer.ids("z")
        let pair = [long + FakeTokenizer.ids("a"), long + FakeTokenizer.ids("b")]
        let result = try await engine.generate(
            request(RuleConstraint(oneOf: pair[0], pair[1]), maxTokens: nil)
        ).first
        #expect(pair.contains(Array(result.ids.dropLast())))
        #expect(steps.tokenCounts.allSatisfy { $0 <= 128 })
    }

    // MARK: Ends

    @Test func `a constraint ends an answer that is too short or ignores ends`() async throws {
        var short = request(RuleConstraint(oneOf: word))
        short.minTokens = 20
        #expect(try await engine().generate(short).first.text == "stop!")
        var endless = request(RuleConstraint(oneOf: word))
        endless.ignoresEOS = true
        let result = try await engine().generate(endless).first
        #expect(result.text == "stop!" && result.reason == .stop)
    }

    /// Any number of letters `a`.
    private let letters = RuleConstraint(
        .init(following: { _ in [FakeTokenizer.eos, FakeTokenizer.id("a")] }))

    @Test func `an answer that may end does not before its least length`() async throws {
        let endsAtOnce: @Sendable ([Int32]) -> [Float] = { _ in
            var row = Array(repeating: Float(0), count: FakeTokenizer.vocabularyCount)
            row[0] = 9
            return row
        }
        var short = request(letters)
        short.minTokens = 4
        #expect(try await engine(endsAtOnce).generate(short).first.text == "aaaa")
        var endless = request(letters, maxTokens: 7)
        endless.ignoresEOS = true
        let result = try await engine(endsAtOnce).generate(endless).first
        #expect(result.text == "aaaaaaa" && result.reason == .length)
    }

    @Test func `an answer that is wrong in the end is an error`() async throws {
        let wrong = RuleConstraint(
            .init(
                following: { $0.count < 3 ? [2, 3] : [FakeTokenizer.eos] },
                problem: { $0.count == 3 ? "three of them" : nil }))
        let result = try await engine().generate(request(wrong))
        guard case .error(let reason) = result.first.reason else {
            Issue.record("ended with \(String(describing: result.first.reason))")
            return
        }
        #expect(reason.contains("three of them"))
        // The last token came with the end, and neither comes out.
        #expect(result.first.ids.count == 2 && result.completionTokens == 2)
        var cut = request(wrong, maxTokens: 2)
        #expect(try await engine().generate(cut).first.reason == .length)
        cut.maxTokens = 3
        #expect(try await engine().generate(cut).first.reason == .length)
    }

    // MARK: Dead ends

    /// Three letters and a mark, which fits only if the letters are these.
    private func lock(_ key: [Int32], of count: Int32) -> RuleConstraint {
        RuleConstraint(
            .init(
                following: { tokens in
                    if tokens.isEmpty { return FakeTokenizer.ids("|", "!") }
                    if tokens.count <= key.count { return Array(2..<2 + count) }
                    if tokens.count > key.count + 1 { return [FakeTokenizer.eos] }
                    return Array(tokens.dropFirst()) == key ? FakeTokenizer.ids("?") : []
                },
                isProvisional: { tokens in
                    let isOpen = (1...key.count).contains(tokens.count)
                    let isWhole = tokens.count == key.count + 1
                    return isOpen || isWhole && Array(tokens.dropFirst()) != key
                }))
    }

    @Test func `at a dead end the answer goes back to its last free choice`() async throws {
        let engine = engine()
        var locked = request(lock([3, 2, 4], of: 3))
        locked.topLogprobs = 0
        let result = try await engine.generate(locked)
        #expect(result.first.ids.suffix(5) == [3, 2, 4, FakeTokenizer.id("?"), FakeTokenizer.eos])
        #expect(result.first.reason == .stop)
        #expect(result.completionTokens == result.first.ids.count)
        #expect(engine.statistics.rewinds > 0)
        #expect(engine.statistics.usedBlocks == 0)
        // Nothing came out before it was certain.
        let outputs = result.events.compactMap { event -> Int? in
            if case .output(_, _, let tokens) = event { tokens.count } else { nil }
        }
        #expect(outputs == [4, 1, 1])
    }

    @Test func `who cannot find a way out ends with an error`() async throws {
        let engine = engine()
        let hopeless = RuleConstraint(
            .init(
                following: { $0.count < 6 ? Array(2..<30) : [] },
                isProvisional: { $0.count > 2 }))
        let result = try await engine.generate(request(hopeless))
        #expect(isError(result.first.reason))
        #expect(result.first.ids.count == 2 && result.completionTokens == 2)
        #expect((1...64).contains(engine.statistics.rewinds))
        let blocked = RuleConstraint(.init(following: { _ in [] }))
        var several = request(blocked)
        several.choiceCount = 3
        let all = try await engine.generate(several)
        #expect(all.choices.count == 3 && all.choices.values.allSatisfy { isError($0.reason) })
        #expect(engine.statistics.usedBlocks == 0)
    }

    @Test func `logits that leave nothing of what is allowed are a dead end`() async throws {
        let mute: @Sendable ([Int32]) -> [Float] = { prefix in
            var row = FakeModel.random(prefix)
            for token in 2..<20 where prefix.count > 3 { row[token] = -.infinity }
            return row
        }
        let constraint = RuleConstraint(.init(following: { _ in Array(2..<20) }))
        let result = try await engine(mute).generate(request(constraint)).first
        #expect(isError(result.reason) && result.ids.count == 1)
    }

    @Test func `stops and limits see text that is held back`() async throws {
        let held = RuleConstraint(
            .init(
                following: { [Int32(2 + $0.count % 20), Int32(3 + $0.count % 20)] },
                isProvisional: { _ in true }))
        let limited = try await engine().generate(request(held, maxTokens: 9))
        #expect(limited.first.ids.count == 9 && limited.first.text.count == 9)
        #expect(limited.completionTokens == 9 && limited.first.reason == .length)
        var stopping = request(held)
        stopping.stopStrings = [String(limited.first.text.dropFirst(3).prefix(2))]
        let stopped = try await engine().generate(stopping).first
        #expect(stopped.text == String(limited.first.text.prefix(3)))
        #expect(stopped.reason == .stop)
    }

    // MARK: Figures

    @Test func `masks and forced tokens are counted`() async throws {
        let engine = engine()
        _ = try await engine.generate(request(letters, maxTokens: 5))
        #expect((1...5).contains(engine.statistics.masks))
        #expect(engine.statistics.forcedTokens == 0)
        var plain = request(letters)
        plain.constraint = nil
        let before = engine.statistics.masks
        _ = try await engine.generate(plain)
        #expect(engine.statistics.masks == before)
    }
}
