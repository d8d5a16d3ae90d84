// SPDX-License-Identifier: Apache-2.0

import Generation
import Inference
import ModelFiles
import TestSupport
import Testing

/// Engines that make vectors: encoders, and transformers with the states of their prompts.
@Suite struct EmbeddingEngineTests {
    private static func request(
        _ tokens: [Int32], _ method: Pooling.Method = .mean
    ) -> GenerationRequest {
        var request = GenerationRequest(promptTokens: tokens, maxTokens: 1)
        request.embedding = .vector(Pooling(method))
        return request
    }

    private static let prompts: [[Int32]] = (0..<60).map { index in
        (0...(index * 7 % 50)).map { Int32((index + $0 * $0) % FakeTokenizer.vocabularyCount) }
    }

    private func vector(_ stream: GenerationStream) async -> [Float]? {
        var vector: [Float]?
        for await event in stream {
            if case .embedding(let numbers) = event { vector = numbers }
        }
        return vector
    }

    private func submit(
        _ request: GenerationRequest, to engine: GenerationEngine
    ) throws -> GenerationStream {
        let stream = GenerationStream()
        try engine.submit(request, to: stream)
        return stream
    }

    private func encoderEngine(threads: Int = 1) throws -> GenerationEngine {
        GenerationEngine(
            encoder: try TinyEncoder.make(
                vocabularyCount: FakeTokenizer.vocabularyCount, threadCount: threads),
            tokenizer: FakeTokenizer())
    }

    private func transformerEngine(tight: Bool) throws -> GenerationEngine {
        tight
            ? GenerationEngine(
                model: try TinyTransformer.make(
                    vocabularyCount: FakeTokenizer.vocabularyCount, blockCount: 8,
                    maxBatchTokens: 21, maxLogitsRows: 12, threadCount: 2),
                tokenizer: FakeTokenizer(),
                configuration: .init(prefillChunkTokens: 13, prefillChunkTokensWhileDecoding: 5))
            : GenerationEngine(
                model: try TinyTransformer.make(vocabularyCount: FakeTokenizer.vocabularyCount),
                tokenizer: FakeTokenizer())
    }

    @Test func `an encoder gives a text the same vector alone and with others`() async throws {
        let engine = try encoderEngine()
        var alone: [[Float]?] = []
        for prompt in Self.prompts {
            alone.append(await vector(try submit(Self.request(prompt), to: engine)))
        }
        #expect(alone.allSatisfy { $0?.count == 16 })
        let busy = try encoderEngine(threads: 3)
        let streams = try Self.prompts.map { try submit(Self.request($0), to: busy) }
        var together: [[Float]?] = []
        for stream in streams { together.append(await vector(stream)) }
        #expect(together == alone)
        #expect(busy.statistics.finishedRequests == 60 && busy.statistics.runningSequences == 0)
        await busy.shutdown()
        #expect(throws: SubmissionError.shuttingDown) {
            try submit(Self.request([1]), to: busy)
        }
    }

    @Test func `an encoder answers nothing else`() throws {
        let engine = try encoderEngine()
        #expect(throws: SubmissionError.self) {
            try submit(GenerationRequest(promptTokens: [1]), to: engine)
        }
        #expect(throws: SubmissionError.promptTooLong(tokenCount: 65, contextLength: 64)) {
            try submit(Self.request(Array(repeating: 1, count: 65)), to: engine)
        }
    }

    @Test func `a text whose time is over is not encoded`() async throws {
        let engine = try encoderEngine()
        var request = Self.request([1, 2])
        request.timeLimit = .nanoseconds(1)
        let stream = try submit(request, to: engine)
        var reasons: [FinishReason] = []
        for await event in stream {
            if case .finished(_, let reason, _) = event { reasons.append(reason) }
        }
        #expect(reasons == [.expired])
    }

    @Test func `of clients that had as much the one that waits longest is first`() async throws {
        let gate = StepGate()
        let engine = GenerationEngine(
            encoder: try TinyEncoder.make(vocabularyCount: FakeTokenizer.vocabularyCount),
            tokenizer: FakeTokenizer(), whenIdle: { gate.pass(ForwardBatch()) })
        func request(client: Int) -> GenerationRequest {
            var request = Self.request([1, 2, 3])
            request.client = client
            return request
        }
        // Its end holds the engine's thread until all others wait.
        let first = try submit(request(client: 5), to: engine)
        _ = await gate.nextBatch()
        let stream = GenerationStream()
        for client in [9, 2, 7, 1] { try engine.submit(request(client: client), to: stream) }
        gate.open()
        #expect(await vector(first) != nil)
        var order: [Int] = []
        while let item = await stream.next() {
            if case .event(.embedding, let request) = item { order.append(request) }
        }
        #expect(order == [0, 1, 2, 3])
        await engine.shutdown()
    }

    @Test func `what an encoder's background waits for makes no batch of others longer`()
        async throws
    {
        let gate = StepGate()
        let engine = GenerationEngine(
            encoder: try TinyEncoder.make(vocabularyCount: FakeTokenizer.vocabularyCount),
            tokenizer: FakeTokenizer(), whenIdle: { gate.pass(ForwardBatch()) })
        // Its end holds the engine's thread until all others wait.
        let first = try submit(Self.request([1, 2, 3]), to: engine)
        _ = await gate.nextBatch()
        var back = Self.request([4, 5])
        back.priority = GenerationRequest.backgroundPriority
        let others = [back, back, Self.request([6, 7]), Self.request([8, 9])]
        let streams = try others.map { try submit($0, to: engine) }
        gate.open()
        for stream in [first] + streams { #expect(await vector(stream) != nil) }
        // The first, the two of others, the two of the background.
        #expect(engine.statistics.steps == 3)
        await engine.shutdown()
    }

    @Test(arguments: [Pooling.Method.last, .mean])
    func `a transformer's states do not depend on chunks, preemption or the cache`(
        method: Pooling.Method
    ) async throws {
        let roomy = try transformerEngine(tight: false)
        var alone: [[Float]?] = []
        for prompt in Self.prompts {
            alone.append(await vector(try submit(Self.request(prompt, method), to: roomy)))
        }
        #expect(alone.allSatisfy { $0?.count == 32 })
        let tight = try transformerEngine(tight: true)
        let others = try EngineInvarianceTests.requests(8).map { try tight.submit($0) }
        let streams = try Self.prompts.map { try submit(Self.request($0, method), to: tight) }
        var together: [[Float]?] = []
        for stream in streams { together.append(await vector(stream)) }
        #expect(together == alone)
        for other in others { _ = await Generated(other) }
        #expect(tight.statistics.freeBlocks == 8)
    }

    @Test func `texts alike have the same vector, others another`() async throws {
        let engine = try transformerEngine(tight: false)
        let one = await vector(try submit(Self.request([3, 4, 5], .last), to: engine))
        let same = await vector(try submit(Self.request([3, 4, 5], .last), to: engine))
        let other = await vector(try submit(Self.request([3, 4, 6], .last), to: engine))
        #expect(one == same && one != other)
        let length = try #require(one).reduce(0) { $0 + $1 * $1 }
        #expect(abs(length - 1) < 1e-5)
    }
}
