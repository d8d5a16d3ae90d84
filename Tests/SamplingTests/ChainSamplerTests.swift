// SPDX-License-Identifier: Apache-2.0

import Foundation
import Sampling
import StructuredOutput
import Testing

@Suite struct ChainSamplerTests {
    /// Numbers that look random and are the same each time.
    private struct Numbers {
        var state: UInt64

        mutating func next(below limit: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % limit
        }

        mutating func next(in range: ClosedRange<Float>) -> Float {
            range.lowerBound
                + Float(next(below: 10_000)) / 9_999 * (range.upperBound - range.lowerBound)
        }
    }

    private func sampled(
        _ logits: [Float], _ parameters: SamplingParameters, history: TokenHistory? = nil,
        mask: TokenMask? = nil, state: SamplerState? = nil, position: Int = 0
    ) throws -> (token: Int32, distribution: [Int32: Double], state: SamplerState) {
        var sampler = ChainSampler(vocabularyCount: logits.count)
        var state = state ?? SamplerState(parameters.chain)
        let token = try sampler.sample(
            logits: logits.span, parameters: parameters, history: history, mask: mask,
            state: &state, seed: 7, position: position)
        return (
            token,
            Dictionary(
                uniqueKeysWithValues: sampler.distribution.map { ($0.id, $0.probability) }), state
        )
    }

    private func expectEqual(
        _ one: [Int32: Double], _ other: [Int32: Double], _ comment: Comment? = nil
    ) {
        #expect(Set(one.keys) == Set(other.keys), comment)
        for (id, probability) in one {
            #expect(abs(probability - (other[id] ?? 0)) < 1e-4, comment)
        }
    }

    /// A chain of samplers with some values each.
    private func chain(_ change: (inout SamplerChain) -> Void) -> SamplerChain {
        var chain = SamplerChain()
        change(&chain)
        return chain
    }

    // MARK: By hand

    /// Probabilities of 1/2, 1/4, 1/8, 1/16 and 1/16.
    private let halves: [Float] = [5, 4, 3, 2, 2].map { Float($0) * Float(log(2.0)) }

    @Test func `typical keeps what surprises as much as the distribution does on average`() throws {
        // The entropy is 1.875 bits: token 1 (2 bits) is the nearest, then 0 (1), then 2 (3).
        for (mass, kept) in [(Float(0.2), [1]), (0.3, [0, 1]), (0.8, [0, 1, 2])] {
            let result = try sampled(halves, .init(chain: chain { $0.typicalP = mass }))
            #expect(result.distribution.keys.sorted() == kept.map { Int32($0) })
        }
        let three = try sampled(
            halves,
            .init(
                chain: chain {
                    $0.typicalP = 0.2
                    $0.minKeep = 3
                }))
        #expect(three.distribution.keys.sorted() == [0, 1, 2])
    }

    @Test func `top-n-sigma counts standard deviations from the greatest logit`() throws {
        // The mean is 2, the deviation the square root of 2.
        let logits: [Float] = [4, 3, 2, 1, 0]
        for (count, kept) in [(Float(0.5), 1), (1, 2), (1.5, 3), (2.9, 5)] {
            let result = try sampled(logits, .init(chain: chain { $0.topNSigma = count }))
            #expect(result.distribution.count == kept)
        }
    }

    @Test func `XTC leaves out all probable tokens but the last of them`() throws {
        let excluding = chain {
            $0.xtcProbability = 1
            $0.xtcThreshold = 0.1
        }
        let result = try sampled(halves, .init(chain: excluding))
        expectEqual(result.distribution, [2: 0.5, 3: 0.25, 4: 0.25])
        let one = chain {
            $0.xtcProbability = 1
            $0.xtcThreshold = 0.4
        }
        #expect(try sampled(halves, .init(chain: one)).distribution.count == 5)
        let never = chain {
            $0.xtcProbability = 1
            $0.xtcThreshold = 0.51
        }
        #expect(try sampled(halves, .init(chain: never)).distribution.count == 5)
    }

    @Test func `XTC acts as often as it is asked to, and by the position alone`() throws {
        let parameters = SamplingParameters(chain: chain { $0.xtcProbability = 0.3 })
        let acted = try (0..<4_000).map { position in
            try sampled(halves, parameters, position: position).distribution.count == 3
        }
        #expect((1_050...1_350).contains(acted.count { $0 }))
        let again = try (0..<50).map { position in
            try sampled(halves, parameters, position: position).distribution.count == 3
        }
        #expect(again == Array(acted.prefix(50)))
    }

    @Test func `dynamic temperature is highest where all tokens are as probable`() throws {
        let dynamic = chain { $0.temperatureRange = 0.5 }
        let even = try sampled([1, 1, 1, 1], .init(temperature: 1, chain: dynamic))
        expectEqual(even.distribution, [0: 0.25, 1: 0.25, 2: 0.25, 3: 0.25])
        // Nearly all the mass on one token: the temperature is nearly 1/2.
        let sure = try sampled([30, 0], .init(temperature: 1, chain: dynamic))
        #expect(abs(log(sure.distribution[1] ?? 1) + 60) < 1)
    }

    @Test func `DRY counts the length of what would be repeated`() throws {
        // After "1 2 3", the 4 would make a repetition of three tokens one of four.
        let tokens: [Int32] = [1, 2, 3, 4, 0, 2, 3, 5, 1, 2, 3]
        var dry = DRYPenalty(multiplier: 1, base: 2, allowedLength: 2)
        func distribution(_ dry: DRYPenalty) throws -> [Int32: Double] {
            let parameters = SamplingParameters(chain: chain { $0.dry = dry })
            var history = TokenHistory(promptTokens: Array(tokens.prefix(4)), for: parameters)
            for token in tokens.dropFirst(4) { history.append(token) }
            return try sampled(
                Array(repeating: 0, count: 6), parameters, history: history
            ).distribution
        }
        // Penalties of 2 for token 4 (three tokens), and of 1 for token 5 (two tokens).
        let whole = try distribution(dry)
        #expect(abs(log(whole[0] ?? 0) - log(whole[4] ?? 0) - 2) < 1e-5)
        #expect(abs(log(whole[0] ?? 0) - log(whole[5] ?? 0) - 1) < 1e-5)
        #expect(whole[1] == whole[0] && whole[2] == whole[0] && whole[3] == whole[0])
        // A breaker between the last two tokens leaves a repetition of one.
        dry.breakers.insert(2)
        #expect(Set(try distribution(dry).values.map { Float($0) }).count == 1)
        // A token that is a breaker itself is not penalised.
        dry.breakers = SequenceBreakers()
        dry.breakers.insert(4)
        let broken = try distribution(dry)
        #expect(broken[4] == broken[0] && broken[5] != broken[0])
        // Nor does a window see what is before it.
        dry.breakers = SequenceBreakers()
        dry.window = 7
        let window = try distribution(dry)
        #expect(window[4] == window[0] && window[5] != window[0])
    }

    @Test func `penalties in a window count prompt and answer alike`() throws {
        let parameters = SamplingParameters(
            frequencyPenalty: 1, presencePenalty: 0.5, penaltyWindow: 3, chain: SamplerChain())
        var history = TokenHistory(promptTokens: [0, 0, 1, 2], for: parameters)
        history.append(2)
        // The window is 1, 2, 2.
        let result = try sampled([0, 0, 0, 0], parameters, history: history).distribution
        let base = log(result[3] ?? 0)
        #expect(abs(log(result[0] ?? 0) - base) < 1e-6)
        #expect(abs(log(result[1] ?? 0) - base + 1.5) < 1e-6)
        #expect(abs(log(result[2] ?? 0) - base + 2.5) < 1e-6)
    }

    @Test func `a temperature of 0 takes the best that the others have left`() throws {
        let excluding = chain { $0.xtcProbability = 1 }
        #expect(try sampled(halves, .init(temperature: 0, chain: excluding)).token == 2)
        var first = excluding
        first.order = [.temperature, .xtc]
        #expect(try sampled(halves, .init(temperature: 0, chain: first)).token == 0)
    }

    @Test func `a sampler that is not in the order does not act`() throws {
        var none = chain { $0.xtcProbability = 1 }
        none.order = []
        let result = try sampled(halves, .init(temperature: 0, topK: 1, chain: none))
        #expect(result.distribution.count == 5)
    }

    @Test func `mirostat 2 keeps what surprises at most by mu, and learns`() throws {
        let mirostat = chain { $0.mirostat = .init(version: 2, tau: 1.25, eta: 0.5) }
        // Mu begins at 2.5 bits: the tokens of 1/2 and 1/4 are left, as 2/3 and 1/3.
        let result = try sampled(halves, .init(chain: mirostat))
        expectEqual(result.distribution, [0: 2 / 3.0, 1: 1 / 3.0])
        let surprise = -log2(result.distribution[result.token] ?? 0)
        #expect(abs(result.state.mu - (2.5 - 0.5 * (surprise - 1.25))) < 1e-6)
    }

    @Test func `adaptive-p prefers probabilities near its target`() throws {
        let adaptive = chain { $0.adaptiveTarget = 0.25 }
        let result = try sampled(halves, .init(chain: adaptive))
        let best = result.distribution.max { $0.value < $1.value }
        #expect(best?.key == 1)
        // Distances of 0.25, 0, 0.125 and 0.1875 from the target, in widths of 0.3.
        let distances: [Double] = [0.25, 0, 0.125, 0.1875, 0.1875]
        let weights = distances.map { distance -> Double in
            let width = distance / 0.3
            return exp(5 - 10 * width * width / (1 + width))
        }
        let sum = weights.reduce(0, +)
        for (id, weight) in weights.enumerated() {
            #expect(abs((result.distribution[Int32(id)] ?? 0) - weight / sum) < 1e-5)
        }
        let original = [0.5, 0.25, 0.125, 0.0625, 0.0625][Int(result.token)]
        #expect(abs(result.state.weightedSum - (original + 0.9 * 2.5)) < 1e-5)
        #expect(abs(result.state.totalWeight - 10) < 1e-5)
    }

    // MARK: Against the reference

    private func randomChain(_ numbers: inout Numbers) -> SamplerChain {
        var chain = SamplerChain()
        for index in chain.order.indices {
            chain.order.swapAt(index, numbers.next(below: chain.order.count))
        }
        if numbers.next(below: 3) == 0 { chain.order = SamplerChain.defaultOrder }
        chain.order.removeLast(numbers.next(below: 3))
        if numbers.next(below: 2) == 0 { chain.topNSigma = numbers.next(in: 0.5...4) }
        if numbers.next(below: 2) == 0 { chain.typicalP = numbers.next(in: 0.2...1) }
        if numbers.next(below: 2) == 0 {
            chain.xtcProbability = 1
            chain.xtcThreshold = numbers.next(in: 0...0.5)
        }
        if numbers.next(below: 2) == 0 {
            chain.temperatureRange = numbers.next(in: 0...1)
            chain.temperatureExponent = numbers.next(in: 0.2...3)
        }
        chain.minKeep = [0, 0, 1, 3, 10][numbers.next(below: 5)]
        if numbers.next(below: 2) == 0 {
            chain.dry = DRYPenalty(
                multiplier: numbers.next(in: 0.1...2), base: numbers.next(in: 1...2),
                allowedLength: numbers.next(below: 4),
                window: numbers.next(below: 2) == 0 ? nil : numbers.next(below: 40))
        }
        return chain
    }

    @Test func `any chain leaves what the samplers leave one after the other`() throws {
        var numbers = Numbers(state: 1)
        for round in 0..<1_500 {
            let count = 1 + numbers.next(below: 60)
            let logits = (0..<count).map { _ in numbers.next(in: -8...8) }
            var parameters = SamplingParameters(
                temperature: numbers.next(below: 8) == 0 ? 0 : numbers.next(in: 0.3...2),
                topP: numbers.next(in: 0.3...1),
                topK: numbers.next(below: 2) == 0 ? 1 + numbers.next(below: 30) : nil,
                minP: numbers.next(below: 2) == 0 ? numbers.next(in: 0...0.3) : 0,
                frequencyPenalty: numbers.next(in: -1...1),
                repetitionPenalty: numbers.next(in: 0.8...1.5))
            var chain = randomChain(&numbers)
            var breakers: [[Int32]] = []
            if chain.dry != nil {
                for _ in 0..<numbers.next(below: 3) {
                    let breaker = (0..<1 + numbers.next(below: 2)).map { _ in
                        Int32(numbers.next(below: min(count, 6)))
                    }
                    breakers.append(breaker)
                    chain.dry?.breakers.insert(breaker[0], then: Array(breaker.dropFirst()))
                }
            }
            parameters.chain = chain
            if numbers.next(below: 2) == 0 { parameters.penaltyWindow = numbers.next(below: 20) }
            let tokens = (0..<numbers.next(below: 60)).map { _ in
                Int32(numbers.next(below: min(count, 6)))
            }
            let promptCount = tokens.count / 2
            var history = TokenHistory(
                promptTokens: Array(tokens.prefix(promptCount)), for: parameters)
            for token in tokens.dropFirst(promptCount) { history.append(token) }
            var counts: [Int32: Int] = [:]
            if let window = parameters.penaltyWindow {
                for token in tokens.suffix(window) { counts[token, default: 0] += 1 }
            } else {
                for token in tokens { counts[token] = 0 }
                for token in tokens.dropFirst(promptCount) { counts[token, default: 0] += 1 }
            }
            var reference = ReferenceChain(logits, parameters)
            reference.run(
                counts: counts, tokens: tokens, breakers: breakers,
                excludes: chain.xtcProbability > 0)
            let result = try sampled(logits, parameters, history: history)
            expectEqual(
                result.distribution, reference.distribution, "round \(round): \(parameters)")
            #expect(result.distribution[result.token] != nil)
        }
    }

    @Test(arguments: [1, 2]) func `mirostat keeps what the paper says`(version: Int) throws {
        var numbers = Numbers(state: 5)
        let count = 300
        let parameters = SamplingParameters(
            temperature: 0.8,
            chain: chain { $0.mirostat = .init(version: version, tau: 3, eta: 0.2) })
        var state = SamplerState(parameters.chain)
        #expect(state.mu == 6)
        for position in 0..<300 {
            let logits = (0..<count).map { _ in numbers.next(in: -6...6) }
            var reference = ReferenceChain(logits, parameters)
            reference.temper()
            reference.keepUnsurprising(version: version, mu: state.mu, vocabularyCount: count)
            let mu = state.mu
            let result = try sampled(logits, parameters, state: state, position: position)
            expectEqual(result.distribution, reference.distribution, "position \(position)")
            state = result.state
            let surprise = -log2(reference.distribution[result.token] ?? 0)
            #expect(abs(state.mu - (mu - 0.2 * (surprise - 3))) < 1e-3)
        }
    }

    // MARK: Laws

    @Test func `a chain that changes nothing draws from the softmax`() throws {
        let logits: [Float] = [0, 1, 2, -1, 0.5, -.infinity]
        let result = try sampled(logits, .init(temperature: 0.8, chain: SamplerChain()))
        let weights = logits.map { exp(Double($0) / 0.8) }
        let total = weights.reduce(0, +)
        #expect(result.distribution.count == 5)
        for (id, probability) in result.distribution {
            #expect(abs(probability - weights[Int(id)] / total) < 1e-6)
        }
    }

    @Test func `a mask means the same as logits of negative infinity`() throws {
        var numbers = Numbers(state: 9)
        for round in 0..<300 {
            let logits = (0..<130).map { _ in numbers.next(in: -5...5) }
            var mask = TokenMask(tokenCount: logits.count)
            for id in 0..<Int32(logits.count) where numbers.next(below: 3) > 0 { mask[id] = true }
            mask[Int32(round % 130)] = true
            let hidden = logits.enumerated().map { mask[Int32($0)] ? $1 : -.infinity }
            var parameters = SamplingParameters(temperature: 0.9, topP: 0.8, topK: 40)
            parameters.chain = randomChain(&numbers)
            parameters.chain?.dry = nil
            let masked = try sampled(logits, parameters, mask: mask, position: round)
            let plain = try sampled(hidden, parameters, position: round)
            #expect(masked.token == plain.token)
            #expect(masked.distribution == plain.distribution)
        }
    }

    @Test func `damaged logits and an empty mask are errors that name the token`() throws {
        let parameters = SamplingParameters(chain: SamplerChain())
        #expect(throws: SamplingError.invalidLogit(token: 2)) {
            try sampled([0, 1, .nan, 9], parameters)
        }
        #expect(throws: SamplingError.invalidLogit(token: 1)) {
            try sampled([0, .infinity, 4], parameters)
        }
        #expect(throws: SamplingError.noCandidate) {
            try sampled([0, 1], parameters, mask: TokenMask(tokenCount: 2))
        }
    }

    static let extremes: [SamplingParameters] = {
        func chain(_ change: (inout SamplerChain) -> Void) -> SamplerChain {
            var chain = SamplerChain()
            change(&chain)
            return chain
        }
        return [
            .init(temperature: .leastNonzeroMagnitude, chain: SamplerChain()),
            .init(temperature: .greatestFiniteMagnitude, chain: SamplerChain()),
            .init(repetitionPenalty: 1e-36, chain: SamplerChain()),
            .init(chain: chain { $0.typicalP = .leastNonzeroMagnitude }),
            .init(chain: chain { $0.topNSigma = .leastNonzeroMagnitude }),
            .init(
                temperature: 0,
                chain: chain {
                    $0.temperatureRange = 100
                    $0.temperatureExponent = -100
                }),
            .init(chain: chain { $0.mirostat = .init(version: 1, tau: 1_000, eta: 1_000) }),
            .init(chain: chain { $0.mirostat = .init(version: 2, tau: 0, eta: 1_000) }),
            .init(
                temperature: 0, chain: chain { $0.mirostat = .init(version: 1, tau: 0, eta: 0) }),
            .init(
                chain: chain {
                    $0.adaptiveTarget = 1
                    $0.adaptiveDecay = 0.99
                }),
            .init(
                chain: chain {
                    $0.dry = DRYPenalty(multiplier: 1_000, base: 1_000, allowedLength: 0)
                }),
            .init(
                chain: chain {
                    $0.xtcProbability = 1
                    $0.xtcThreshold = 0
                }),
            .init(
                logitBias: [0: .greatestFiniteMagnitude, 1: -.greatestFiniteMagnitude],
                chain: chain { $0.minKeep = .max }),
        ]
    }()

    @Test(arguments: extremes)
    func `no valid chain is an error`(parameters: SamplingParameters) throws {
        let logits: [Float] = [12, -30, 0, 1e-30, -.infinity, 3e38, -3e38, 5]
        try parameters.validate(vocabularyCount: logits.count)
        var history = TokenHistory(promptTokens: [0, 1, 2, 3, 4, 5, 6], for: parameters)
        for token in [0, 1, 1, 5, 6, 6, 0, 1, 1, 5] as [Int32] { history.append(token) }
        var sampler = ChainSampler(vocabularyCount: logits.count)
        var state = SamplerState(parameters.chain)
        for position in 0..<30 {
            let token = try sampler.sample(
                logits: logits.span, parameters: parameters, history: history, state: &state,
                seed: 3, position: position)
            #expect(token != 4)
        }
    }

    @Test func `one sampler serves requests of all kinds, by turns`() throws {
        var numbers = Numbers(state: 3)
        var shared = ChainSampler(vocabularyCount: 50)
        for position in 0..<200 {
            let logits = (0..<50).map { _ in numbers.next(in: -5...5) }
            var parameters = SamplingParameters(topP: 0.9)
            parameters.chain = randomChain(&numbers)
            var history = TokenHistory(promptTokens: [1, 2, 3, 1, 2], for: parameters)
            history.append(3)
            var state = SamplerState(parameters.chain)
            let token = try shared.sample(
                logits: logits.span, parameters: parameters, history: history, state: &state,
                seed: 7, position: position)
            let alone = try sampled(logits, parameters, history: history, position: position)
            #expect(token == alone.token)
        }
    }

    // MARK: Banned sequences

    @Test func `the last token of a banned sequence is banned where the rest was written`() {
        let parameters = SamplingParameters(bannedSequences: [[1], [2, 3], [4, 5, 6]])
        // What the prompt says does not count.
        var history = TokenHistory(promptTokens: [2], for: parameters)
        #expect(history.bannedTokens(of: parameters.bannedSequences) == [1])
        history.append(2)
        #expect(history.bannedTokens(of: parameters.bannedSequences) == [1, 3])
        history.append(4)
        history.append(5)
        #expect(history.bannedTokens(of: parameters.bannedSequences) == [1, 6])
    }
}
