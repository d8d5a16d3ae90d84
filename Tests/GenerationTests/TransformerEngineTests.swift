// SPDX-License-Identifier: Apache-2.0

import Generation
import Sampling
import TestSupport
import Testing

/// The law of batch invariance with the real transformer behind the engine.
@Suite struct TransformerEngineTests {
    private let requests = EngineInvarianceTests.requests(24)

    private func alone(kind: TinyTransformer.Kind) async throws -> [Generated] {
        let engine = GenerationEngine(
            model: try TinyTransformer.make(
                vocabularyCount: FakeTokenizer.vocabularyCount, kind: kind),
            tokenizer: FakeTokenizer())
        var results: [Generated] = []
        for request in requests { results.append(try await engine.generate(request)) }
        return results
    }

    @Test(arguments: [1, 2], TinyTransformer.Kind.allCases)
    func `together, alone, in chunks and preempted give the same`(
        threadCount: Int, kind: TinyTransformer.Kind
    ) async throws {
        let expected = try await alone(kind: kind)
        let roomy = GenerationEngine(
            model: try TinyTransformer.make(
                vocabularyCount: FakeTokenizer.vocabularyCount, threadCount: threadCount,
                kind: kind),
            tokenizer: FakeTokenizer())
        #expect(try await roomy.generate(together: requests) == expected)
        let tight = GenerationEngine(
            model: try TinyTransformer.make(
                vocabularyCount: FakeTokenizer.vocabularyCount, blockCount: 8, maxBatchTokens: 21,
                maxLogitsRows: 12, threadCount: threadCount, kind: kind),
            tokenizer: FakeTokenizer(),
            configuration: .init(prefillChunkTokens: 13, prefillChunkTokensWhileDecoding: 5))
        #expect(try await tight.generate(together: requests) == expected)
        #expect(tight.statistics.preemptions > 0)
        #expect(tight.statistics.freeBlocks == 8)
    }

    @Test(arguments: TinyTransformer.Kind.allCases)
    func `cancelled neighbours and shared prefixes change nothing`(
        kind: TinyTransformer.Kind
    ) async throws {
        let expected = try await alone(kind: kind)
        let engine = GenerationEngine(
            model: try TinyTransformer.make(
                vocabularyCount: FakeTokenizer.vocabularyCount, blockCount: 24,
                maxBatchTokens: 21, maxLogitsRows: 12, kind: kind),
            tokenizer: FakeTokenizer(),
            configuration: .init(prefillChunkTokens: 13, prefillChunkTokensWhileDecoding: 5))
        // Twice: the second time, what is left of the first answers is found again.
        for _ in 0..<2 {
            let streams = try requests.map { request in
                let stream = try engine.submit(request)
                engine.cancel(try engine.submit(request).id)
                return stream
            }
            var results: [Generated] = []
            for stream in streams { results.append(await Generated(stream)) }
            #expect(results.map(\.choices) == expected.map(\.choices))
        }
        await engine.shutdown(grace: .seconds(60))
        #expect(engine.statistics.usedBlocks == 0)
    }
}
