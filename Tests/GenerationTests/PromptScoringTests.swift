// SPDX-License-Identifier: Apache-2.0

import Generation
import Sampling
import Testing

@Suite struct PromptScoringTests {
    private let prompt = (0..<50).map { Int32(2 + ($0 * 7) % 40) }

    /// The scores that the logits of each prefix give.
    private func expected(top: Int) throws -> [TokenLogprobs?] {
        var sampler = Sampler(vocabularyCount: FakeTokenizer.vocabularyCount)
        return try prompt.indices.map { index in
            if index == 0 { return nil }
            let row = FakeModel.random(Array(prompt[..<index]))
            return try sampler.logprobs(of: prompt[index], topCount: top, logits: row.span)
        }
    }

    @Test(arguments: [(128, 64), (9, 8), (20, 3), (4, 1)])
    func `a prompt is scored in any chunks`(batchTokens: Int, rows: Int) async throws {
        let model = FakeModel(maxBatchTokens: batchTokens, maxLogitsRows: rows)
        let engine = GenerationEngine(model: model, tokenizer: FakeTokenizer())
        var request = GenerationRequest(promptTokens: prompt, sampling: .greedy, maxTokens: 0)
        request.promptLogprobs = 3
        let scored = try await engine.generate(request)
        #expect(try scored.promptLogprobs == expected(top: 3))
        #expect(scored.first.reason == .length)
        #expect(scored.first.ids.isEmpty)
        request.maxTokens = 4
        let continued = try await engine.generate(request)
        #expect(try continued.promptLogprobs == expected(top: 3))
        request.promptLogprobs = nil
        #expect(try await engine.generate(request).first == continued.first)
    }

    @Test func `scores come before the output of every choice`() async throws {
        let engine = GenerationEngine(model: FakeModel(), tokenizer: FakeTokenizer())
        var request = GenerationRequest(promptTokens: prompt, maxTokens: 3)
        request.promptLogprobs = 0
        request.choiceCount = 3
        let result = try await engine.generate(request)
        guard case .promptLogprobs = result.events.first else {
            Issue.record("\(result.events.first.debugDescription) comes first")
            return
        }
        #expect(result.choices.count == 3)
        request.maxTokens = 0
        #expect(try await engine.generate(request).choices.count == 3)
    }

    @Test func `a prompt of one token has nothing to score`() async throws {
        let engine = GenerationEngine(model: FakeModel(), tokenizer: FakeTokenizer())
        var request = GenerationRequest(promptTokens: [5], maxTokens: 0)
        request.promptLogprobs = 1
        #expect(try await engine.generate(request).promptLogprobs == [nil])
        request.promptLogprobs = nil
        let nothing = try await engine.generate(request)
        #expect(nothing.first.reason == .length)
        #expect(nothing.promptLogprobs == nil)
        #expect(engine.statistics.steps == 0)
    }
}
