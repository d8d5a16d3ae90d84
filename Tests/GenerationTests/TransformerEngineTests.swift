// SPDX-License-Identifier: Apache-2.0

import Generation
import Sampling
import TestSupport
import Testing

/// The law of batch invariance with the real transformer behind the engine.
@Suite struct TransformerEngineTests {
    private let requests = EngineInvarianceTests.requests(24)

    private func alone() async throws -> [Generated] {
        let engine = GenerationEngine(
            model: try TinyTransformer.make(vocabularyCount: FakeTokenizer.vocabularyCount),
            tokenizer: FakeTokenizer())
        var results: [Generated] = []
        for request in requests { results.append(try await engine.generate(request)) }
        return results
    }

    private func together(_ engine: GenerationEngine) async throws -> [Generated] {
        let streams = try requests.map { try engine.submit($0) }
        var results: [Generated] = []
        for stream in streams { results.append(await Generated(stream)) }
        return results
    }

    @Test(arguments: [1, 2])
    func `together, alone, in chunks and preempted give the same`(threadCount: Int) async throws {
        let expected = try await alone()
        let roomy = GenerationEngine(
            model: try TinyTransformer.make(
                vocabularyCount: FakeTokenizer.vocabularyCount, threadCount: threadCount),
            tokenizer: FakeTokenizer())
        #expect(try await together(roomy) == expected)
        let tight = GenerationEngine(
            model: try TinyTransformer.make(
                vocabularyCount: FakeTokenizer.vocabularyCount, blockCount: 8, maxBatchTokens: 21,
                maxLogitsRows: 12, threadCount: threadCount),
            tokenizer: FakeTokenizer(),
            configuration: .init(prefillChunkTokens: 13, prefillChunkTokensWhileDecoding: 5))
        #expect(try await together(tight) == expected)
        #expect(tight.statistics.preemptions > 0)
        #expect(tight.statistics.freeBlocks == 8)
    }
}
