// SPDX-License-Identifier: Apache-2.0

import Foundation
import Sampling
import Testing

@Suite struct SamplerTests {
    /// Samples at many positions and counts the tokens.
    private func histogram(
        _ logits: [Float], _ parameters: SamplingParameters, count: Int = 20_000
    ) throws -> [Int] {
        var sampler = Sampler(vocabularyCount: logits.count)
        var counts = Array(repeating: 0, count: logits.count)
        for position in 0..<count {
            let token = try sampler.sample(
                logits: logits.span, parameters: parameters, seed: 11, position: position)
            counts[Int(token)] += 1
        }
        return counts
    }

    private func sample(
        _ logits: [Float], _ parameters: SamplingParameters, history: TokenHistory? = nil,
        maskedTokens: [Int32] = []
    ) throws -> Int32 {
        var sampler = Sampler(vocabularyCount: logits.count)
        return try sampler.sample(
            logits: logits.span, parameters: parameters, history: history,
            maskedTokens: maskedTokens, seed: 0, position: 0)
    }

    @Test func `temperature zero takes the greatest logit and of equal ones the lower id`() throws {
        #expect(try sample([0, 3, -1, 3, 2], .greedy) == 1)
        #expect(try sample([-.infinity, -5, -.infinity], .greedy) == 1)
    }

    @Test(arguments: [0, 1, 0.001] as [Float])
    func `damaged logits are an error that names the token`(temperature: Float) {
        let parameters = SamplingParameters(temperature: temperature)
        #expect(throws: SamplingError.invalidLogit(token: 2)) {
            try sample([0, 1, .nan, 9], parameters)
        }
        #expect(throws: SamplingError.invalidLogit(token: 1)) {
            try sample([0, .infinity, 4], parameters)
        }
        #expect(throws: SamplingError.noCandidate) {
            try sample([-.infinity, -.infinity], parameters)
        }
    }

    static let extremes: [SamplingParameters] = [
        .init(temperature: 0, repetitionPenalty: 1e-36), .init(repetitionPenalty: 1e-36),
        .init(repetitionPenalty: .leastNonzeroMagnitude),
        .init(repetitionPenalty: .greatestFiniteMagnitude),
        .init(temperature: 0, repetitionPenalty: .greatestFiniteMagnitude),
        .init(temperature: 1e-38, repetitionPenalty: 1e-36),
        .init(temperature: .leastNonzeroMagnitude), .init(temperature: .greatestFiniteMagnitude),
        .init(minP: 1), .init(minP: .leastNonzeroMagnitude), .init(topP: .leastNonzeroMagnitude),
        .init(topP: .leastNonzeroMagnitude, repetitionPenalty: 1e-36),
        .init(temperature: 1e-38, topP: 0.5, minP: 1, repetitionPenalty: 1e-30),
        .init(topK: 1, repetitionPenalty: 1e-36), .init(topK: 5, minP: 1),
        .init(
            frequencyPenalty: -.greatestFiniteMagnitude,
            presencePenalty: -.greatestFiniteMagnitude, repetitionPenalty: 1e-36),
        .init(
            frequencyPenalty: .greatestFiniteMagnitude,
            presencePenalty: .greatestFiniteMagnitude, repetitionPenalty: 1e-36),
        .init(
            topP: 0.9, frequencyPenalty: 2, repetitionPenalty: 1e-38,
            logitBias: [0: 100, 1: -100, 2: 100]),
        .init(logitBias: [0: .greatestFiniteMagnitude, 1: -.greatestFiniteMagnitude]),
        .init(
            temperature: 1e-38, minP: 1,
            logitBias: [0: .greatestFiniteMagnitude, 1: .greatestFiniteMagnitude]),
    ]

    @Test(arguments: extremes)
    func `no valid parameters are an error`(parameters: SamplingParameters) throws {
        let logits: [Float] = [12, -30, 0, 1e-30, -.infinity, 3e38, -3e38, 5]
        try parameters.validate(vocabularyCount: logits.count)
        var history = TokenHistory(promptTokens: [0, 1, 2, 3, 4, 5, 6])
        for token in [0, 1, 1, 5, 6, 6] as [Int32] { history.append(token) }
        var sampler = Sampler(vocabularyCount: logits.count)
        for position in 0..<20 {
            let token = try sampler.sample(
                logits: logits.span, parameters: parameters, history: history, seed: 3,
                position: position)
            #expect(token != 4)
        }
    }

    @Test func `damage stays an error in spite of penalties`() {
        let history = TokenHistory(promptTokens: [0, 1, 2])
        for damage in [Float.nan, .infinity] {
            #expect(throws: SamplingError.invalidLogit(token: 1)) {
                try sample(
                    [0, damage, 4], .init(repetitionPenalty: 2, logitBias: [1: -100]),
                    history: history)
            }
        }
    }

    @Test func `the frequencies are those of the softmax`() throws {
        let logits: [Float] = [0, 1, 2, -1, 0.5, -.infinity]
        let temperature: Float = 0.8
        let counts = try histogram(logits, .init(temperature: temperature))
        let weights = logits.map { Foundation.exp(Double($0) / Double(temperature)) }
        let total = weights.reduce(0, +)
        for (count, weight) in zip(counts, weights) {
            let expected = weight / total * 20_000
            #expect(abs(Double(count) - expected) <= 5 * expected.squareRoot())
        }
    }

    @Test func `topK keeps the best and of equal ones the lower ids`() throws {
        let counts = try histogram([1, 2, 1, 1, 2], .init(topK: 3), count: 2_000)
        #expect(counts.map { $0 > 0 } == [true, true, false, false, true])
    }

    @Test func `topP keeps the least number of tokens that reach the mass`() throws {
        // Probabilities 0.5, 0.25, 0.125, 0.125.
        let logits = [8, 4, 2, 2].map { Float(Foundation.log(Double($0))) }
        #expect(
            try histogram(logits, .init(topP: 0.4), count: 500).map { $0 > 0 } == [
                true, false, false, false,
            ])
        #expect(
            try histogram(logits, .init(topP: 0.7), count: 500).map { $0 > 0 } == [
                true, true, false, false,
            ])
        #expect(
            try histogram(logits, .init(topP: 0.8), count: 500).map { $0 > 0 } == [
                true, true, true, false,
            ])
        #expect(try histogram(logits, .init(topP: 1), count: 500).allSatisfy { $0 > 0 })
    }

    @Test func `minP is relative to the most probable token`() throws {
        let logits = [8, 4, 2, 1].map { Float(Foundation.log(Double($0))) }
        let counts = try histogram(logits, .init(minP: 0.3), count: 500)
        #expect(counts.map { $0 > 0 } == [true, true, false, false])
        #expect(try histogram(logits, .init(minP: 1), count: 500) == [500, 0, 0, 0])
    }

    @Test func `topP over a wide flat vocabulary keeps its share`() throws {
        let logits = Array(repeating: Float(0), count: 200)
        let counts = try histogram(logits, .init(topP: 0.5), count: 2_000)
        let lastKept = counts.lastIndex { $0 > 0 }
        #expect((98...100).contains((lastKept ?? 0) + 1))
    }

    @Test func `filters together keep the tokens that each of them keeps`() throws {
        let logits = [16, 8, 4, 2, 1].map { Float(Foundation.log(Double($0))) }
        let counts = try histogram(logits, .init(topP: 0.99, topK: 4, minP: 0.2), count: 2_000)
        #expect(counts.map { $0 > 0 } == [true, true, true, false, false])
    }

    @Test func `a tiny temperature does not overflow`() throws {
        #expect(try histogram([1, 1e30, -1e30], .init(temperature: 1e-30), count: 10)[1] == 10)
    }

    @Test func `bias and masks move the choice`() throws {
        #expect(try sample([0, 1, 2], .init(temperature: 0, logitBias: [0: 5])) == 0)
        #expect(try sample([0, 1, 2], .init(temperature: 0, logitBias: [2: -100])) == 1)
        #expect(try sample([0, 1, 2], .greedy, maskedTokens: [2, 1]) == 0)
        #expect(throws: SamplingError.noCandidate) {
            try sample([0, 1, 2], .init(), maskedTokens: [2, 1, 0])
        }
    }

    @Test func `penalties count what was generated and repetition also the prompt`() throws {
        var history = TokenHistory(promptTokens: [0])
        history.append(1)
        history.append(1)
        let logits: [Float] = [2, 2.5, 1.8]
        let frequency = SamplingParameters(temperature: 0, frequencyPenalty: 0.3)
        #expect(try sample(logits, frequency, history: history) == 0)
        let presence = SamplingParameters(temperature: 0, presencePenalty: 0.3)
        #expect(try sample(logits, presence, history: history) == 1)
        let repetition = SamplingParameters(temperature: 0, repetitionPenalty: 1.5)
        #expect(try sample(logits, repetition, history: history) == 2)
        #expect(try sample([-1, -9, -1.2], repetition, history: history) == 2)
    }

    @Test func `a sampler's past does not change its choices`() throws {
        var used = Sampler(vocabularyCount: 300)
        var generator = SystemRandomNumberGenerator()
        for position in 0..<200 {
            let logits = (0..<300).map { _ in Float.random(in: -4...4, using: &generator) }
            let parameters = SamplingParameters(
                topP: [1, 0.9, 0.3][position % 3], topK: [nil, 5, 100][position % 3])
            var fresh = Sampler(vocabularyCount: 300)
            let first = try fresh.sample(
                logits: logits.span, parameters: parameters, seed: 5, position: position)
            let second = try used.sample(
                logits: logits.span, parameters: parameters, seed: 5, position: position)
            #expect(first == second)
        }
    }

    @Test func `topK of the whole vocabulary equals a full sort`() throws {
        let logits = (0..<500).map { Float(($0 &* 7_919) % 97) / 10 }
        var sampler = Sampler(vocabularyCount: 500)
        let result = try sampler.logprobs(of: 3, topCount: 500, logits: logits.span)
        let expected = logits.indices.sorted {
            logits[$0] > logits[$1] || (logits[$0] == logits[$1] && $0 < $1)
        }
        #expect(result.top.map { Int($0.id) } == expected)
    }
}

@Suite struct SamplerLogprobsTests {
    @Test func `log probabilities are those of the raw softmax`() throws {
        let logits: [Float] = [0.5, -1, 2, 2, -.infinity]
        var sampler = Sampler(vocabularyCount: 5)
        let total = logits.map { Foundation.exp(Double($0)) }.reduce(0, +)
        let result = try sampler.logprobs(of: 0, topCount: 2, logits: logits.span)
        #expect(abs(result.logprob - (0.5 - Foundation.log(total))) < 1e-12)
        #expect(result.top.map(\.id) == [2, 3])
        #expect(abs(result.top[1].logprob - (2 - Foundation.log(total))) < 1e-12)
        #expect(try sampler.logprobs(of: 4, topCount: 0, logits: logits.span).logprob == -.infinity)
    }

    @Test func `large logits do not overflow`() throws {
        var sampler = Sampler(vocabularyCount: 2)
        let logits: [Float] = [3e38, 3e38]
        let result = try sampler.logprobs(of: 1, topCount: 1, logits: logits.span)
        #expect(result.top.map(\.id) == [0])
    }

    @Test func `damaged logits are an error`() {
        var sampler = Sampler(vocabularyCount: 2)
        let logits: [Float] = [0, .nan]
        #expect(throws: SamplingError.invalidLogit(token: 1)) {
            try sampler.logprobs(of: 0, topCount: 1, logits: logits.span)
        }
    }
}
