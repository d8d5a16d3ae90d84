// SPDX-License-Identifier: Apache-2.0

import Generation
import Inference
import Sampling
import Synchronization
import Testing

@Suite struct BackgroundEngineTests {
    private static func request(inBackground: Bool, maxTokens: Int = 3) -> GenerationRequest {
        var request = GenerationRequest(
            promptTokens: [5, 6, 7], maxTokens: maxTokens, ignoresEOS: true)
        request.sampling.seed = 3
        if inBackground { request.priority = GenerationRequest.backgroundPriority }
        return request
    }

    @Test func `the background takes no place of the queue from others, nor beyond its own`()
        async throws
    {
        let gate = StepGate()
        let engine = GenerationEngine(
            model: FakeModel(willForward: { gate.pass($0) }), tokenizer: FakeTokenizer(),
            configuration: .init(maxSequences: 2, maxQueuedSequences: 0))
        let back = try (0..<4).map { _ in try engine.submit(Self.request(inBackground: true)) }
        #expect(throws: SubmissionError.overloaded(retryAfter: .seconds(1))) {
            try engine.submit(Self.request(inBackground: true))
        }
        let front = try (0..<2).map { _ in try engine.submit(Self.request(inBackground: false)) }
        gate.open()
        for stream in front + back {
            #expect(await Generated(stream).first.ids.count == 3)
        }
        #expect(engine.isIdle)
    }

    @Test func `a question of the background that is larger than its queue is taken as a whole`()
        async throws
    {
        let gate = StepGate()
        let engine = GenerationEngine(
            model: FakeModel(willForward: { gate.pass($0) }), tokenizer: FakeTokenizer(),
            configuration: .init(maxSequences: 2, maxQueuedSequences: 0))
        let first = try engine.submit(Self.request(inBackground: true))
        let question = try (0..<10).map { index in
            var request = Self.request(inBackground: true)
            request.choiceCount = 2
            request.placesBefore = 2 * index
            return try engine.submit(request)
        }
        #expect(throws: SubmissionError.overloaded(retryAfter: .seconds(1))) {
            try engine.submit(Self.request(inBackground: true))
        }
        // Nor do others find less room for it.
        let front = try (0..<2).map { _ in try engine.submit(Self.request(inBackground: false)) }
        gate.open()
        for stream in front + [first] { #expect(await Generated(stream).first.ids.count == 3) }
        for stream in question {
            #expect(await Generated(stream).choices.mapValues(\.ids.count) == [0: 3, 1: 3])
        }
        #expect(engine.isIdle)
    }

    @Test func `a step of the background is given up when others come, and changes nothing`()
        async throws
    {
        let alone = GenerationEngine(model: FakeModel(), tokenizer: FakeTokenizer())
        let expected = await Generated(
            try alone.submit(Self.request(inBackground: true, maxTokens: 8))
        ).first.ids
        let gate = StepGate()
        let engine = GenerationEngine(
            model: FakeModel(willForward: { gate.pass($0) }), tokenizer: FakeTokenizer())
        let back = try engine.submit(Self.request(inBackground: true, maxTokens: 8))
        let given = await gate.nextBatch()
        // It comes while the first step is computed.
        let front = try engine.submit(Self.request(inBackground: false, maxTokens: 1))
        gate.open()
        #expect(await Generated(front).first.ids == Array(expected.prefix(1)))
        #expect(await Generated(back).first.ids == expected)
        #expect(given.tokens == [5, 6, 7])
        #expect(engine.statistics.abandonedSteps == 1)
        #expect(engine.statistics.generatedTokens == 9)
        // Those of others are not given up.
        #expect(alone.statistics.abandonedSteps == 0)
    }

    @Test func `the end of all but the background is told, and then that of the background`()
        async throws
    {
        let gate = StepGate()
        let ends = Mutex(0)
        let engine = GenerationEngine(
            model: FakeModel(willForward: { gate.pass($0) }), tokenizer: FakeTokenizer(),
            whenIdle: { ends.withLock { $0 += 1 } })
        let back = try engine.submit(Self.request(inBackground: true))
        #expect(engine.isQuiet && !engine.isIdle)
        let front = try engine.submit(Self.request(inBackground: false))
        #expect(!engine.isQuiet)
        gate.open()
        #expect(await Generated(front).first.ids.count == 3)
        #expect(await Generated(back).first.ids.count == 3)
        await engine.shutdown()
        #expect(ends.withLock { $0 } == 2)
        #expect(engine.isQuiet && engine.isIdle)
    }

    @Test func `an engine's background stands still while another one is asked`() async throws {
        let (own, others) = (StepGate(), StepGate())
        let shared = ForegroundGate()
        let engine = GenerationEngine(
            model: FakeModel(willForward: { own.pass($0) }), tokenizer: FakeTokenizer(),
            gate: shared)
        let other = GenerationEngine(
            model: FakeModel(willForward: { others.pass($0) }), tokenizer: FakeTokenizer(),
            gate: shared)
        let front = try other.submit(Self.request(inBackground: false, maxTokens: 1))
        _ = await others.nextBatch()
        let back = try engine.submit(Self.request(inBackground: true))
        // One that is not of the background goes on, and only then does it.
        let beside = try engine.submit(Self.request(inBackground: false, maxTokens: 1))
        let first = await own.nextBatch()
        #expect(first.slices.count == 1)
        own.open()
        #expect(await Generated(beside).first.ids.count == 1)
        #expect(engine.statistics.runningBackground + engine.statistics.waitingBackground == 1)
        #expect(engine.statistics.generatedTokens == 1)
        others.open()
        #expect(await Generated(front).first.ids.count == 1)
        #expect(await Generated(back).first.ids.count == 3)
    }
}
