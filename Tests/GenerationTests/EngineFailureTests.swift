// SPDX-License-Identifier: Apache-2.0

import Generation
import Inference
import Sampling
import Testing

@Suite struct EngineFailureTests {
    private func request(_ prompt: [Int32], maxTokens: Int = 5) -> GenerationRequest {
        GenerationRequest(
            promptTokens: prompt, sampling: .greedy, maxTokens: maxTokens, ignoresEOS: true)
    }

    private func isError(_ reason: FinishReason?) -> Bool {
        if case .error = reason { true } else { false }
    }

    @Test func `damaged logits end their own choice and nothing else`() async throws {
        let model = FakeModel(logits: { prefix in
            var row = FakeModel.random(prefix)
            if prefix[0] == 7, prefix.count == 4 { row[3] = .nan }
            return row
        })
        let engine = GenerationEngine(model: model, tokenizer: FakeTokenizer())
        let damaged = try engine.submit(request([7, 8]))
        let healthy = try engine.submit(request([9, 8]))
        let result = await Generated(damaged)
        #expect(result.first.ids.count == 2)
        #expect(isError(result.first.reason))
        #expect(await Generated(healthy).first.reason == .length)
        #expect(engine.statistics.usedBlocks == 0)
    }

    @Test func `damaged logits of a prompt end all its choices`() async throws {
        let model = FakeModel(logits: { prefix in
            Array(repeating: prefix.count == 2 ? .nan : 0, count: FakeTokenizer.vocabularyCount)
        })
        let engine = GenerationEngine(model: model, tokenizer: FakeTokenizer())
        var scoring = request([7, 8, 9, 10])
        scoring.promptLogprobs = 1
        scoring.choiceCount = 3
        let result = try await engine.generate(scoring)
        #expect(result.promptLogprobs == nil)
        #expect(result.choices.count == 3)
        #expect(result.choices.values.allSatisfy { isError($0.reason) })
        #expect(engine.statistics.usedBlocks == 0)
    }

    @Test func `a step that fails ends its choices and the engine goes on`() async throws {
        let model = FakeModel(willForward: { batch in
            if batch.tokens.contains(30) { throw FakeModelError.broken }
        })
        let engine = GenerationEngine(model: model, tokenizer: FakeTokenizer())
        let failed = try await engine.generate(request([5, 30, 6]))
        #expect(isError(failed.first.reason))
        #expect(failed.promptTokens == 3)
        #expect(engine.statistics.usedBlocks == 0)
        #expect(try await engine.generate(request([5, 6])).first.ids.count <= 5)
    }

    @Test func `nothing of a failed step is found in the cache`() async throws {
        let model = FakeModel(willForward: { batch in
            if batch.tokens.contains(30) { throw FakeModelError.broken }
        })
        let engine = GenerationEngine(model: model, tokenizer: FakeTokenizer())
        let shared = (0..<16).map { Int32(2 + $0) }
        #expect(isError(try await engine.generate(request(shared + [30])).first.reason))
        let next = try await engine.generate(request(shared + [9]))
        #expect(next.cachedTokens == 0)
        #expect(next.first.reason == .length)
    }

    @Test func `a request of which nothing may be chosen ends with an error`() async throws {
        var impossible = request([5])
        impossible.minTokens = 2
        impossible.stopTokenIDs = Set(0..<Int32(FakeTokenizer.vocabularyCount))
        let engine = GenerationEngine(model: FakeModel(), tokenizer: FakeTokenizer())
        #expect(isError(try await engine.generate(impossible).first.reason))
    }
}
