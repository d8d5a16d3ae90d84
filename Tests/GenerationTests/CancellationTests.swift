// SPDX-License-Identifier: Apache-2.0

import Generation
import Inference
import Sampling
import Testing

@Suite struct CancellationTests {
    private let gate = StepGate()

    private func engine(maxSequences: Int = 8) -> GenerationEngine {
        let gate = gate
        return GenerationEngine(
            model: FakeModel(willForward: { gate.pass($0) }), tokenizer: FakeTokenizer(),
            configuration: .init(maxSequences: maxSequences, prefillChunkTokens: 16))
    }

    private func request(_ length: Int) -> GenerationRequest {
        GenerationRequest(
            promptTokens: Array(repeating: 5, count: length), sampling: .greedy, maxTokens: 100,
            ignoresEOS: true)
    }

    @Test func `a prompt that is being computed is cancelled within one step`() async throws {
        let engine = engine()
        let stream = try engine.submit(request(60))
        #expect(await gate.nextBatch().tokens.count == 16)
        engine.cancel(stream.id)
        gate.allowOne()
        let result = await Generated(stream)
        #expect(result.first.reason == .cancelled)
        #expect(engine.statistics.usedBlocks == 0)
        #expect(engine.statistics.steps == 1)
    }

    @Test func `an answer that is being generated is cancelled within one step`() async throws {
        let engine = engine()
        let stream = try engine.submit(request(4))
        for _ in 0..<3 {
            _ = await gate.nextBatch()
            gate.allowOne()
        }
        _ = await gate.nextBatch()
        engine.cancel(stream.id)
        gate.allowOne()
        let result = await Generated(stream)
        #expect(result.first.reason == .cancelled)
        #expect(result.first.ids.count == 4)
        #expect(result.completionTokens == 4)
        #expect(engine.statistics.usedBlocks == 0)
    }

    @Test func `a request in the queue is cancelled within one step, and no other`() async throws {
        let engine = engine(maxSequences: 1)
        let running = try engine.submit(request(4))
        _ = await gate.nextBatch()
        let queued = try engine.submit(request(4))
        let last = try engine.submit(request(4))
        engine.cancel(queued.id)
        gate.allowOne()
        #expect(await Generated(queued).first == .init(reason: .cancelled))
        #expect(engine.statistics.waitingSequences == 1)
        gate.open()
        #expect(await Generated(running).first.ids.count == 100)
        #expect(await Generated(last).first.ids.count == 100)
    }

    @Test func `a request that is cancelled before the next step leaves its place at once`()
        async throws
    {
        let gate = gate
        let engine = GenerationEngine(
            model: FakeModel(willForward: { gate.pass($0) }), tokenizer: FakeTokenizer(),
            configuration: .init(maxSequences: 1, maxQueuedSequences: 3))
        let running = try engine.submit(request(4))
        _ = await gate.nextBatch()
        var several = request(4)
        for _ in 0..<50 {
            engine.cancel(try engine.submit(request(4)).id)
            _ = try engine.submit(request(4))
        }
        let dropped = try engine.submit(several)
        engine.cancel(dropped.id)
        #expect(await Generated(dropped).first == .init(reason: .cancelled))
        several.maxTokens = 2
        let honest = try (0..<3).map { _ in try engine.submit(several) }
        #expect(throws: SubmissionError.self) { try engine.submit(several) }
        gate.open()
        for stream in honest { #expect(await Generated(stream).first.reason == .length) }
        #expect(await Generated(running).first.ids.count == 100)
        #expect(engine.statistics.finishedRequests == 105)
    }

    @Test func `what is cancelled in the queue or while it runs leaves its places once`()
        async throws
    {
        let gate = gate
        let engine = GenerationEngine(
            model: FakeModel(willForward: { gate.pass($0) }), tokenizer: FakeTokenizer(),
            configuration: .init(maxSequences: 4, maxQueuedSequences: 4))
        var several = request(4)
        several.choiceCount = 4
        let running = try engine.submit(several)
        _ = await gate.nextBatch()
        let queued = try engine.submit(several)
        gate.allowOne()
        _ = await gate.nextBatch()
        var kept: [SubmittedRequest] = []
        several.maxTokens = 3
        for stream in [running, queued] {
            #expect(throws: SubmissionError.self) { try engine.submit(request(4)) }
            engine.cancel(stream.id)
            engine.cancel(stream.id)
            _ = try engine.submit(request(4))
            kept.append(try engine.submit(several))
            #expect(throws: SubmissionError.self) { try engine.submit(request(4)) }
            gate.allowOne()
            _ = await gate.nextBatch()
        }
        gate.open()
        for stream in kept {
            let choices = await Generated(stream).choices
            #expect(choices.values.map(\.reason) == Array(repeating: .length, count: 4))
        }
        // Or those that come now could be answered before the last of them asks.
        gate.close()
        let all = try (0..<8).map { _ in try engine.submit(request(4)) }
        #expect(throws: SubmissionError.self) { try engine.submit(request(4)) }
        for stream in all { engine.cancel(stream.id) }
        gate.open()
    }

    @Test func `all choices of a request are cancelled together`() async throws {
        let engine = engine()
        var several = request(4)
        several.choiceCount = 5
        let stream = try engine.submit(several)
        _ = await gate.nextBatch()
        engine.cancel(stream.id)
        gate.allowOne()
        let result = await Generated(stream)
        #expect(result.choices.count == 5)
        #expect(result.choices.values.allSatisfy { $0.reason == .cancelled })
        #expect(engine.statistics.usedBlocks == 0)
    }

    @Test func `a request is cancelled when the task that reads it is`() async throws {
        let engine = engine()
        let stream = try engine.submit(request(4))
        let reader = Task { await Generated(stream) }
        _ = await gate.nextBatch()
        reader.cancel()
        _ = await reader.value
        gate.open()
        await engine.shutdown(grace: .seconds(60))
        #expect(engine.statistics.steps <= 2)
        #expect(engine.statistics.usedBlocks == 0)
    }

    @Test func `a request is cancelled when its stream is dropped`() async throws {
        let engine = engine()
        _ = try engine.submit(request(4))
        gate.open()
        await engine.shutdown(grace: .seconds(60))
        #expect(engine.statistics.steps <= 2)
        #expect(engine.statistics.finishedRequests == 1)
    }

    @Test func `held-back text comes out when a request is cancelled`() async throws {
        let gate = gate
        let script = FakeModel.script(FakeTokenizer.ids("a", "ST", "a"))
        let engine = GenerationEngine(
            model: FakeModel(willForward: { gate.pass($0) }, logits: script),
            tokenizer: FakeTokenizer())
        var request = request(0)
        request.promptTokens = FakeTokenizer.ids("|")
        request.stopStrings = ["STa"]
        let stream = try engine.submit(request)
        _ = await gate.nextBatch()
        gate.allowOne()
        _ = await gate.nextBatch()
        engine.cancel(stream.id)
        gate.allowOne()
        #expect(await Generated(stream).first.text == "aST")
    }

    @Test func `cancelling what does not exist does nothing`() async throws {
        let engine = engine()
        gate.open()
        let first = try engine.submit(request(4))
        #expect(await Generated(first).first.reason == .length)
        engine.cancel(first.id)
        let second = try engine.submit(request(4))
        #expect(await Generated(second).first.reason == .length)
    }
}
