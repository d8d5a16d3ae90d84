// SPDX-License-Identifier: Apache-2.0

import Generation
import Inference
import Sampling
import Scheduling
import Testing

@Suite struct PrefixReuseTests {
    private func request(_ length: Int, first: Int32 = 2) -> GenerationRequest {
        GenerationRequest(
            promptTokens: (0..<Int32(length)).map { 2 + ($0 + first) % 30 }, sampling: .greedy,
            maxTokens: 9, ignoresEOS: true)
    }

    @Test func `a prompt that was seen is reported as cached`() async throws {
        let engine = GenerationEngine(model: FakeModel(), tokenizer: FakeTokenizer())
        let first = try await engine.generate(request(30))
        let again = try await engine.generate(request(30))
        #expect(first == again)
        #expect(first.cachedTokens == 0)
        #expect(again.cachedTokens == 28)
        #expect(engine.statistics.cacheHitTokens == 28)
        #expect(engine.statistics.cacheMissTokens == 32)
        #expect(engine.statistics.usedBlocks == 0)
        #expect(engine.statistics.cachedBlocks > 0)
    }

    @Test func `what a prompt leaves in the cache is told`() async throws {
        let engine = GenerationEngine(
            model: FakeModel(maxBatchTokens: 9, maxLogitsRows: 4), tokenizer: FakeTokenizer())
        let first = try await engine.generate(request(30))
        #expect(first.usage?.cachedPromptTokens == 0 && first.usage?.cacheWriteTokens == 28)
        let again = try await engine.generate(request(30))
        #expect(again.usage?.cachedPromptTokens == 28 && again.usage?.cacheWriteTokens == 0)
        // Another end after the same beginning.
        var longer = request(30)
        longer.promptTokens += [2, 2, 2, 2, 2]
        let end = try await engine.generate(longer)
        #expect(end.usage?.cachedPromptTokens == 28 && end.usage?.cacheWriteTokens == 4)
        var scored = request(31, first: 5)
        scored.maxTokens = 0
        scored.promptLogprobs = 0
        #expect(try await engine.generate(scored).usage?.cacheWriteTokens == 28)
    }

    @Test func `why a prompt was not found is told where somebody asks`() async throws {
        let engine = GenerationEngine(model: FakeModel(), tokenizer: FakeTokenizer())
        func reason(
            _ change: (inout GenerationRequest) -> Void
        ) async throws
            -> CacheDiagnosis.Reason?
        {
            var request = request(30)
            request.client = 1
            request.cacheScope = "1:"
            request.diagnosesCache = true
            change(&request)
            return try await engine.generate(request).usage?.cacheDiagnosis?.reason
        }
        #expect(try await reason { _ in } == .unseen)
        #expect(try await reason { _ in } == .hit)
        #expect(try await reason { $0.promptTokens[20] = 2 } == .changed(position: 20))
        #expect(try await reason { $0.cacheScope = "1:salt" } == .otherSalt)
        let other = try await reason { request in
            request.client = 2
            request.cacheScope = "2:"
        }
        #expect(other == .otherClient)
        #expect(try await reason { $0.diagnosesCache = false } == nil)
    }

    @Test func `a turn of a conversation computes only what is new`() async throws {
        let engine = GenerationEngine(model: FakeModel(), tokenizer: FakeTokenizer())
        var conversation = request(21)
        var computed = 0
        for turn in 0..<10 {
            let answer = try await engine.generate(conversation)
            computed += answer.promptTokens - answer.cachedTokens
            conversation.promptTokens += answer.first.ids + [Int32(2 + turn), 30, 31]
            if turn > 0 { #expect(answer.cachedTokens > 0) }
        }
        // Each turn adds twelve tokens; at most a block more of the last turn is computed again.
        #expect(computed <= 21 + 9 * (12 + 4))
    }

    @Test func `scopes keep requests apart`() async throws {
        let engine = GenerationEngine(model: FakeModel(), tokenizer: FakeTokenizer())
        _ = try await engine.generate(request(30))
        var other = request(30)
        other.cacheScope = "another"
        #expect(try await engine.generate(other).cachedTokens == 0)
        #expect(try await engine.generate(other).cachedTokens == 28)
    }

    @Test func `many requests with one system prompt compute it once`() async throws {
        let engine = GenerationEngine(
            model: FakeModel(blockCount: 1_000), tokenizer: FakeTokenizer())
        let streams = try (0..<50).map { user in
            var request = request(100)
            request.promptTokens += [Int32(2 + user % 30), Int32(2 + user / 30)]
            return try engine.submit(request)
        }
        var cached = 0
        for stream in streams { cached += await Generated(stream).cachedTokens }
        #expect(cached == 49 * 100)
    }

    @Test func `choices share their prompt's blocks`() async throws {
        let gate = StepGate()
        let engine = GenerationEngine(
            model: FakeModel(willForward: { gate.pass($0) }), tokenizer: FakeTokenizer())
        var several = request(30)
        several.choiceCount = 4
        let stream = try engine.submit(several)
        #expect(await gate.nextBatch().tokens.count == 30)
        gate.allowOne()
        let batch = await gate.nextBatch()
        #expect(batch.slices.count == 4)
        #expect(Set(batch.slices.map { $0.blockTable[..<7] }).count == 1)
        #expect(Set(batch.slices.map { $0.blockTable[7] }).count == 4)
        gate.open()
        #expect(await Generated(stream).choices.count == 4)
    }

    @Test func `a request past its time limit ends, one that cannot make it is refused`()
        async throws
    {
        let gate = StepGate()
        let engine = GenerationEngine(
            model: FakeModel(willForward: { gate.pass($0) }), tokenizer: FakeTokenizer(),
            configuration: .init(maxSequences: 1))
        let running = try engine.submit(request(10))
        _ = await gate.nextBatch()
        var hurried = request(10)
        hurried.timeLimit = .milliseconds(900)
        // One place, taken: ends come a second apart until one is measured.
        #expect(throws: SubmissionError.tooLate(estimatedWait: .seconds(1))) {
            try engine.submit(hurried)
        }
        #expect(throws: SubmissionError.self) {
            hurried.timeLimit = .zero
            _ = try engine.submit(hurried)
        }
        let waiting = try engine.submit(request(10))
        #expect(running.place == QueuePlace())
        #expect(waiting.place == QueuePlace(position: 1, estimatedWait: .seconds(1)))
        gate.open()
        #expect(await Generated(waiting).first.reason == .length)
        hurried.timeLimit = .nanoseconds(1)
        hurried.choiceCount = 1
        let late = try engine.submit(hurried)
        #expect(await Generated(late).first.reason == .expired)
        #expect(engine.statistics.usedBlocks == 0)
    }
}
