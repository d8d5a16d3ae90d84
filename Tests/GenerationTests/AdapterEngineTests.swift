// SPDX-License-Identifier: Apache-2.0

import Generation
import Inference
import ModelFiles
import Sampling
import TestSupport
import Testing

/// Requests with adapters, and without, in one engine.
@Suite struct AdapterEngineTests {
    private static let vocabularyCount = FakeTokenizer.vocabularyCount

    private static func model(blockCount: Int = 64) throws -> sending Transformer {
        try TinyTransformer.make(
            vocabularyCount: vocabularyCount, blockCount: blockCount, maxBatchTokens: 24)
    }

    private func engine(
        blockCount: Int = 64, prefixes: PrefixSpace? = nil
    ) throws -> GenerationEngine {
        GenerationEngine(
            model: try Self.model(blockCount: blockCount), tokenizer: FakeTokenizer(),
            configuration: .init(
                maxSequences: 16, maxQueuedSequences: 1_000, prefillChunkTokens: 20,
                prefillChunkTokensWhileDecoding: 7), prefixes: prefixes)
    }

    private static func adapters() throws -> [AppliedAdapter?] {
        let configuration = try model().configuration
        let one = try RandomAdapter.make(for: configuration, seed: 1)
        let other = try RandomAdapter.make(for: configuration, rank: 5, seed: 2)
        return [nil, AppliedAdapter(one), AppliedAdapter(other), AppliedAdapter(one, scale: 0.5)]
    }

    private func requests(_ count: Int) throws -> [GenerationRequest] {
        let adapters = try Self.adapters()
        var requests = EngineInvarianceTests.requests(count)
        // Each prompt comes with several adapters, so that they meet in the cache.
        for index in requests.indices {
            requests[index].promptTokens = requests[index / 4 * 4].promptTokens
            requests[index].adapter = adapters[index % 4]
        }
        return requests
    }

    @Test func `together, preempted and cached, adapters give what each gives alone`() async throws
    {
        let requests = try requests(40)
        var expected: [Generated] = []
        for request in requests {
            let engine = try engine()
            expected.append(try await engine.generate(request))
            await engine.shutdown()
        }
        #expect(Set((0..<4).map { expected[$0].first.text }).count > 1)

        let tight = try engine(blockCount: 14)
        let found = try await withThrowingTaskGroup(of: (Int, Generated).self) { group in
            for (index, request) in requests.enumerated() {
                let stream = try tight.submit(request)
                group.addTask { (index, await Generated(stream)) }
            }
            var results = Array(repeating: Generated(), count: requests.count)
            for try await (index, result) in group { results[index] = result }
            return results
        }
        #expect(found == expected)
        #expect(tight.statistics.preemptions > 0)
    }

    @Test func `a prompt is found by requests with the same adapter only`() async throws {
        let engine = try engine()
        let adapters = try Self.adapters()
        var request = GenerationRequest(
            promptTokens: (0..<50).map { 2 + $0 * 7 % 30 }, sampling: .greedy, maxTokens: 1)
        var found: [Int] = []
        for adapter in adapters + adapters {
            request.adapter = adapter
            found.append(try await engine.generate(request).usage?.cachedPromptTokens ?? -1)
        }
        #expect(found == [0, 0, 0, 0, 48, 48, 48, 48])
    }

    @Test func `on disk each adapter has prompts of its own, too`() async throws {
        let folder = try TemporaryFolder()
        let adapters = try Self.adapters()
        func found() async throws -> [Int] {
            let store = try PrefixStore(.init(directory: folder.path, maxBytes: 1 << 22))
            let engine = try engine(prefixes: PrefixSpace(store, computation: "a model"))
            var found: [Int] = []
            for adapter in adapters {
                var request = GenerationRequest(
                    promptTokens: (0..<50).map { 2 + $0 * 7 % 30 }, sampling: .greedy,
                    maxTokens: 1)
                request.adapter = adapter
                found.append(try await engine.generate(request).usage?.cachedPromptTokens ?? -1)
            }
            await engine.shutdown(grace: .seconds(60))
            return found
        }

        #expect(try await found() == [0, 0, 0, 0])
        #expect(try await found() == [48, 48, 48, 48])
    }
}
