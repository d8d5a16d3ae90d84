// SPDX-License-Identifier: Apache-2.0

import Generation
import Sampling
import Testing

/// What a request gives depends on the request alone.
@Suite struct EngineInvarianceTests {
    /// Requests of every kind, the same ones for the same count.
    static func requests(_ count: Int) -> [GenerationRequest] {
        (0..<count).map { index in
            let length = 1 + (index * 37) % 60
            var request = GenerationRequest(
                promptTokens: (0..<length).map { Int32(2 + ($0 * 5 + index * 11) % 40) },
                maxTokens: 1 + (index * 13) % 40)
            switch index % 6 {
            case 0: request.sampling = .greedy
            case 1: request.sampling = SamplingParameters(temperature: 0.7, topP: 0.9)
            case 2: request.sampling = SamplingParameters(topK: 5, frequencyPenalty: 0.5)
            case 3: request.sampling = SamplingParameters(minP: 0.1, repetitionPenalty: 1.3)
            case 4: request.sampling = SamplingParameters(topP: 0.5, presencePenalty: 1)
            default: request.sampling = SamplingParameters(temperature: 1.5, logitBias: [4: 2])
            }
            request.sampling.seed = UInt64(index / 2)
            request.ignoresEOS = index % 3 == 0
            request.minTokens = index % 4 == 1 ? min(5, request.maxTokens ?? 0) : 0
            request.stopStrings = index % 5 == 0 ? ["e", "ne", "a b"] : []
            request.topLogprobs = index % 4 == 2 ? index % 7 : nil
            request.promptLogprobs = index % 7 == 3 ? 2 : nil
            request.choiceCount = index % 8 == 5 ? 3 : 1
            return request
        }
    }

    /// The same requests, each with some of llama.cpp's samplers.
    static func chained(_ requests: [GenerationRequest]) -> [GenerationRequest] {
        requests.enumerated().map { index, request in
            var request = request
            var chain = SamplerChain()
            switch index % 3 {
            case 0: chain.mirostat = .init(version: 1 + index % 2, tau: 3, eta: 0.3)
            case 1:
                chain.dry = DRYPenalty(multiplier: 1, allowedLength: 1)
                chain.xtcProbability = 0.5
                request.sampling.penaltyWindow = 5
            default:
                chain.adaptiveTarget = 0.2
                request.sampling.bannedSequences = [[3], [4, 5]]
            }
            if request.constraint == nil, index % 5 == 0 {
                request.sampling.allowedTokens = Array(0..<20)
            }
            request.sampling.chain = chain
            return request
        }
    }

    private func engine(_ model: sending FakeModel, chunk: Int = 256) -> GenerationEngine {
        let configuration = GenerationEngine.Configuration(
            maxQueuedSequences: 1_000, prefillChunkTokens: chunk,
            prefillChunkTokensWhileDecoding: max(chunk / 4, 1))
        return GenerationEngine(
            model: model, tokenizer: FakeTokenizer(), configuration: configuration)
    }

    private func alone(_ requests: [GenerationRequest]) async throws -> [Generated] {
        var results: [Generated] = []
        let engine = engine(FakeModel())
        for request in requests { results.append(try await engine.generate(request)) }
        return results
    }

    @Test func `many requests together give what each gives alone`() async throws {
        let requests = Self.requests(60)
        let expected = try await alone(requests)
        #expect(try await engine(FakeModel()).generate(together: requests) == expected)
    }

    @Test func `neither chunks nor preemption change what llama's samplers choose`() async throws {
        let requests = Self.chained(Self.requests(40))
        let expected = try await alone(requests)
        let model = FakeModel(blockCount: 30, maxBatchTokens: 20, maxLogitsRows: 12)
        let engine = engine(model, chunk: 16)
        #expect(try await engine.generate(together: requests) == expected)
        #expect(engine.statistics.preemptions > 0)
    }

    @Test(arguments: [1, 3, 17])
    func `the size of the chunks changes nothing`(chunk: Int) async throws {
        let requests = Self.requests(30)
        let expected = try await alone(requests)
        #expect(
            try await engine(FakeModel(), chunk: chunk).generate(together: requests) == expected)
    }

    @Test func `places that go to other clients change nothing`() async throws {
        var requests = Self.requests(30)
        for index in requests.indices {
            requests[index].client = index % 3
            requests[index].weight = 1 + index % 3
            if index == 0 { requests[index].choiceCount = 4 }
        }
        let expected = try await alone(requests)
        let configuration = GenerationEngine.Configuration(
            maxSequences: 4, maxQueuedSequences: 1_000)
        let engine = GenerationEngine(
            model: FakeModel(), tokenizer: FakeTokenizer(), configuration: configuration)
        #expect(try await engine.generate(together: requests) == expected)
    }

    @Test(arguments: [26, 30, 45])
    func `preemption changes nothing`(blockCount: Int) async throws {
        let requests = Self.requests(40)
        let expected = try await alone(requests)
        let model = FakeModel(blockCount: blockCount, maxBatchTokens: 20, maxLogitsRows: 12)
        let engine = engine(model, chunk: 16)
        #expect(try await engine.generate(together: requests) == expected)
        #expect(engine.statistics.preemptions > 0)
        #expect(engine.statistics.freeBlocks == blockCount)
    }

    @Test func `cancelled neighbours change nothing`() async throws {
        let requests = Self.requests(40)
        let expected = try await alone(requests)
        let model = FakeModel(blockCount: 60, maxBatchTokens: 20, maxLogitsRows: 12)
        let engine = engine(model, chunk: 16)
        let results = try await withThrowingTaskGroup(of: (Int, Generated)?.self) { group in
            for (index, request) in requests.enumerated() {
                let stream = try engine.submit(request)
                group.addTask { (index, await Generated(stream)) }
                let doomed = try engine.submit(request)
                group.addTask {
                    var left = index % 5
                    for await _ in doomed.stream where left > 0 { left -= 1 }
                    return nil
                }
                engine.cancel(doomed.id)
            }
            var results = Array(repeating: Generated(), count: requests.count)
            for try await case (let index, let result)? in group { results[index] = result }
            return results
        }
        #expect(results == expected)
        await engine.shutdown(grace: .seconds(60))
        #expect(engine.statistics.usedBlocks == 0)
    }
}
