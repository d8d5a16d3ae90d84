// SPDX-License-Identifier: Apache-2.0

import Conversation
import Generation
import JSON
import Sampling
import Serving
import ServingSupport
import Testing
import Tokenization

@Suite struct QuestionTests {
    private func model(
        _ tokenizer: ByteTokenizer = ByteTokenizer(), prompts: PlainPrompts = PlainPrompts(),
        defaultTemperature: Double? = nil
    ) -> ServedModel {
        ServedModel(
            description: ModelDescription(
                name: "m", creationTime: 0, contextLength: 512,
                defaultTemperature: defaultTemperature),
            engine: ScriptedEngine(), tokenizer: tokenizer, prompts: prompts, fingerprint: "f")
    }

    private func error(_ question: Question, _ model: ServedModel) -> ServingError? {
        do throws(ServingError) {
            _ = try model.submit(model.requests(for: question), for: Client())
            return nil
        } catch {
            return error
        }
    }

    @Test func `every kind of prompt becomes token ids`() throws {
        let chat = ChatPrompt(messages: [Message(.user, "a")])
        let tokenizer = ByteTokenizer(fillsGaps: true)
        let requests = try model(tokenizer).requests(
            for: Question(
                .text("a"), .text("a", addsSpecialTokens: false), .tokens([97, 98]), .chat(chat),
                .gap(before: "a", after: "b"), .text("</s>", addsSpecialTokens: false),
                .text("</s>", addsSpecialTokens: false, parsesControls: false)))
        #expect(
            requests.map { tokenizer.decode($0.promptTokens) }
                == ["a", "a", "ab", "user=a;assistant=", "ba", "", "</s>"])
        #expect(requests.map { $0.promptTokens.first == 256 }.prefix(3) == [true, false, false])
        #expect(requests[5].promptTokens == [257])
    }

    @Test func `a temperature is the question's, or the model's, or 1`() throws {
        var question = Question(.text("a"))
        #expect(try model().requests(for: question)[0].sampling.temperature == 1)
        let advised = model(defaultTemperature: 0.25)
        #expect(try advised.requests(for: question)[0].sampling.temperature == 0.25)
        question.temperature = 0
        #expect(try advised.requests(for: question)[0].sampling.temperature == 0)
    }

    @Test func `all else reaches the engine as it was asked`() throws {
        var question = Question(.tokens([1]), .tokens([2]))
        question.generation.maxTokens = 7
        question.generation.topLogprobs = 3
        question.generation.priority = 5
        question.stopTokenIDs = [4, 3]
        let requests = try model().requests(for: question)
        #expect(requests.map(\.promptTokens) == [[1], [2]])
        for request in requests {
            #expect(request.maxTokens == 7)
            #expect(request.topLogprobs == 3)
            #expect(request.priority == 5)
            #expect(request.stopTokenIDs == [3, 4])
        }
    }

    @Test func `an empty prompt is told by its place`() {
        #expect(
            error(Question(.text("a"), .tokens([])), model())
                == .invalid(.prompt(1), expected: "a prompt of at least one token"))
    }

    @Test func `a prompt leaves room for one token, unless it is only scored`() {
        var question = Question(.tokens(Array(repeating: 97, count: 512)))
        #expect(
            error(question, model())
                == .promptTooLong(
                    prompt: 0, tokenCount: 512, contextLength: 512, isLeastCount: false))
        question.generation.maxTokens = 0
        #expect(error(question, model()) == nil)
        question.prompts = [.text(String(repeating: "a", count: 600))]
        guard case .promptTooLong(0, let count, 512, true)? = error(question, model()) else {
            Issue.record("a text beyond the context was not refused")
            return
        }
        #expect(count > 512)
    }

    @Test func `ids that the vocabulary lacks are told by their places`() {
        let expected = "a token id from 0 to 260"
        #expect(
            error(Question(.text("a"), .tokens([1, 261])), model())
                == .invalid(.promptToken(prompt: 1, index: 1), expected: expected))
        #expect(
            error(Question(.tokens([-1])), model())
                == .invalid(.promptToken(prompt: 0, index: 0), expected: expected))
        var question = Question(.text("a"))
        question.stopTokenIDs = [1, 300]
        #expect(error(question, model()) == .invalid(.stopToken(1), expected: expected))
        question.stopTokenIDs = []
        question.generation.sampling.logitBias = [400: 1]
        #expect(
            error(question, model()) == .invalid(.bias(400), expected: "token ids from 0 to 260"))
    }

    @Test func `what is wrong with the question is told before what is wrong with later prompts`() {
        var question = Question(.text("a"), .tokens([300]))
        question.stopTokenIDs = [300]
        let expected = "a token id from 0 to 260"
        #expect(error(question, model()) == .invalid(.stopToken(0), expected: expected))
        question.prompts = [.tokens([300]), .text("a")]
        #expect(
            error(question, model())
                == .invalid(.promptToken(prompt: 0, index: 0), expected: expected))
    }

    @Test func `what the model cannot do is named`() {
        guard case .unsupported(.gap, _)? = error(Question(.gap(before: "a", after: "")), model())
        else {
            Issue.record("a gap was filled without tokens for it")
            return
        }
        var question = Question(.text("a"))
        question.neededContext = 513
        #expect(
            error(question, model())
                == .unsupported(
                    .neededContext, reason: "this model's context holds 512 tokens here"))
    }

    @Test func `a format's own words say why it cannot hold a conversation`() {
        let chat = ChatPrompt(messages: [Message(.user, "raise")])
        #expect(
            error(Question(.chat(chat)), model())
                == .conversation(reason: "roles must alternate <b>\u{1B}"))
    }

    @Test func `clients share cached prompts only where both may`() throws {
        let engine = ScriptedEngine()
        let model = ServedModel(
            description: ModelDescription(name: "m", creationTime: 0, contextLength: 512),
            engine: engine, tokenizer: ByteTokenizer(), prompts: PlainPrompts(), fingerprint: "f")
        var question = Question(.text("a"))
        question.generation.cacheScope = "salt"
        let requests = try model.requests(for: question)
        for client in [
            Client(), Client(number: 2, weight: 3), Client(number: 2, sharesPrefixes: true),
            Client(number: 2, owner: "ann"),
        ] {
            _ = try model.submit(requests, for: client)
        }
        #expect(engine.requests.map(\.cacheScope) == ["salt", "2:salt", "salt", "ann:salt"])
        #expect(engine.requests.map(\.client) == [0, 2, 2, 2])
        #expect(engine.requests.map(\.weight) == [1, 3, 1, 1])
    }
}
