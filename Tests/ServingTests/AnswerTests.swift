// SPDX-License-Identifier: Apache-2.0

import AnswerParsing
import Generation
import Serving
import ServingSupport
import Testing

@Suite struct AnswerTests {
    private func answer(
        _ prompts: [Question.Prompt] = [.text("ab")], choiceCount: Int = 1,
        by script: @escaping ScriptedEngine.Script = ScriptedEngine.greeting
    ) throws -> Answer {
        let model = ServedModel(
            description: ModelDescription(name: "m", creationTime: 0, contextLength: 512),
            engine: ScriptedEngine(script), tokenizer: ByteTokenizer(), prompts: PlainPrompts(),
            fingerprint: "f")
        var question = Question(prompts: prompts)
        question.generation.choiceCount = choiceCount
        return try model.submit(model.requests(for: question), for: Client())
    }

    private func events(_ answer: Answer) async throws -> [AnswerEvent] {
        var events: [AnswerEvent] = []
        try await answer.forEach(tickingEvery: .seconds(3600)) { item in
            if case .event(let event) = item { events.append(event) }
        }
        return events
    }

    @Test func `the pieces of a choice concatenate to its text`() async throws {
        var text = ""
        for case .output(0, .text(let piece), _) in try await events(try answer()) { text += piece }
        #expect(text == "Hé!")
    }

    @Test func `choices are counted over all prompts`() async throws {
        let events = try await events(try answer([.text("a"), .text("b")], choiceCount: 2))
        var ended: Set<Int> = []
        var counted: Set<Int> = []
        for event in events {
            if case .finished(let choice, let end) = event {
                ended.insert(choice)
                #expect(end == .stop(.token(ByteTokenizer.eos)))
            }
            if case .usage(let prompt, _) = event { counted.insert(prompt) }
        }
        #expect(ended == [0, 1, 2, 3])
        #expect(counted == [0, 1])
    }

    @Test func `each request tells how many places those before it take`() throws {
        let engine = ScriptedEngine()
        let model = ServedModel(
            description: ModelDescription(name: "m", creationTime: 0, contextLength: 512),
            engine: engine, tokenizer: ByteTokenizer(), prompts: PlainPrompts(), fingerprint: "f")
        var question = Question(prompts: ["a", "b", "c"].map { .text($0) })
        question.generation.choiceCount = 2
        let answer = try model.submit(model.requests(for: question), for: Client())
        #expect(engine.requests.map(\.placesBefore) == [0, 2, 4])
        withExtendedLifetime(answer) {}
    }

    @Test func `an answer is collected prompt by prompt`() async throws {
        let collected = try await answer([.text("a"), .text("bc")], choiceCount: 2).collected()
        #expect(collected.parts.map(\.usage?.promptTokens) == [2, 3])
        #expect(collected.parts.allSatisfy { $0.choices.map(\.text) == ["Hé!", "Hé!"] })
        #expect(try collected.parts[1].choices[1].end() == .stop(.token(ByteTokenizer.eos)))
        #expect(collected.tokenCount == 20)
    }

    @Test(arguments: [
        (FinishReason.cancelled, ServingError.stopping), (.expired, .expired),
        (.error("broken"), .failed(reason: "broken")),
    ])
    func `a choice that cannot end says why`(
        reason: FinishReason, expected: ServingError
    ) async throws {
        let script: ScriptedEngine.Script = { _ throws(SubmissionError) in
            ScriptedEngine.events([
                .finished(choice: 0, reason: reason, stop: nil), .usage(Usage(promptTokens: 1)),
            ])
        }
        let events = try await events(try answer(by: script))
        #expect(events.first == .failed(choice: 0, expected))
        let collected = try await answer(by: script).collected()
        #expect(throws: expected) { try collected.parts[0].choices[0].end() }
        #expect(collected.parts[0].usage?.promptTokens == 1)
    }

    @Test func `an answer that breaks off has failed as a whole`() async throws {
        let script: ScriptedEngine.Script = { _ throws(SubmissionError) in
            ScriptedEngine.events([.output(choice: 0, text: "H", tokens: [])])
        }
        #expect(try await events(try answer(by: script)).last == .failed(choice: nil, .cancelled))
        await #expect(throws: ServingError.cancelled) { try await answer(by: script).collected() }
    }

    @Test func `prompts that have ended are counted where another broke off`() async throws {
        let script: ScriptedEngine.Script = { request throws(SubmissionError) in
            ScriptedEngine.events(
                request.promptTokens.count > 2 ? [] : ScriptedEngine.greetingEvents(request))
        }
        var counts: [Int] = []
        await #expect(throws: ServingError.cancelled) {
            try await answer([.text("a"), .text("bc")], by: script).collected {
                counts.append($0.promptTokens)
            }
        }
        #expect(counts == [2])
    }

    @Test func `a refusal of one prompt refuses the question`() throws {
        let script: ScriptedEngine.Script = { request throws(SubmissionError) in
            if request.promptTokens.count > 2 { throw .overloaded(retryAfter: .seconds(3)) }
            return ScriptedEngine.events([])
        }
        #expect(throws: ServingError.overloaded(retryAfter: .seconds(3))) {
            try answer([.text("a"), .text("bc")], by: script)
        }
        let model = ServedModel(
            description: ModelDescription(name: "m", creationTime: 0, contextLength: 512),
            engine: ScriptedEngine(script), tokenizer: ByteTokenizer(), prompts: PlainPrompts(),
            fingerprint: "f")
        var places: [Int] = []
        let requests = try model.requests(for: Question(.text("a"), .text("bc")))
        #expect(throws: ServingError.overloaded(retryAfter: .seconds(3))) {
            try model.submit(requests, for: Client()) { places.append($0.position) }
        }
        #expect(places == [0])
    }
}
