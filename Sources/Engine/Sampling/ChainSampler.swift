// SPDX-License-Identifier: Apache-2.0

package import StructuredOutput

/// Chooses tokens by a chain of llama.cpp's samplers, in the order that a request asks for.
///
/// It does what ``Sampler`` does not, and costs more: only requests with a ``SamplerChain`` use it.
/// Masks and biases come before every sampler. As there, the choice depends on the logits, the
/// parameters, the history, the seed, the position, the index of the choice and what the chain
/// remembers of that choice, and on nothing else.
package struct ChainSampler {
    private var candidates: CandidateList
    private var repeated: RepeatedTokens
    private let vocabularyCount: Int

    /// Creates a sampler for rows of this many logits.
    package init(vocabularyCount: Int) {
        self.vocabularyCount = vocabularyCount
        candidates = CandidateList(capacity: vocabularyCount)
        repeated = RepeatedTokens(vocabularyCount: vocabularyCount)
    }

    /// Chooses the next token.
    ///
    /// - Parameters:
    ///   - logits: `[V]`, the model's raw output.
    ///   - parameters: how to choose; validated before, and with a chain.
    ///   - history: the tokens so far; needed only if the parameters read it.
    ///   - maskedTokens: tokens that may not be chosen.
    ///   - mask: the tokens that may be chosen, but for those; nil for all.
    ///   - state: what the chain remembers of the choice; unchanged where this throws.
    ///   - seed: of the request.
    ///   - position: of the token that is being chosen, counted from the start of the prompt.
    ///   - choice: the index of the choice within its request.
    /// - Returns: the token's id.
    /// - Throws: `SamplingError` if the logits are damaged or all are masked.
    /// - Complexity: O(V), plus the sorting of the tokens that samplers keep by rank.
    package mutating func sample(
        logits: Span<Float>, parameters: SamplingParameters, history: TokenHistory? = nil,
        maskedTokens: [Int32] = [], mask: TokenMask? = nil, state: inout SamplerState,
        seed: UInt64, position: Int, choice: Int = 0
    ) throws(SamplingError) -> Int32 {
        precondition(logits.count == vocabularyCount, "\(logits.count) logits")
        let chain = parameters.chain ?? SamplerChain()
        try collect(logits, without: maskedTokens, within: mask)
        applyBias(parameters)
        var randomness = Randomness(seed: seed, position: position, choice: choice)
        let chosen: Int
        if let mirostat = chain.mirostat {
            scaleLogits(parameters.temperature)
            chosen = sample(mirostat, &state, randomness.forToken)
        } else {
            for stage in chain.order { apply(stage, of: chain, parameters, history, &randomness) }
            chosen = sampleLast(chain, &state, randomness.forToken)
        }
        return candidates[chosen].id
    }

    /// The tokens that the last one was drawn from, with the probabilities that it was drawn by.
    package var distribution: [(id: Int32, probability: Double)] {
        (0..<candidates.count).map { (candidates[$0].id, candidates[$0].probability) }
    }

    /// The random numbers of one token.
    private struct Randomness {
        let seed: UInt64
        let position: Int
        let choice: Int

        /// How many samplers have asked for one.
        var drawCount: UInt32 = 0

        init(seed: UInt64, position: Int, choice: Int) {
            self.seed = seed
            self.position = position
            self.choice = choice
        }

        /// What the token itself is drawn by; the same as without a chain.
        var forToken: Double {
            CounterRandom.uniform(seed: seed, position: position, choice: choice)
        }

        mutating func next() -> Double {
            drawCount += 1
            return CounterRandom.uniform(
                seed: seed, position: position, choice: choice, draw: drawCount)
        }
    }

    // MARK: Logits

    /// Makes candidates of the tokens that may be chosen and whose logits are above −∞.
    private mutating func collect(
        _ logits: Span<Float>, without maskedTokens: [Int32], within mask: TokenMask?
    ) throws(SamplingError) {
        candidates.removeAll()
        if let mask {
            let words = mask.words.span
            for word in 0..<words.count {
                var bits = words[word]
                while bits != 0 {
                    let index = word << 6 + bits.trailingZeroBitCount
                    bits &= bits &- 1
                    guard index < logits.count else { break }
                    candidates.append(Int32(truncatingIfNeeded: index), logits[index])
                }
            }
        } else {
            for index in logits.indices {
                candidates.append(Int32(truncatingIfNeeded: index), logits[index])
            }
        }
        for token in maskedTokens {
            if let index = candidates.index(of: token) {
                candidates.setLogit(-.infinity, at: index)
            }
        }
        for index in 0..<candidates.count {
            let logit = candidates[index].logit
            if logit.isNaN || logit == .infinity {
                throw .invalidLogit(token: candidates[index].id)
            }
        }
        candidates.keep { $0.logit > -.infinity }
        if candidates.count == 0 { throw .noCandidate }
    }

    private mutating func applyBias(_ parameters: SamplingParameters) {
        for (token, bias) in parameters.logitBias {
            guard let index = candidates.index(of: token) else { continue }
            candidates.setLogit(Self.bounded(candidates[index].logit + bias), at: index)
        }
    }

    private static func bounded(_ logit: Float) -> Float {
        min(max(logit, -.greatestFiniteMagnitude), .greatestFiniteMagnitude)
    }

    // MARK: Samplers

    private mutating func apply(
        _ stage: SamplerChain.Stage, of chain: SamplerChain, _ parameters: SamplingParameters,
        _ history: TokenHistory?, _ randomness: inout Randomness
    ) {
        switch stage {
        case .penalties: if let history { applyPenalties(parameters, history) }
        case .dry: if let history, let dry = chain.dry { apply(dry, history) }
        case .topNSigma: keepTopSigma(chain.topNSigma)
        case .topK: if let topK = parameters.topK { candidates.keepBest { $1 >= topK } }
        case .typicalP: keepTypical(chain.typicalP, minKeep: chain.minKeep)
        case .topP: keepNucleus(parameters.topP, minKeep: chain.minKeep)
        case .minP: keepProbable(parameters.minP, minKeep: chain.minKeep)
        case .xtc: excludeTopChoices(chain, &randomness)
        case .temperature: applyTemperature(parameters.temperature, chain)
        case .adaptiveP: break
        }
    }

    private mutating func applyPenalties(_ parameters: SamplingParameters, _ history: TokenHistory)
    {
        guard parameters.hasPenalties else { return }
        func penalized(_ logit: Float, _ count: Int32) -> Float {
            let divisor = parameters.repetitionPenalty
            var value = logit > 0 ? logit / divisor : logit * divisor
            if count > 0 {
                value -= Float(count) * parameters.frequencyPenalty
                value -= parameters.presencePenalty
            }
            return Self.bounded(value)
        }
        guard candidates.isInIDOrder else {
            candidates.mapLogits { candidate in
                history.generatedCounts[candidate.id].map { penalized(candidate.logit, $0) }
                    ?? candidate.logit
            }
            return
        }
        for (token, count) in history.generatedCounts {
            guard let index = candidates.index(of: token) else { continue }
            candidates.setLogit(penalized(candidates[index].logit, count), at: index)
        }
    }

    private mutating func apply(_ dry: DRYPenalty, _ history: TokenHistory) {
        repeated.find(in: history.tokens, for: dry)
        guard !repeated.tokens.isEmpty else { return }
        let repeated = repeated
        candidates.mapLogits { candidate in
            guard let length = repeated.length(of: candidate.id) else { return candidate.logit }
            return candidate.logit - dry.penalty(ofLength: length)
        }
    }

    private mutating func keepTopSigma(_ count: Float) {
        guard count > 0, candidates.count > 1 else { return }
        var sum = 0.0
        for index in 0..<candidates.count { sum += Double(candidates[index].logit) }
        let mean = sum / Double(candidates.count)
        var squares = 0.0
        for index in 0..<candidates.count {
            let distance = Double(candidates[index].logit) - mean
            squares += distance * distance
        }
        let deviation = (squares / Double(candidates.count)).squareRoot()
        let least = Double(candidates.maximum) - Double(count) * deviation
        candidates.keep { Double($0.logit) >= least }
    }

    private mutating func keepTypical(_ mass: Float, minKeep: Int) {
        guard mass < 1 else { return }
        candidates.normalize()
        let entropy = candidates.entropy
        var sum = 0.0
        candidates.keepByKey { candidate in
            let probability = candidate.probability
            if probability < .leastNormalMagnitude { return -.infinity }
            return -abs(-PortableMath.log(probability) - entropy)
        } until: { candidate, count in
            sum += candidate.probability
            return sum > Double(mass) && count >= minKeep
        }
    }

    private mutating func keepNucleus(_ mass: Float, minKeep: Int) {
        guard mass < 1 else { return }
        candidates.normalize()
        var sum = 0.0
        candidates.keepBest { candidate, count in
            sum += candidate.probability
            return sum >= Double(mass) && count >= minKeep
        }
    }

    private mutating func keepProbable(_ fraction: Float, minKeep: Int) {
        guard fraction > 0 else { return }
        let least = Double(candidates.maximum) + PortableMath.log(Double(fraction))
        var count = 0
        for index in 0..<candidates.count where Double(candidates[index].logit) >= least {
            count += 1
        }
        if count >= max(minKeep, 1) {
            candidates.keep { Double($0.logit) >= least }
        } else {
            let kept = max(minKeep, 1)
            candidates.keepBest { $1 >= kept }
        }
    }

    /// Leaves out all candidates above a threshold but the least probable of them, now and then.
    private mutating func excludeTopChoices(_ chain: SamplerChain, _ randomness: inout Randomness) {
        guard chain.xtcProbability > 0, chain.xtcThreshold <= 0.5 else { return }
        let chance = randomness.next()
        guard candidates.count > 1, chance <= Double(chain.xtcProbability) else { return }
        candidates.normalize()
        let threshold = Double(chain.xtcThreshold)
        var aboveCount = 0
        var last: CandidateList.Candidate?
        for index in 0..<candidates.count where candidates[index].probability >= threshold {
            let candidate = candidates[index]
            aboveCount += 1
            if let last, (last.logit, -last.id) < (candidate.logit, -candidate.id) { continue }
            last = candidate
        }
        guard let last, aboveCount > 1, candidates.count - aboveCount + 1 >= chain.minKeep else {
            return
        }
        candidates.keep { $0.probability < threshold || $0.id == last.id }
    }

    private mutating func applyTemperature(_ temperature: Float, _ chain: SamplerChain) {
        guard chain.temperatureRange > 0 else { return scaleLogits(temperature) }
        guard candidates.count > 1 else { return }
        candidates.normalize()
        let greatestEntropy = PortableMath.log(Double(candidates.count))
        let share = min(max(candidates.entropy / greatestEntropy, 0), 1)
        let low = max(0, Double(temperature) - Double(chain.temperatureRange))
        let high = Double(temperature) + Double(chain.temperatureRange)
        let power = PortableMath.pow(share, Double(chain.temperatureExponent))
        // A negative exponent of no entropy gives no number to multiply with.
        scaleLogits(power.isFinite ? Float(low + (high - low) * power) : Float(high))
    }

    /// Divides the logits; a temperature of 0 leaves the greatest alone.
    private mutating func scaleLogits(_ temperature: Float) {
        if temperature == 1 { return }
        guard temperature > 0 else { return candidates.keepBest { _, _ in true } }
        // The shape is kept whatever the size of the quotients: the greatest one stays in range.
        let maximum = candidates.maximum
        let quotient = maximum / temperature
        let shift = quotient.isFinite ? 0 : maximum
        candidates.mapLogits { ($0.logit - shift) / temperature }
    }

    // MARK: Choice

    private mutating func sampleLast(
        _ chain: SamplerChain, _ state: inout SamplerState, _ uniform: Double
    ) -> Int {
        candidates.normalize()
        guard let target = chain.adaptiveTarget else { return candidates.draw(uniform) }
        let adapted = min(max(2 * Double(target) - state.weightedSum / state.totalWeight, 0), 1)
        candidates.keepProbabilitiesAsKeys()
        // A peak at the adapted target, quadratic near it and linear far from it.
        candidates.mapLogits { candidate in
            let distance = abs(candidate.probability - adapted) / 0.3
            return Float(5 - 10 * distance * distance / (1 + distance))
        }
        candidates.normalize()
        let chosen = candidates.draw(uniform)
        let decay = Double(chain.adaptiveDecay)
        state.weightedSum = candidates[chosen].key + decay * state.weightedSum
        state.totalWeight = 1 + decay * state.totalWeight
        return chosen
    }

    private mutating func sample(
        _ mirostat: SamplerChain.Mirostat, _ state: inout SamplerState, _ uniform: Double
    ) -> Int {
        candidates.normalize()
        if mirostat.version == 1 {
            keepByZipf(mu: state.mu)
        } else {
            // The best is kept whatever its surprise is.
            let least = PortableMath.exp(-state.mu * Self.ln2)
            let best = candidates.best.id
            candidates.keep { $0.probability >= least || $0.id == best }
        }
        candidates.normalize()
        let chosen = candidates.draw(uniform)
        let surprise = -PortableMath.log(candidates[chosen].probability) / Self.ln2
        state.mu -= Double(mirostat.eta) * (surprise - Double(mirostat.tau))
        return chosen
    }

    private static let ln2 = 0.6931471805599453

    /// Keeps as many of the best candidates as have, by Zipf's law, a surprise of at most mu.
    ///
    /// The exponent of the law is estimated from the first hundred.
    private mutating func keepByZipf(mu: Double) {
        let estimateCount = min(100, candidates.count)
        let allCount = candidates.count
        let vocabularyCount = vocabularyCount
        var products = 0.0
        var squares = 0.0
        var last = 0.0
        var keptCount = allCount
        candidates.keepBest { candidate, rank in
            let probability = candidate.probability
            if rank > 1, rank <= estimateCount, probability >= .leastNormalMagnitude {
                let ratio = PortableMath.log(Double(rank) / Double(rank - 1))
                products += ratio * PortableMath.log(last / probability)
                squares += ratio * ratio
            }
            last = probability
            if rank == estimateCount, squares > 0, products > 0 {
                keptCount = Self.zipfCount(
                    exponent: products / squares, mu: mu, vocabularyCount: vocabularyCount,
                    allCount: allCount)
            }
            return rank >= max(keptCount, estimateCount)
        }
        candidates.keepBest { $1 >= keptCount }
    }

    /// How many tokens a law with this exponent gives a surprise of at most mu together.
    private static func zipfCount(
        exponent: Double, mu: Double, vocabularyCount: Int, allCount: Int
    ) -> Int {
        let excess = exponent - 1
        let most = PortableMath.exp(mu * ln2)
        let size = Double(vocabularyCount)
        let base =
            abs(excess) < 1e-9
            ? most / PortableMath.log(size)
            : excess * most / (1 - PortableMath.pow(size, -excess))
        let count = PortableMath.pow(base, 1 / exponent)
        guard count < Double(allCount) else { return allCount }
        return max(Int(count), 1)
    }
}
