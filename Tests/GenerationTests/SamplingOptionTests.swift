// SPDX-License-Identifier: Apache-2.0

import Generation
import Sampling
import StructuredOutput
import Testing

/// What a request asks of sampling besides the distribution, through the engine.
@Suite struct SamplingOptionTests {
    private func engine(
        logits: @escaping @Sendable ([Int32]) -> [Float] = FakeModel.random
    ) -> GenerationEngine {
        GenerationEngine(model: FakeModel(logits: logits), tokenizer: FakeTokenizer())
    }

    private func request(
        _ sampling: SamplingParameters, maxTokens: Int? = 40
    ) -> GenerationRequest {
        var request = GenerationRequest(
            promptTokens: [2, 3], sampling: sampling, maxTokens: maxTokens, ignoresEOS: true)
        request.sampling.seed = 5
        return request
    }

    @Test func `only allowed tokens come`() async throws {
        let allowed: [Int32] = [4, 9, 11]
        let ids = try await engine().generate(
            request(.init(allowedTokens: allowed))
        ).first.ids
        #expect(ids.count == 40)
        #expect(Set(ids).isSubset(of: allowed))
        #expect(Set(ids).count == 3)
    }

    @Test func `a banned sequence never comes, its beginning does`() async throws {
        let plain = try await engine().generate(request(.init(allowedTokens: [4, 9]))).first.ids
        #expect(zip(plain, plain.dropFirst()).contains { $0 == (4, 9) })
        let ids = try await engine().generate(
            request(.init(allowedTokens: [4, 9], bannedSequences: [[4, 9]]))
        ).first.ids
        #expect(!zip(ids, ids.dropFirst()).contains { $0 == (4, 9) })
        #expect(ids.contains(4))
    }

    @Test func `an answer ends where nothing may follow`() async throws {
        let result = try await engine().generate(
            request(.init(allowedTokens: [4], bannedSequences: [[4, 4]]))
        ).first
        #expect(result.ids == [4])
        #expect(result.reason == .stop && result.stop == nil)
    }

    @Test func `an end comes in spite of the least length if nothing else may`() async throws {
        var short = request(.init(allowedTokens: [FakeTokenizer.eos]))
        short.ignoresEOS = false
        short.minTokens = 5
        let result = try await engine().generate(short).first
        #expect(result.ids == [FakeTokenizer.eos])
        #expect(result.reason == .stop)
    }

    @Test func `a repetition is what the request says it is`() async throws {
        // A cycle of three tokens.
        let engine = engine { prefix in
            var row = Array(repeating: Float(0), count: FakeTokenizer.vocabularyCount)
            row[5 + prefix.count % 3] = 9
            return row
        }
        var repeated = request(.greedy)
        repeated.repetitionLimit = RepetitionLimit(
            maxPatternSize: 5, minPatternSize: 2, minCount: 4)
        let result = try await engine.generate(repeated).first
        #expect(result.ids.count == 12)
        #expect(result.reason == .repetition)
        repeated.repetitionLimit?.maxPatternSize = 2
        #expect(try await engine.generate(repeated).first.reason == .length)
        repeated.repetitionLimit = RepetitionLimit(
            maxPatternSize: 9, minPatternSize: 4, minCount: 2)
        // Six tokens are two cycles of three, too.
        #expect(try await engine.generate(repeated).first.ids.count == 12)
        repeated.minTokens = 20
        #expect(try await engine.generate(repeated).first.ids.count == 20)
    }

    @Test func `named tokens are told after the token itself`() async throws {
        var named = request(.greedy, maxTokens: 3)
        named.topLogprobs = 0
        named.logprobTokenIDs = [7, 3]
        let tokens = try await engine().generate(named).first.tokens
        for token in tokens {
            let logprobs = try #require(token.logprobs)
            #expect(logprobs.top.map(\.id) == [token.id, 7, 3])
            #expect(logprobs.top.first?.logprob == logprobs.logprob)
        }
        named.topLogprobs = 2
        let more = try await engine().generate(named).first.tokens
        #expect(more.allSatisfy { $0.logprobs?.top.map(\.id).suffix(2) == [7, 3] })
        #expect(more.allSatisfy { $0.logprobs?.top.count == 4 })
        named.logprobTokenIDs = [1_000]
        #expect(throws: SubmissionError.self) { try engine().submit(named) }
    }

    @Test func `choices have mirostats of their own`() async throws {
        var chain = SamplerChain()
        chain.mirostat = .init(version: 2, tau: 2, eta: 0.5)
        var several = request(.init(chain: chain))
        several.choiceCount = 3
        let together = try await engine().generate(several)
        #expect(Set(together.choices.values.map(\.ids)).count == 3)
        var one = several
        one.choiceCount = 1
        #expect(try await engine().generate(one).first.ids == together.first.ids)
    }

    @Test func `mirostat goes back with the answer at a dead end`() async throws {
        var chain = SamplerChain()
        chain.mirostat = .init(version: 2, tau: 2, eta: 0.5)
        var request = request(.init(chain: chain), maxTokens: 12)
        request.ignoresEOS = false
        let letters = [FakeTokenizer.id("a"), FakeTokenizer.id("b"), FakeTokenizer.id("c")]
        // Nothing is certain, and whoever says a is in a dead end.
        let rule = RuleConstraint.Rule(
            following: { $0.contains(letters[0]) ? [] : letters }, isProvisional: { _ in true })
        request.constraint = RuleConstraint(rule)
        let result = try await engine().generate(request).first

        var sampler = ChainSampler(vocabularyCount: FakeTokenizer.vocabularyCount)
        var state = SamplerState(chain)
        var expected: [Int32] = []
        var deadEndCount = 0
        while expected.count < 12 {
            let logits = FakeModel.random(request.promptTokens + expected)
            func next(of allowed: ArraySlice<Int32>) throws -> (token: Int32, state: SamplerState) {
                var mask = TokenMask(tokenCount: logits.count)
                for letter in allowed { mask[letter] = true }
                var next = state
                let token = try sampler.sample(
                    logits: logits.span, parameters: request.sampling, mask: mask, state: &next,
                    seed: 5, position: request.promptTokens.count + expected.count)
                return (token, next)
            }
            var chosen = try next(of: letters[...])
            if chosen.token == letters[0] {
                deadEndCount += 1
                chosen = try next(of: letters[1...])
            }
            expected.append(chosen.token)
            state = chosen.state
        }
        #expect(deadEndCount > 1)
        #expect(result.ids == expected)
        #expect(result.reason == .length)
    }
}
