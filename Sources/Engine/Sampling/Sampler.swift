// SPDX-License-Identifier: Apache-2.0

/// Chooses tokens from logits.
///
/// The choice depends on the logits, the parameters, the history, the seed, the position and the
/// index of the choice, and on nothing else. All arithmetic is IEEE 754 in a fixed order; equal
/// logits are ordered by the lower id. The scratch memory is allocated once.
package struct Sampler {
    private var adjusted: [Float]
    private var weights: [Float]
    private var exponentials: [Double]
    private var heap = CandidateHeap()
    private var histogram = WeightHistogram()

    /// Creates a sampler for rows of this many logits.
    package init(vocabularyCount: Int) {
        adjusted = Array(repeating: 0, count: vocabularyCount)
        weights = Array(repeating: 0, count: vocabularyCount)
        exponentials = Array(repeating: 0, count: vocabularyCount)
    }

    /// Chooses the next token.
    ///
    /// - Parameters:
    ///   - logits: `[V]`, the model's raw output.
    ///   - parameters: how to choose; validated before.
    ///   - history: the tokens so far; needed only if the parameters have penalties.
    ///   - maskedTokens: tokens that may not be chosen.
    ///   - seed: of the request.
    ///   - position: of the token that is being chosen, counted from the start of the prompt.
    ///   - choice: the index of the choice within its request.
    /// - Returns: the token's id.
    /// - Throws: `SamplingError` if the logits are damaged or all are masked.
    /// - Complexity: O(V), plus the sorting of the tokens that `topK` or `topP` keep.
    package mutating func sample(
        logits: Span<Float>, parameters: SamplingParameters, history: TokenHistory? = nil,
        maskedTokens: [Int32] = [], seed: UInt64, position: Int, choice: Int = 0
    ) throws(SamplingError) -> Int32 {
        precondition(logits.count == adjusted.count, "\(logits.count) logits of \(adjusted.count)")
        let isAdjusted =
            parameters.hasPenalties || !parameters.logitBias.isEmpty || !maskedTokens.isEmpty
        if !isAdjusted, parameters.temperature == 0 { return try Self.argmax(logits) }

        copy(logits)
        if isAdjusted { adjust(parameters, history: history, maskedTokens: maskedTokens) }
        let best = try Self.argmax(adjusted.span)
        if parameters.temperature == 0 { return best }

        let uniform = CounterRandom.uniform(seed: seed, position: position, choice: choice)
        return choose(parameters, maximum: adjusted[Int(best)], uniform: uniform)
    }

    private mutating func copy(_ logits: Span<Float>) {
        var adjusted = adjusted.mutableSpan
        for index in 0..<min(logits.count, adjusted.count) { adjusted[index] = logits[index] }
    }

    /// The index of the greatest value, the lowest of several.
    private static func argmax(_ values: Span<Float>) throws(SamplingError) -> Int32 {
        var best = -Float.infinity
        var bestIndex: Int?
        for index in values.indices {
            let value = values[index]
            if value > best {
                best = value
                bestIndex = index
            } else if value.isNaN {
                throw .invalidLogit(token: Int32(truncatingIfNeeded: index))
            }
        }
        guard let bestIndex else { throw .noCandidate }
        if best == .infinity { throw .invalidLogit(token: Int32(truncatingIfNeeded: bestIndex)) }
        return Int32(truncatingIfNeeded: bestIndex)
    }

    /// Applies bias, mask and penalties; each token's logit changes by itself, in any order.
    ///
    /// What they make too great or too small for a float becomes the greatest or least there is, for
    /// it is not the model's fault: only logits that were damaged before remain so.
    private mutating func adjust(
        _ parameters: SamplingParameters, history: TokenHistory?, maskedTokens: [Int32]
    ) {
        for (token, bias) in parameters.logitBias where Int(token) < adjusted.count {
            let value = adjusted[Int(token)]
            adjusted[Int(token)] = Self.bounded(value + bias, from: value)
        }
        if parameters.hasPenalties, let history {
            for (token, count) in history.generatedCounts where Int(token) < adjusted.count {
                var value = adjusted[Int(token)]
                value =
                    value > 0
                    ? value / parameters.repetitionPenalty : value * parameters.repetitionPenalty
                if count > 0 {
                    value -= Float(count) * parameters.frequencyPenalty
                    value -= parameters.presencePenalty
                }
                adjusted[Int(token)] = Self.bounded(value, from: adjusted[Int(token)])
            }
        }
        for token in maskedTokens where Int(token) < adjusted.count {
            adjusted[Int(token)] = -.infinity
        }
    }

    /// What became of a logit; a finite one stays finite.
    private static func bounded(_ value: Float, from logit: Float) -> Float {
        if value.isFinite || !logit.isFinite { return value }
        return value > 0 ? .greatestFiniteMagnitude : -.greatestFiniteMagnitude
    }

    // MARK: Choice

    /// Draws from the tempered distribution of the adjusted logits, cut by minP, topK and topP.
    ///
    /// - Parameters:
    ///   - parameters: with a temperature above 0.
    ///   - maximum: the greatest adjusted logit, finite.
    ///   - uniform: a random number in `[0, 1)`.
    /// - Returns: a token whose weight is above 0.
    private mutating func choose(
        _ parameters: SamplingParameters, maximum: Float, uniform: Double
    ) -> Int32 {
        let values = adjusted
        let scale = min(1 / parameters.temperature, .greatestFiniteMagnitude)
        let threshold = Self.threshold(parameters, maximum: maximum)

        if let topK = parameters.topK, topK < values.count {
            heap.select(topK, from: values.span, threshold: threshold)
            return draw(
                uniform, topP: parameters.topP, total: nil, maximum: maximum, scale: scale)
        }
        let total = weigh(values, maximum: maximum, scale: scale, threshold: threshold)
        if parameters.topP == 1 { return drawFromAll(uniform * total) }

        selectNucleus(
            values, mass: Double(parameters.topP) * total, maximum: maximum, scale: scale)
        return draw(uniform, topP: parameters.topP, total: total, maximum: maximum, scale: scale)
    }

    /// The least logit that `minP` keeps.
    private static func threshold(_ parameters: SamplingParameters, maximum: Float) -> Float {
        if parameters.minP == 0 { return -.infinity }
        let distance = PortableMath.log(Double(parameters.minP)) * Double(parameters.temperature)
        return min(Float(Double(maximum) + distance), maximum)
    }

    /// Fills `weights` with every token's unnormalised probability and returns their sum.
    ///
    /// The loop is free of branches so that it becomes vector instructions.
    private mutating func weigh(
        _ values: [Float], maximum: Float, scale: Float, threshold: Float
    ) -> Double {
        let values = values.span
        var weights = weights.mutableSpan
        for index in 0..<min(values.count, weights.count) {
            let value = values[index]
            let weight = PortableMath.exp((value - maximum) * scale)
            weights[index] = value >= threshold ? weight : 0
        }
        var total = 0.0
        for index in 0..<weights.count { total += Double(weights[index]) }
        return total
    }

    /// Makes the heap hold, in order, at least the tokens that it takes to reach the mass.
    private mutating func selectNucleus(
        _ values: [Float], mass: Double, maximum: Float, scale: Float
    ) {
        let weights = weights
        let nucleus = histogram.nucleus(
            of: values.span, weights: weights.span, maximum: maximum, scale: scale, mass: mass)
        heap.select(nucleus.count, from: values.span, threshold: nucleus.threshold)
    }

    /// Draws from the sorted candidates, of which it takes those that hold `topP` of the total.
    ///
    /// The total is the weight of all tokens; nil stands for that of the candidates.
    private mutating func draw(
        _ uniform: Double, topP: Float, total: Double?, maximum: Float, scale: Float
    ) -> Int32 {
        let candidates = heap.candidates
        var sum = 0.0
        for index in candidates.indices {
            weights[index] = PortableMath.exp((candidates[index].value - maximum) * scale)
            sum += Double(weights[index])
        }
        let mass = Double(topP) * (total ?? sum)
        var count = 0
        var kept = 0.0
        while count < candidates.count {
            kept += Double(weights[count])
            count += 1
            if kept >= mass { break }
        }
        let target = uniform * kept
        sum = 0
        var chosen = 0
        for index in 0..<count where weights[index] > 0 {
            chosen = index
            sum += Double(weights[index])
            if target < sum { break }
        }
        return candidates[chosen].id
    }

    /// Draws from all tokens, in the order of their ids.
    private func drawFromAll(_ target: Double) -> Int32 {
        var sum = 0.0
        var chosen = 0
        for index in weights.indices where weights[index] > 0 {
            chosen = index
            sum += Double(weights[index])
            if target < sum { break }
        }
        return Int32(truncatingIfNeeded: chosen)
    }

    // MARK: Log probabilities

    /// What the model thought of a token, by the log-softmax of its raw logits in double precision.
    ///
    /// - Parameters:
    ///   - token: the token that was chosen, or that follows in the prompt.
    ///   - topCount: how many of the most probable tokens to report.
    ///   - logits: `[V]`, before any bias, penalty or temperature.
    /// - Returns: the token's log probability and the best tokens.
    /// - Throws: `SamplingError` if the logits are damaged or all are masked.
    package mutating func logprobs(
        of token: Int32, topCount: Int, logits: Span<Float>
    ) throws(SamplingError) -> TokenLogprobs {
        precondition(token >= 0 && Int(token) < logits.count, "token \(token) of \(logits.count)")
        let own = logits[Int(token)]
        var maximum = -Float.infinity
        for index in logits.indices {
            let value = logits[index]
            if value.isNaN || value == .infinity {
                throw .invalidLogit(token: Int32(truncatingIfNeeded: index))
            }
            if value > maximum { maximum = value }
        }
        guard maximum > -.infinity else { throw .noCandidate }

        let sum = sumOfExponentials(logits, maximum: Double(maximum))
        let normalizer = Double(maximum) + PortableMath.log(sum)
        heap.select(min(topCount, logits.count), from: logits)
        let top = heap.candidates.map {
            TokenLogprob(id: $0.id, logprob: Double($0.value) - normalizer)
        }
        return TokenLogprobs(id: token, logprob: Double(own) - normalizer, top: top)
    }

    /// The sum of `exp(x − maximum)`, which is at least 1, in the order of the ids.
    private mutating func sumOfExponentials(_ logits: Span<Float>, maximum: Double) -> Double {
        var exponentials = exponentials.mutableSpan
        for index in 0..<min(logits.count, exponentials.count) {
            exponentials[index] = PortableMath.exp(Double(logits[index]) - maximum)
        }
        var sum = 0.0
        for index in 0..<exponentials.count { sum += exponentials[index] }
        return sum
    }
}
