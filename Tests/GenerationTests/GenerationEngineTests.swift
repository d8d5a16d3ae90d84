// SPDX-License-Identifier: Apache-2.0

import Generation
import Sampling
import Testing

@Suite struct GenerationEngineTests {
    private func scripted(_ pieces: String...) -> GenerationEngine {
        let script = FakeModel.script(pieces.map(FakeTokenizer.id))
        return GenerationEngine(model: FakeModel(logits: script), tokenizer: FakeTokenizer())
    }

    private func request(
        _ prompt: String = "ab|", maxTokens: Int? = 20, stops: [String] = []
    ) -> GenerationRequest {
        GenerationRequest(
            promptTokens: FakeTokenizer().encode(prompt, addSpecial: false), sampling: .greedy,
            maxTokens: maxTokens, stopStrings: stops)
    }

    @Test func `an answer ends with the end-of-sequence token`() async throws {
        let result = try await scripted("the ", "e", "n", "d").generate(request())
        #expect(result.first.text == "the end")
        #expect(result.first.reason == .stop)
        #expect(result.first.stop == .token(FakeTokenizer.eos))
        #expect(result.first.tokens.map(\.isStop) == [false, false, false, false, true])
        #expect(result.first.tokens.map(\.textOffset) == [0, 4, 5, 6, 7])
        #expect(result.completionTokens == 5)
        #expect(result.promptTokens == 3)
        guard case .usage = result.events.last else {
            Issue.record("the last event is not the usage")
            return
        }
    }

    @Test func `steps without prompts count their tokens and what they read`() async throws {
        let engine = scripted("a", "b", "c", "d")
        _ = try await engine.generate(request(maxTokens: 4))
        // The first token comes with the prompt's step.
        #expect(engine.statistics.decodedTokens == 3)
        #expect(engine.statistics.decodingReadBytes == 3_000)
        #expect(engine.statistics.decodingDuration > .zero)
        #expect(engine.statistics.expertTokens == nil)
    }

    @Test func `an answer ends at its length`() async throws {
        let result = try await scripted("a", "b", "c").generate(request(maxTokens: 2))
        #expect(result.first.text == "ab")
        #expect(result.first.reason == .length)
        #expect(result.first.stop == nil)
    }

    @Test func `an answer ends where the context does`() async throws {
        let model = FakeModel(
            contextLength: 6, logits: FakeModel.script(Array(repeating: 5, count: 9)))
        let engine = GenerationEngine(model: model, tokenizer: FakeTokenizer())
        #expect(engine.contextLength == 6)
        let open = try await engine.generate(request(maxTokens: nil))
        #expect(open.first.ids.count == 3)
        #expect(open.first.reason == .contextLength)
        #expect(try await engine.generate(request(maxTokens: 4)).first.reason == .contextLength)
        #expect(try await engine.generate(request(maxTokens: 3)).first.reason == .length)
    }

    @Test func `a stop string across tokens ends the answer and is left out`() async throws {
        let engine = scripted("a", " ", "ST", "OP", "b")
        let result = try await engine.generate(request(stops: ["STOP", "zz"]))
        #expect(result.first.text == "a ")
        #expect(result.first.stop == .string("STOP"))
        #expect(result.first.ids == FakeTokenizer.ids("a", " ", "ST", "OP"))
        var including = request(stops: ["STOP"])
        including.includesStopString = true
        #expect(try await engine.generate(including).first.text == "a STOP")
    }

    @Test func `tokens are delivered while their text is held back`() async throws {
        let result = try await scripted("ST", "ne", "ST").generate(request(stops: ["STOP"]))
        let outputs = result.events.compactMap { event -> (String, Int)? in
            guard case .output(_, let text, let tokens) = event else { return nil }
            return (text, tokens.count)
        }
        #expect(outputs.map(\.0) == ["", "STne", "", "ST"])
        #expect(outputs.map(\.1) == [1, 1, 1, 1])
        #expect(result.first.tokens.map(\.textOffset) == [0, 2, 4, 6])
    }

    @Test func `a character comes out whole, or as U+FFFD at the end`() async throws {
        let halves = [FakeTokenizer.firstHalf, FakeTokenizer.secondHalf, FakeTokenizer.firstHalf]
        let model = FakeModel(logits: FakeModel.script(halves))
        let engine = GenerationEngine(model: model, tokenizer: FakeTokenizer())
        let result = try await engine.generate(request(maxTokens: 3))
        #expect(result.first.text == "😀\u{FFFD}")
        #expect(result.first.tokens.map(\.textOffset) == [0, 0, 1])
    }

    @Test func `stop tokens end an answer and an ignored end does not`() async throws {
        let engine = scripted("a", "b")
        var stopping = request()
        stopping.stopTokenIDs = [FakeTokenizer.id("b")]
        let stopped = try await engine.generate(stopping)
        #expect(stopped.first.text == "a")
        #expect(stopped.first.stop == .token(FakeTokenizer.id("b")))
        var ignoring = request(maxTokens: 5)
        ignoring.ignoresEOS = true
        let ignored = try await engine.generate(ignoring)
        #expect(ignored.first.ids == FakeTokenizer.ids("a", "b") + [0, 0, 0])
        #expect(ignored.first.text == "ab")
        #expect(ignored.first.reason == .length)
    }

    @Test func `nothing ends an answer before its least length`() async throws {
        var short = request(stops: ["b"])
        short.minTokens = 4
        let result = try await scripted("a", "b").generate(short)
        #expect(result.first.ids.count == 5)
        #expect(!result.first.ids.dropLast().contains(FakeTokenizer.eos))
        #expect(result.first.stop == .token(FakeTokenizer.eos))
        #expect(result.first.text.hasPrefix("ab"))
    }

    @Test func `log probabilities come with each token`() async throws {
        var asking = request()
        asking.topLogprobs = 2
        let result = try await scripted("c").generate(asking)
        let token = try #require(result.first.tokens.first?.logprobs)
        #expect(token.id == FakeTokenizer.id("c"))
        #expect(token.top.map(\.id) == [FakeTokenizer.id("c"), 0])
        #expect(token.logprob == token.top[0].logprob)
    }

    @Test func `several choices have one usage and each its end`() async throws {
        let engine = GenerationEngine(model: FakeModel(), tokenizer: FakeTokenizer())
        var several = request(maxTokens: 12)
        several.sampling = SamplingParameters(seed: 3)
        several.choiceCount = 4
        let result = try await engine.generate(several)
        #expect(Set(result.choices.keys) == [0, 1, 2, 3])
        #expect(Set(result.choices.values.map(\.ids)).count == 4)
        #expect(result.choices.values.allSatisfy { $0.reason != nil })
        #expect(result.completionTokens == result.choices.values.reduce(0) { $0 + $1.ids.count })
        #expect(result.promptTokens == 3)
        several.choiceCount = 1
        #expect(try await engine.generate(several).first == result.first)
    }

    @Test func `an engine that has nothing to do sleeps`() async throws {
        let engine = scripted("a", "b")
        for _ in 0..<5 { _ = try await engine.generate(request()) }
        let statistics = engine.statistics
        #expect(statistics.wakeUps <= 11)
        #expect(statistics.finishedRequests == 5)
        #expect(statistics.generatedTokens == 15)
        #expect(statistics.runningSequences == 0)
        #expect(statistics.usedBlocks == 0)
    }
}
