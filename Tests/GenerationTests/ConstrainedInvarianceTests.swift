// SPDX-License-Identifier: Apache-2.0

import Generation
import Sampling
import TestSupport
import Testing

/// What a constrained request gives depends on the request alone.
@Suite struct ConstrainedInvarianceTests {
    /// Requests of every kind, most of them constrained; the same ones for the same count.
    static func requests(_ count: Int) -> [GenerationRequest] {
        var requests = EngineInvarianceTests.requests(count)
        for index in requests.indices where index % 4 != 3 {
            requests[index].constraint = RuleConstraint.random(seed: UInt64(index))
            if index % 9 == 4 {
                requests[index].thinkingBudget = ThinkingBudget(
                    openTokens: [5], closeTokens: [6, 7], tokenLimit: 4)
            }
        }
        return requests
    }

    private func engine(_ model: sending FakeModel, chunk: Int = 256) -> GenerationEngine {
        let configuration = GenerationEngine.Configuration(
            maxQueuedSequences: 1_000, prefillChunkTokens: chunk,
            prefillChunkTokensWhileDecoding: max(chunk / 4, 1))
        return GenerationEngine(
            model: model, tokenizer: FakeTokenizer(), configuration: configuration)
    }

    private func alone(
        _ requests: [GenerationRequest], on engine: GenerationEngine
    ) async throws -> [Generated] {
        var results: [Generated] = []
        for request in requests { results.append(try await engine.generate(request)) }
        return results
    }

    private func reasons(_ results: [Generated]) -> Set<String> {
        Set(
            results.flatMap { $0.choices.values }.map { choice in
                switch choice.reason {
                case .stop: "stop"
                case .length: "length"
                case .error: "error"
                default: "other"
                }
            })
    }

    @Test func `the requests end in every way, and go back now and then`() async throws {
        let requests = Self.requests(60)
        let engine = engine(FakeModel())
        let results = try await alone(requests, on: engine)
        #expect(reasons(results).isSuperset(of: ["stop", "length", "error"]))
        #expect(engine.statistics.rewinds > 10)
        #expect(engine.statistics.forcedTokens > 100)
        #expect(try await alone(requests, on: engine) == results)
    }

    @Test func `llama's samplers choose the same within constraints, whatever else runs`()
        async throws
    {
        let requests = EngineInvarianceTests.chained(Self.requests(60))
        let engine = engine(FakeModel())
        let results = try await alone(requests, on: engine)
        #expect(engine.statistics.rewinds > 10)
        #expect(
            try await self.engine(FakeModel(), chunk: 7).generate(together: requests) == results)
    }

    @Test(arguments: [1, 3, 17, 256])
    func `neighbours and chunks change nothing`(chunk: Int) async throws {
        let requests = Self.requests(40)
        let expected = try await alone(requests, on: engine(FakeModel()))
        #expect(
            try await engine(FakeModel(), chunk: chunk).generate(together: requests) == expected)
    }

    @Test(arguments: [26, 30, 45])
    func `preemption changes nothing`(blockCount: Int) async throws {
        let requests = Self.requests(40)
        let expected = try await alone(requests, on: engine(FakeModel()))
        let model = FakeModel(blockCount: blockCount, maxBatchTokens: 20, maxLogitsRows: 12)
        let engine = engine(model, chunk: 16)
        #expect(try await engine.generate(together: requests) == expected)
        #expect(engine.statistics.preemptions > 0)
        #expect(engine.statistics.freeBlocks == blockCount)
    }

    @Test func `the tokens do not depend on whether log probabilities are asked for`() async throws
    {
        var requests = Self.requests(40)
        for index in requests.indices { requests[index].topLogprobs = nil }
        let plain = try await engine(FakeModel()).generate(together: requests)
        for index in requests.indices { requests[index].topLogprobs = index % 3 }
        let asking = try await engine(FakeModel()).generate(together: requests)
        for (one, other) in zip(plain, asking) {
            #expect(one.choices.mapValues(\.ids) == other.choices.mapValues(\.ids))
            #expect(one.choices.mapValues(\.text) == other.choices.mapValues(\.text))
            #expect(one.choices.mapValues(\.reason) == other.choices.mapValues(\.reason))
        }
    }

    @Test(arguments: [1, 2])
    func `the real transformer gives the same alone, together and preempted`(
        threadCount: Int
    ) async throws {
        let requests = Self.requests(24)
        let expected = try await alone(
            requests,
            on: GenerationEngine(
                model: try TinyTransformer.make(vocabularyCount: FakeTokenizer.vocabularyCount),
                tokenizer: FakeTokenizer()))
        let tight = GenerationEngine(
            model: try TinyTransformer.make(
                vocabularyCount: FakeTokenizer.vocabularyCount, blockCount: 8, maxBatchTokens: 21,
                maxLogitsRows: 12, threadCount: threadCount),
            tokenizer: FakeTokenizer(),
            configuration: .init(prefillChunkTokens: 13, prefillChunkTokensWhileDecoding: 5))
        #expect(try await tight.generate(together: requests) == expected)
        #expect(tight.statistics.freeBlocks == 8)
    }
}
