// SPDX-License-Identifier: Apache-2.0

import Generation
import Sampling
import Testing

@Suite struct RepetitionTests {
    private static let contextLength = 2_048

    /// An engine whose greedy answers repeat a cycle of tokens after some others.
    private func engine(
        period: Int, after prefixCount: Int = 0, contextLength: Int = contextLength
    ) -> GenerationEngine {
        let model = FakeModel(
            contextLength: contextLength, blockCount: 1_024,
            logits: { prefix in
                var row = Array(repeating: Float(0), count: FakeTokenizer.vocabularyCount)
                let index = prefix.count - 1 - prefixCount
                // Never the last, which ends the answer; before the cycle nothing repeats.
                let token = index < 0 ? (index * index) % 31 : index % period % 31
                row[2 + token + (index >= 0 && index % period >= 31 ? 1 : 0)] = 9
                return row
            })
        return GenerationEngine(model: model, tokenizer: FakeTokenizer())
    }

    private func request() -> GenerationRequest {
        GenerationRequest(promptTokens: [3], sampling: .greedy)
    }

    @Test(arguments: [1, 2, 7, 31, 62])
    func `an answer that repeats itself for a thousand tokens ends`(period: Int) async throws {
        let result = try await engine(period: period, after: 100).generate(request()).first
        #expect(result.reason == .repetition)
        #expect((1_024 + 60...1_024 + 100).contains(result.ids.count))
        #expect(result.stop == nil)
    }

    @Test func `a shorter repetition, and a longer cycle, go on`() async throws {
        let short = engine(period: 1, contextLength: 1_000)
        #expect(try await short.generate(request()).first.reason == .contextLength)
        let long = engine(period: 93, contextLength: 1_480)
        #expect(try await long.generate(request()).first.reason == .contextLength)
        let repeated = engine(period: 93, contextLength: 1_500)
        let result = try await repeated.generate(request()).first
        #expect(result.reason == .repetition && result.ids.count == 16 * 93)
    }

    @Test func `who says how long an answer may be gets it`() async throws {
        let engine = engine(period: 1)
        var limited = request()
        limited.maxTokens = 1_500
        #expect(try await engine.generate(limited).first.ids.count == 1_500)
        var willing = request()
        willing.stopsOnRepetition = false
        #expect(try await engine.generate(willing).first.reason == .contextLength)
        var endless = request()
        endless.ignoresEOS = true
        #expect(try await engine.generate(endless).first.reason == .contextLength)
        var least = request()
        least.minTokens = 1_300
        let result = try await engine.generate(least).first
        #expect(result.reason == .repetition && result.ids.count == 1_300)
    }
}
