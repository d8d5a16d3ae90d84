// SPDX-License-Identifier: Apache-2.0

import Sampling
import StructuredOutput
import Testing

/// A mask means the same as logits of −∞ for the tokens that it leaves out.
@Suite struct MaskedSamplerTests {
    private static let parameters: [SamplingParameters] = [
        .greedy, .init(), .init(temperature: 0.3), .init(topP: 0.9), .init(topP: 0.3, topK: 40),
        .init(topK: 3), .init(topK: 5, minP: 0.2), .init(minP: 0.1),
        .init(temperature: 0, frequencyPenalty: 0.7, presencePenalty: 0.4, repetitionPenalty: 1.3),
        .init(topP: 0.8, repetitionPenalty: 0.6, logitBias: [1: 6, 70: -100, 130: 3, 299: 4]),
        .init(temperature: 0, logitBias: [5: 9, 64: 9, 298: -5]),
    ]

    /// Every so many tokens, or all but those.
    private func mask(_ stride: Int, inverted: Bool, of count: Int) -> TokenMask {
        var mask = TokenMask(tokenCount: count)
        for token in 0..<count where (token % stride == 0) != inverted {
            mask[Int32(token)] = true
        }
        return mask
    }

    @Test(arguments: parameters, [(1, false), (2, false), (2, true), (7, false), (9, true)])
    func `a mask equals logits of nothing`(
        parameters: SamplingParameters, kind: (stride: Int, inverted: Bool)
    ) throws {
        let count = 300
        var sampler = Sampler(vocabularyCount: count)
        var plain = Sampler(vocabularyCount: count)
        var history = TokenHistory(promptTokens: [0, 7, 64, 150])
        for token in [1, 1, 9, 128, 299] as [Int32] { history.append(token) }
        var generator = SystemRandomNumberGenerator()
        let mask = mask(kind.stride, inverted: kind.inverted, of: count)
        for position in 0..<60 {
            let logits = (0..<count).map { _ in Float.random(in: -5...5, using: &generator) }
            var hidden = logits
            for token in 0..<count where !mask[Int32(token)] { hidden[token] = -.infinity }
            let expected = try plain.sample(
                logits: hidden.span, parameters: parameters, history: history,
                maskedTokens: [9, 14], seed: 4, position: position)
            // What is left out does no harm, even if it is damaged.
            var damaged = logits
            for token in 0..<count where !mask[Int32(token)] && token % 5 == 0 {
                damaged[token] = .nan
            }
            for logits in [logits, damaged] {
                let token = try sampler.sample(
                    logits: logits.span, parameters: parameters, history: history,
                    maskedTokens: [9, 14], mask: mask, seed: 4, position: position)
                #expect(token == expected)
            }
        }
    }

    @Test(arguments: parameters)
    func `the only token that is left is chosen`(parameters: SamplingParameters) throws {
        let logits = (0..<200).map { Float($0 % 13) }
        var sampler = Sampler(vocabularyCount: logits.count)
        for token in [0, 63, 64, 70, 127, 199] as [Int32] {
            var mask = TokenMask(tokenCount: logits.count)
            mask[token] = true
            #expect(
                try sampler.sample(
                    logits: logits.span, parameters: parameters, mask: mask, seed: 1, position: 2)
                    == token)
        }
    }

    @Test(arguments: parameters)
    func `a mask that allows nothing is an error and no more`(
        parameters: SamplingParameters
    ) throws {
        let logits: [Float] = [1, 2, 3, -.infinity]
        var sampler = Sampler(vocabularyCount: logits.count)
        var mask = TokenMask(tokenCount: logits.count)
        #expect(throws: SamplingError.noCandidate) {
            try sampler.sample(
                logits: logits.span, parameters: parameters, mask: mask, seed: 0, position: 0)
        }
        mask[3] = true
        #expect(throws: SamplingError.noCandidate) {
            try sampler.sample(
                logits: logits.span, parameters: parameters, mask: mask, seed: 0, position: 0)
        }
        mask[1] = true
        #expect(throws: SamplingError.noCandidate) {
            try sampler.sample(
                logits: logits.span, parameters: parameters, maskedTokens: [1], mask: mask, seed: 0,
                position: 0)
        }
    }

    @Test func `damage of an allowed token names it`() {
        var logits = Array(repeating: Float(1), count: 200)
        logits[130] = .nan
        var sampler = Sampler(vocabularyCount: logits.count)
        for parameters in [SamplingParameters.greedy, .init(), .init(logitBias: [2: 1])] {
            for (stride, inverted) in [(130, false), (7, true)] {
                #expect(throws: SamplingError.invalidLogit(token: 130)) {
                    try sampler.sample(
                        logits: logits.span, parameters: parameters,
                        mask: mask(stride, inverted: inverted, of: 200), seed: 0, position: 0)
                }
            }
        }
    }

    @Test(arguments: [40, 64, 100, 128, 150])
    func `a mask of another size than the vocabulary allows what both know`(
        tokenCount: Int
    ) throws {
        let logits = (0..<100).map { Float($0) }
        var sampler = Sampler(vocabularyCount: logits.count)
        var mask = TokenMask(tokenCount: tokenCount)
        for token in 0..<Int32(tokenCount) { mask[token] = true }
        let biased = SamplingParameters(temperature: 0, logitBias: [0: 1])
        for parameters in [SamplingParameters.greedy, biased] {
            #expect(
                try sampler.sample(
                    logits: logits.span, parameters: parameters, mask: mask, seed: 0, position: 0)
                    == Int32(min(tokenCount, 100) - 1))
        }
        #expect(mask.count(below: 70) == min(tokenCount, 70))
    }
}
