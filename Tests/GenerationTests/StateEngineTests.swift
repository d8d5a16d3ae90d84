// SPDX-License-Identifier: Apache-2.0

import Generation
import Sampling
import TestSupport
import Testing

/// The law of batch invariance with a model that keeps states: of three layers two are delta nets.
@Suite struct StateEngineTests {
    private static let requests = EngineInvarianceTests.requests(24)

    private func engine(
        stateCount: Int = 64, blockCount: Int = 64, maxBatchTokens: Int = 64, threadCount: Int = 1,
        chunk: Int = 256
    ) throws -> GenerationEngine {
        GenerationEngine(
            model: try TinyTransformer.make(
                vocabularyCount: FakeTokenizer.vocabularyCount, blockCount: blockCount,
                maxBatchTokens: maxBatchTokens, threadCount: threadCount, stateCount: stateCount),
            tokenizer: FakeTokenizer(),
            configuration: .init(
                prefillChunkTokens: chunk, prefillChunkTokensWhileDecoding: max(chunk / 3, 1)))
    }

    /// Each by an engine of its own, which has nothing to go on from.
    private func alone(_ requests: [GenerationRequest]) async throws -> [Generated] {
        var results: [Generated] = []
        for request in requests { results.append(try await engine().generate(request)) }
        return results
    }

    private func prompt(_ count: Int, last: Int32) -> [Int32] {
        (0..<Int32(count - 1)).map { 2 + $0 * 7 % 40 } + [last]
    }

    @Test(arguments: [1, 2])
    func `together, alone, in chunks and preempted give the same`(threadCount: Int) async throws {
        let expected = try await alone(Self.requests)

        let roomy = try engine(threadCount: threadCount)
        #expect(try await roomy.generate(together: Self.requests) == expected)
        let tight = try engine(
            stateCount: 9, blockCount: 8, maxBatchTokens: 21, threadCount: threadCount, chunk: 13)
        #expect(try await tight.generate(together: Self.requests) == expected)

        #expect(tight.maxSequences == 5)
        #expect(tight.statistics.preemptions > 0)
        #expect(tight.statistics.freeBlocks == 8)
    }

    @Test func `what goes on from a kept state has the same bits`() async throws {
        let requests = [100, 130, 130, 200].enumerated().map { index, count in
            var request = GenerationRequest(
                promptTokens: prompt(count, last: Int32(2 + index)), maxTokens: 12)
            request.sampling = .greedy
            request.topLogprobs = 5
            request.ignoresEOS = true
            return request
        }
        let expected = try await alone(requests)
        let engine = try engine()

        var results: [Generated] = []
        for request in requests + requests { results.append(try await engine.generate(request)) }

        #expect(results == expected + expected)
        // The last full block of the first prompt and of the fourth; what is nearer than 64 tokens
        // is computed again.
        #expect(results.map(\.cachedTokens) == [0, 96, 96, 96, 96, 96, 96, 192])
    }

    @Test func `a beginning that two prompts share is found by the third`() async throws {
        let engine = try engine()
        let starts = (0..<3).map { (index: Int32) -> [Int32] in
            let rest = (0..<Int32(40)).map { place in 2 + (place * (3 + index) + index) % 40 }
            return prompt(100, last: 3) + rest
        }
        var found: [Int] = []
        for tokens in starts {
            let request = GenerationRequest(promptTokens: tokens, maxTokens: 3)
            found.append(try await engine.generate(request).cachedTokens)
        }
        // Of the first only the end was kept, which no other shares; the second keeps the place where
        // it leaves the first.
        #expect(found == [0, 0, 96])
    }

    @Test func `choices go on from copies of one state`() async throws {
        var request = GenerationRequest(promptTokens: prompt(50, last: 9), maxTokens: 20)
        request.sampling = SamplingParameters(temperature: 1)
        request.sampling.seed = 5
        request.choiceCount = 3
        request.ignoresEOS = true
        let expected = try await alone([request])[0]

        // So few blocks that choices lose theirs and are computed again.
        let engine = try engine(stateCount: 5, blockCount: 8)
        let tight = try await engine.generate(request)

        #expect(tight == expected)
        #expect(engine.statistics.preemptions > 0)
        #expect(Set(expected.choices.values.map(\.text)).count > 1)
    }

    @Test func `cancelled neighbours change nothing and leave no state behind`() async throws {
        let expected = try await alone(Self.requests)
        let engine = try engine(stateCount: 7, blockCount: 24, maxBatchTokens: 30, chunk: 16)
        var streams: [SubmittedRequest] = []
        for request in Self.requests {
            streams.append(try engine.submit(request))
            let doomed = try engine.submit(request)
            engine.cancel(doomed.id)
        }
        var results: [Generated] = []
        for stream in streams { results.append(await Generated(stream)) }

        #expect(results == expected)
        await engine.shutdown(grace: .seconds(60))
        #expect(engine.statistics.usedBlocks == 0)
    }

    @Test func `beams go on from kept states`() async throws {
        var request = GenerationRequest(promptTokens: prompt(70, last: 4), maxTokens: 6)
        request.beamSearch = .init(width: 3)
        request.choiceCount = 3
        let one = try await engine().generate(request)
        let other = try await engine(stateCount: 5, blockCount: 30, chunk: 9).generate(request)

        #expect(one.choices == other.choices)
    }
}
