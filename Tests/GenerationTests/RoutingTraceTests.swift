// SPDX-License-Identifier: Apache-2.0

import Computation
import Generation
import Inference
import Testing

/// What the engine keeps of which experts computed the tokens of requests.
@Suite struct RoutingTraceTests {
    private let usage = ExpertUsage(layerCount: 1, expertCount: 4, expertsPerToken: 1)

    /// A model whose tokens go to the expert of their last two bits.
    private func engine(
        _ willForward: @escaping @Sendable (ForwardBatch) throws -> Void = { _ in }
    ) -> GenerationEngine {
        let trace = usage.trace
        var configuration = GenerationEngine.Configuration()
        configuration.drafts = false
        return GenerationEngine(
            model: FakeModel(
                expertUsage: usage,
                willForward: { batch in
                    trace.note(
                        batch.tokens.map { $0 % 4 }, rowCount: batch.tokens.count, tokens: nil,
                        inLayer: 0)
                    try willForward(batch)
                }), tokenizer: FakeTokenizer(), configuration: configuration)
    }

    private func request(_ prompt: [Int32]) -> GenerationRequest {
        var request = GenerationRequest(promptTokens: prompt, maxTokens: 4, ignoresEOS: true)
        request.id = "one"
        request.client = 7
        return request
    }

    @Test func `while somebody watches, each computed token has its experts`() async throws {
        usage.trace.watch(true)
        let answer = try await engine().generate(request([1, 2, 3])).first
        let kept = try #require(usage.trace.tokens(of: "one", of: 7))
        // Nothing comes after the last token, so that no step has computed it.
        let ids = [1, 2, 3] + answer.ids.dropLast()
        #expect(answer.ids.count == 4)
        #expect(kept.map(\.id) == ids)
        #expect(kept.map(\.position) == Array(0..<6))
        #expect(kept.map(\.experts) == ids.map { [UInt16($0 % 4)] })
        #expect(usage.trace.tokens(of: "one", of: 8) == nil)
    }

    @Test func `requests of one name that run together are not mixed`() async throws {
        usage.trace.watch(true)
        let answers = try await engine().generate(together: [request([5, 6]), request([7, 8, 9])])
        let kept = try #require(usage.trace.tokens(of: "one", of: 7)).map(\.id)
        let whole: [[Int32]] = [
            [5, 6] + answers[0].first.ids.dropLast(), [7, 8, 9] + answers[1].first.ids.dropLast(),
        ]
        #expect(whole.contains(kept))
    }

    @Test func `nothing is kept of what nobody watches, nor of a step that failed`() async throws {
        let engine = engine()
        _ = try await engine.generate(request([1]))
        #expect(usage.trace.tokens(of: "one", of: 7) == nil)
        usage.trace.watch(true)
        let failing = self.engine { _ in throw CancellationError() }
        _ = try await failing.generate(request([1]))
        #expect(usage.trace.tokens(of: "one", of: 7) == nil)
        usage.trace.watch(false)
        _ = try await engine.generate(request([1]))
        #expect(usage.trace.tokens(of: "one", of: 7) == nil)
    }
}
