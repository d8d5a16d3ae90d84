// SPDX-License-Identifier: Apache-2.0

import Generation
import Sampling
import Testing

@Suite struct ThinkingBudgetTests {
    private let open = FakeTokenizer.ids("!", "?")
    private let close = FakeTokenizer.ids(".", ",", "|")

    /// Opens its thinking and thinks of `a`, without an end; after it says `b` and ends.
    private func engine(thinking count: Int = 1_000) -> GenerationEngine {
        let (open, close) = (open, close)
        return GenerationEngine(
            model: FakeModel(logits: { prefix in
                var row = Array(repeating: Float(0), count: FakeTokenizer.vocabularyCount)
                var next = FakeTokenizer.id("a")
                let answer = Array(prefix.dropFirst(2))
                if answer.count < open.count {
                    next = open[answer.count]
                } else if answer.suffix(3) == close[...] {
                    next = FakeTokenizer.id("b")
                } else if answer.last == FakeTokenizer.id("b") {
                    next = FakeTokenizer.eos
                } else if answer.count >= open.count + count {
                    next = close[min(answer.count - open.count - count, 2)]
                }
                row[Int(next)] = 9
                return row
            }), tokenizer: FakeTokenizer())
    }

    private func request(_ limit: Int, startsOpen: Bool = false) -> GenerationRequest {
        var request = GenerationRequest(
            promptTokens: FakeTokenizer.ids("x", "y"), sampling: .greedy, maxTokens: 30)
        request.thinkingBudget = ThinkingBudget(
            openTokens: open, closeTokens: close, tokenLimit: limit, startsOpen: startsOpen)
        return request
    }

    @Test(arguments: [0, 1, 5])
    func `thinking ends when its budget is used up`(limit: Int) async throws {
        let result = try await engine().generate(request(limit)).first
        #expect(result.text == "!?" + String(repeating: "a", count: limit) + ".,|b")
        #expect(result.reason == .stop)
    }

    @Test func `thinking that ends in time is left alone`() async throws {
        let result = try await engine(thinking: 5).generate(request(6)).first
        #expect(result.text == "!?aaaaa.,|b")
    }

    @Test(arguments: [4, 5])
    func `an end that has begun is not written twice`(limit: Int) async throws {
        // The budget is used up while the model writes the end itself.
        let result = try await engine(thinking: 4).generate(request(limit)).first
        #expect(result.text == "!?aaaa.,|b")
    }

    @Test func `thinking that the prompt has begun counts from the first token`() async throws {
        let result = try await engine().generate(request(1, startsOpen: true)).first
        #expect(result.text.hasPrefix("!.,|b"))
    }

    @Test func `the end comes with log probabilities where they are asked for`() async throws {
        var asking = request(2)
        asking.topLogprobs = 1
        let result = try await engine().generate(asking).first
        #expect(result.text == "!?aa.,|b")
        #expect(result.tokens.allSatisfy { $0.logprobs?.id == $0.id })
    }

    @Test func `a constraint decides where thinking may end`() async throws {
        var held = request(1)
        held.constraint = RuleConstraint(
            .init(following: { [open, close] tokens in
                let script = open + FakeTokenizer.ids("a", "a", "a") + close
                if tokens.count == script.count { return [FakeTokenizer.eos] }
                let next = script[tokens.count]
                return next == FakeTokenizer.id("a") ? [next, FakeTokenizer.id("c")] : [next]
            }))
        #expect(try await engine().generate(held).first.text == "!?aaa.,|")
    }

    @Test func `tokens that do not exist are refused`() async throws {
        var foreign = request(3)
        foreign.thinkingBudget?.closeTokens = [900]
        await #expect(throws: SubmissionError.self) { try await engine().generate(foreign) }
        foreign.thinkingBudget?.closeTokens = []
        await #expect(throws: SubmissionError.self) { try await engine().generate(foreign) }
    }
}
