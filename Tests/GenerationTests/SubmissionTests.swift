// SPDX-License-Identifier: Apache-2.0

import Generation
import Sampling
import Testing

@Suite struct SubmissionTests {
    static let invalid: [(String, GenerationRequest)] = [
        ("prompt", .init(promptTokens: [])),
        ("prompt", .init(promptTokens: [1, -1])),
        ("prompt", .init(promptTokens: [Int32(FakeTokenizer.vocabularyCount)])),
        ("prompt", .init(promptTokens: [.max])),
        ("max_tokens", .init(promptTokens: [1], maxTokens: -1)),
        ("min_tokens", .init(promptTokens: [1], minTokens: -1)),
        ("min_tokens", .init(promptTokens: [1], maxTokens: 3, minTokens: 4)),
        ("stop", .init(promptTokens: [1], stopStrings: ["a", ""])),
        ("stop", .init(promptTokens: [1], stopStrings: [String(repeating: "a", count: 20_000)])),
        ("stop_token_ids", .init(promptTokens: [1], stopTokenIDs: [-1])),
        ("top_logprobs", .init(promptTokens: [1], topLogprobs: -1)),
        ("top_logprobs", .init(promptTokens: [1], topLogprobs: 101)),
        ("prompt_logprobs", .init(promptTokens: [1], promptLogprobs: .max)),
        ("n", .init(promptTokens: [1], choiceCount: 0)),
        ("n", .init(promptTokens: [1], choiceCount: 1_000_000)),
        ("temperature", .init(promptTokens: [1], sampling: .init(temperature: .nan))),
        ("top_p", .init(promptTokens: [1], sampling: .init(topP: 2))),
        ("logit_bias", .init(promptTokens: [1], sampling: .init(logitBias: [-5: 1]))),
    ]

    @Test(arguments: invalid)
    func `a field out of its range is refused by name`(field: String, request: GenerationRequest) {
        let engine = GenerationEngine(model: FakeModel(), tokenizer: FakeTokenizer())
        do throws(SubmissionError) {
            _ = try engine.submit(request)
            Issue.record("\(field) was accepted")
        } catch {
            guard case .invalid(field, _) = error else {
                Issue.record("\(error)")
                return
            }
        }
    }

    @Test func `a prompt must leave room for an answer unless none is asked for`() async throws {
        let engine = GenerationEngine(
            model: FakeModel(contextLength: 10), tokenizer: FakeTokenizer())
        let full = Array(repeating: Int32(5), count: 10)
        #expect(throws: SubmissionError.promptTooLong(tokenCount: 10, contextLength: 10)) {
            try engine.submit(.init(promptTokens: full))
        }
        let scored = GenerationRequest(promptTokens: full, maxTokens: 0, promptLogprobs: 0)
        #expect(try await engine.generate(scored).promptLogprobs?.count == 10)
        #expect(throws: SubmissionError.promptTooLong(tokenCount: 11, contextLength: 10)) {
            try engine.submit(.init(promptTokens: full + [5], maxTokens: 0))
        }
    }

    @Test func `the context is no longer than the KV blocks allow`() {
        let model = FakeModel(contextLength: 1_000, blockCount: 5, positionsPerBlock: 4)
        let engine = GenerationEngine(model: model, tokenizer: FakeTokenizer())
        #expect(engine.contextLength == 20)
        let configured = GenerationEngine(
            model: FakeModel(contextLength: 1_000), tokenizer: FakeTokenizer(),
            configuration: .init(contextLength: 64))
        #expect(configured.contextLength == 64)
    }

    @Test func `a full queue refuses at once and takes requests again later`() async throws {
        let gate = StepGate()
        let engine = GenerationEngine(
            model: FakeModel(willForward: { gate.pass($0) }), tokenizer: FakeTokenizer(),
            configuration: .init(maxSequences: 2, maxQueuedSequences: 1))
        let request = GenerationRequest(promptTokens: [5], maxTokens: 3, ignoresEOS: true)
        let streams = try (0..<3).map { _ in try engine.submit(request) }
        do throws(SubmissionError) {
            _ = try engine.submit(request)
            Issue.record("a fourth request was accepted")
        } catch {
            guard case .overloaded(let delay) = error else {
                Issue.record("\(error)")
                return
            }
            #expect(delay >= .seconds(1) && delay <= .seconds(60))
        }
        gate.open()
        for stream in streams { #expect(await Generated(stream).first.reason == .length) }
        #expect(try await engine.generate(request).first.reason == .length)
    }

    @Test func `a client that fills the queue does not keep the others out`() async throws {
        let gate = StepGate()
        let engine = GenerationEngine(
            model: FakeModel(willForward: { gate.pass($0) }), tokenizer: FakeTokenizer(),
            configuration: .init(maxSequences: 2, maxQueuedSequences: 6))
        var request = GenerationRequest(promptTokens: [5], maxTokens: 3, ignoresEOS: true)
        request.client = 1
        let many = try (0..<8).map { _ in try engine.submit(request) }
        #expect(throws: SubmissionError.self) { try engine.submit(request) }
        request.client = 2
        let other = try engine.submit(request)
        request.client = 3
        let third = try engine.submit(request)
        request.client = 4
        #expect(throws: SubmissionError.self) { try engine.submit(request) }
        gate.open()
        for stream in many + [other, third] {
            #expect(await Generated(stream).first.reason == .length)
        }
        #expect(try await engine.generate(request).first.reason == .length)
    }

    @Test func `a shutdown lets running requests end and refuses new ones`() async throws {
        let gate = StepGate()
        let engine = GenerationEngine(
            model: FakeModel(willForward: { gate.pass($0) }), tokenizer: FakeTokenizer())
        let request = GenerationRequest(promptTokens: [5], maxTokens: 30, ignoresEOS: true)
        let stream = try engine.submit(request)
        _ = await gate.nextBatch()
        async let ended: Void = engine.shutdown(grace: .seconds(600))
        gate.open()
        await ended
        #expect(await Generated(stream).first.reason == .length)
        #expect(throws: SubmissionError.shuttingDown) { try engine.submit(request) }
        await engine.shutdown()
    }

    @Test func `a shutdown without grace cancels what runs`() async throws {
        let gate = StepGate()
        let engine = GenerationEngine(
            model: FakeModel(willForward: { gate.pass($0) }), tokenizer: FakeTokenizer())
        let request = GenerationRequest(promptTokens: [5], maxTokens: 200, ignoresEOS: true)
        let stream = try engine.submit(request)
        _ = await gate.nextBatch()
        let patient = Task { await engine.shutdown(grace: .seconds(600)) }
        let hasty = Task { await engine.shutdown() }
        gate.open()
        await hasty.value
        await patient.value
        let reason = await Generated(stream).first.reason
        #expect(reason == .cancelled || reason == .length)
        #expect(engine.statistics.usedBlocks == 0)
    }

    @Test func `an engine that goes away ends its requests`() async throws {
        let gate = StepGate()
        var engine: GenerationEngine? = GenerationEngine(
            model: FakeModel(willForward: { gate.pass($0) }), tokenizer: FakeTokenizer())
        let request = GenerationRequest(promptTokens: [5], maxTokens: 200, ignoresEOS: true)
        let stream = try engine?.submit(request)
        _ = await gate.nextBatch()
        engine = nil
        gate.open()
        let result = await Generated(try #require(stream))
        #expect(result.first.reason == .cancelled)
    }

    @Test func `limits that cannot be kept are errors that name them`() throws {
        let defaults = GenerationEngine.Configuration()
        #expect(try defaults.validated() == defaults)
        let name = #expect(throws: GenerationEngine.ConfigurationError.self) {
            try GenerationEngine.Configuration(prefillChunkTokens: 0).validated()
        }?.name
        #expect(name == "prefillChunkTokens")
    }
}
