// SPDX-License-Identifier: Apache-2.0

package import StructuredOutput

/// Chooses tokens from logits.
///
/// The choice depends on the logits, the parameters, the history, the seed, the position and the
/// index of the choice, and on nothing else. All arithmetic is IEEE 754 in a fixed order; equal
/// logits are ordered by the lower id. The scratch memory is allocated once.
///
/// A mask means the same as logits of −∞ for the tokens that it leaves out, to the last bit, and
/// damaged logits of those tokens do no harm.
package struct Sampler {
    private var adjusted: [Float]
    private var weights: [Float]
    private var exponentials: [Double]

    /// The tokens of a mask that leaves out many, in order.
    ///
    /// `adjusted` has the logits of these alone then, and there is a count of them.
    private var ids: [Int32]
    private var gatheredCount: Int?

    private var heap = CandidateHeap()
    private var histogram = WeightHistogram()

    /// Creates a sampler for rows of this many logits.
    package init(vocabularyCount: Int) {
        adjusted = Array(repeating: 0, count: vocabularyCount)
        weights = Array(repeating: 0, count: vocabularyCount)
        exponentials = Array(repeating: 0, count: vocabularyCount)
        ids = Array(repeating: 0, count: vocabularyCount)
    }

    /// Chooses the next token.
    ///
    /// - Parameters:
    ///   - logits: `[V]`, the model's raw output.
    ///   - parameters: how to choose; validated before.
    ///   - history: the tokens so far; needed only if the parameters have penalties.
    ///   - maskedTokens: tokens that may not be chosen.
    ///   - mask: the tokens that may be chosen, but for those; nil for all.
    ///   - seed: of the request.
    ///   - position: of the token that is being chosen, counted from the start of the prompt.
    ///   - choice: the index of the choice within its request.
    /// - Returns: the token's id.
    /// - Throws: `SamplingError` if the logits are damaged or all are masked.
    /// - Complexity: O(V), or O(V / 64 + allowed tokens) where a mask leaves out an eighth or more;
    ///   plus the sorting of the tokens that `topK` or `topP` keep.
    package mutating func sample(
        logits: Span<Float>, parameters: SamplingParameters, history: TokenHistory? = nil,
        maskedTokens: [Int32] = [], mask: TokenMask? = nil, seed: UInt64, position: Int,
        choice: Int = 0
    ) throws(SamplingError) -> Int32 {
        precondition(logits.count == adjusted.count, "\(logits.count) logits of \(adjusted.count)")
        let isAdjusted =
            parameters.hasPenalties || !parameters.logitBias.isEmpty || !maskedTokens.isEmpty
        let isMasked = mask.map { $0.count(below: logits.count) < logits.count } ?? false
        if !isAdjusted, parameters.temperature == 0 {
            guard isMasked, let mask else { return try Self.argmax(logits) }
            return try Self.argmax(logits, allowed: mask.words.span)
        }

        gatheredCount = nil
        if isMasked, let mask { take(logits, mask) } else { copy(logits) }
        if isAdjusted { adjust(parameters, history: history, maskedTokens: maskedTokens) }
        let count = gatheredCount ?? adjusted.count
        let best: Int32
        do {
            best = try Self.argmax(adjusted.span.extracting(0..<count))
        } catch .invalidLogit(let index) {
            throw .invalidLogit(token: token(at: Int(index)))
        }
        if parameters.temperature == 0 { return token(at: Int(best)) }

        let uniform = CounterRandom.uniform(seed: seed, position: position, choice: choice)
        let chosen = choose(
            parameters, count: count, maximum: adjusted[Int(best)], uniform: uniform)
        return token(at: Int(chosen))
    }

    /// The id of a token by its place in `adjusted`.
    private func token(at index: Int) -> Int32 {
        gatheredCount == nil ? Int32(truncatingIfNeeded: index) : ids[index]
    }

    /// The place of a token in `adjusted`; nil where it is not there.
    private func index(of token: Int32) -> Int? {
        guard let gatheredCount else { return Int(token) < adjusted.count ? Int(token) : nil }
        var low = 0
        var high = gatheredCount
        while low < high {
            let middle = (low + high) / 2
            if ids[middle] < token { low = middle + 1 } else { high = middle }
        }
        return low < gatheredCount && ids[low] == token ? low : nil
    }

    /// Takes the logits of the tokens that a mask allows: alone, or if they are nearly all, among the
    /// others, which become −∞.
    private mutating func take(_ logits: Span<Float>, _ mask: TokenMask) {
        let words = mask.words.span
        if mask.count(below: logits.count) <= logits.count / 8 * 7 {
            gather(logits, words)
        } else {
            copy(logits)
            hide(words)
        }
    }

    private mutating func gather(_ logits: Span<Float>, _ words: Span<UInt64>) {
        let count = gatherIDs(words)
        let ids = ids
        var adjusted = adjusted.mutableSpan
        for index in 0..<count { adjusted[index] = logits[Int(ids[index])] }
        gatheredCount = count
    }

    private mutating func gatherIDs(_ words: Span<UInt64>) -> Int {
        var ids = ids.mutableSpan
        var count = 0
        for word in 0..<words.count {
            var bits = words[word]
            while bits != 0 {
                let index = word << 6 + bits.trailingZeroBitCount
                bits &= bits &- 1
                guard index < ids.count else { return count }
                ids[count] = Int32(truncatingIfNeeded: index)
                count += 1
            }
        }
        return count
    }

    private mutating func hide(_ words: Span<UInt64>) {
        var adjusted = adjusted.mutableSpan
        for start in stride(from: 0, to: adjusted.count, by: 64) {
            let word = start >> 6
            var bits = word < words.count ? ~words[word] : .max
            while bits != 0 {
                let index = start + bits.trailingZeroBitCount
                bits &= bits &- 1
                guard index < adjusted.count else { break }
                adjusted[index] = -.infinity
            }
        }
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

    /// The index of the greatest of the allowed values, the lowest of several.
    private static func argmax(
        _ values: Span<Float>, allowed words: Span<UInt64>
    ) throws(SamplingError) -> Int32 {
        var best = -Float.infinity
        var bestIndex: Int?
        for word in 0..<words.count {
            var bits = words[word]
            while bits != 0 {
                let index = word << 6 + bits.trailingZeroBitCount
                bits &= bits &- 1
                guard index < values.count else { break }
                let value = values[index]
                if value > best {
                    best = value
                    bestIndex = index
                } else if value.isNaN {
                    throw .invalidLogit(token: Int32(truncatingIfNeeded: index))
                }
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
        for (token, bias) in parameters.logitBias {
            guard let index = index(of: token) else { continue }
            let value = adjusted[index]
            adjusted[index] = Self.bounded(value + bias, from: value)
        }
        if parameters.hasPenalties, let history {
            for (token, count) in history.generatedCounts {
                guard let index = index(of: token) else { continue }
                var value = adjusted[index]
                value =
                    value > 0
                    ? value / parameters.repetitionPenalty : value * parameters.repetitionPenalty
                if count > 0 {
                    value -= Float(count) * parameters.frequencyPenalty
                    value -= parameters.presencePenalty
                }
                adjusted[index] = Self.bounded(value, from: adjusted[index])
            }
        }
        for token in maskedTokens {
            if let index = index(of: token) { adjusted[index] = -.infinity }
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
    ///   - count: how many of the adjusted logits there are.
    ///   - maximum: the greatest adjusted logit, finite.
    ///   - uniform: a random number in `[0, 1)`.
    /// - Returns: the place of a token whose weight is above 0.
    private mutating func choose(
        _ parameters: SamplingParameters, count: Int, maximum: Float, uniform: Double
    ) -> Int32 {
        let allValues = adjusted
        let values = allValues.span.extracting(0..<count)
        let scale = min(1 / parameters.temperature, .greatestFiniteMagnitude)
        let threshold = Self.threshold(parameters, maximum: maximum)

        if let topK = parameters.topK, topK < allValues.count {
            heap.select(topK, from: values, threshold: threshold)
            return draw(
                uniform, topP: parameters.topP, total: nil, maximum: maximum, scale: scale)
        }
        let total = weigh(values, maximum: maximum, scale: scale, threshold: threshold)
        if parameters.topP == 1 { return drawFromAll(uniform * total, count: count) }

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
        _ values: Span<Float>, maximum: Float, scale: Float, threshold: Float
    ) -> Double {
        var weights = weights.mutableSpan
        let count = min(values.count, weights.count)
        for index in 0..<count {
            let value = values[index]
            let weight = PortableMath.exp((value - maximum) * scale)
            weights[index] = value >= threshold ? weight : 0
        }
        var total = 0.0
        for index in 0..<count { total += Double(weights[index]) }
        return total
    }

    /// Makes the heap hold, in order, at least the tokens that it takes to reach the mass.
    private mutating func selectNucleus(
        _ values: Span<Float>, mass: Double, maximum: Float, scale: Float
    ) {
        let weights = weights
        let nucleus = histogram.nucleus(
            of: values, weights: weights.span, maximum: maximum, scale: scale, mass: mass)
        heap.select(nucleus.count, from: values, threshold: nucleus.threshold)
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
    private func drawFromAll(_ target: Double, count: Int) -> Int32 {
        var sum = 0.0
        var chosen = 0
        for index in 0..<count where weights[index] > 0 {
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
    ///   - named: tokens to report besides; the token itself comes before them.
    ///   - logits: `[V]`, before any bias, penalty or temperature.
    /// - Returns: the token's log probability and the best tokens.
    /// - Throws: `SamplingError` if the logits are damaged or all are masked.
    package mutating func logprobs(
        of token: Int32, topCount: Int, named: [Int32] = [], logits: Span<Float>
    ) throws(SamplingError) -> TokenLogprobs {
        precondition(token >= 0 && Int(token) < logits.count, "token \(token) of \(logits.count)")
        let normalizer = try normalizer(of: logits)
        heap.select(min(topCount, logits.count), from: logits)
        var top = heap.candidates.map {
            TokenLogprob(id: $0.id, logprob: Double($0.value) - normalizer)
        }
        if !named.isEmpty {
            for id in [token] + named where !top.contains(where: { $0.id == id }) {
                precondition(id >= 0 && Int(id) < logits.count, "token \(id) of \(logits.count)")
                top.append(TokenLogprob(id: id, logprob: Double(logits[Int(id)]) - normalizer))
            }
        }
        let own = Double(logits[Int(token)])
        return TokenLogprobs(id: token, logprob: own - normalizer, top: top)
    }

    /// What the model thought of a token and of some others, by the same log-softmax.
    ///
    /// - Parameters:
    ///   - token: the token that follows.
    ///   - candidates: the others, in any order; each is in the vocabulary.
    ///   - logits: `[V]`, before any bias, penalty or temperature.
    /// - Returns: the token's log probability, and as `top` those of the candidates in their order.
    /// - Throws: `SamplingError` if the logits are damaged or all are masked.
    package mutating func logprobs(
        of token: Int32, candidates: [Int32], logits: Span<Float>
    ) throws(SamplingError) -> TokenLogprobs {
        let normalizer = try normalizer(of: logits)
        func logprob(_ token: Int32, _ logits: Span<Float>) -> Double {
            precondition(token >= 0 && Int(token) < logits.count, "token \(token)")
            return Double(logits[Int(token)]) - normalizer
        }
        var top: [TokenLogprob] = []
        top.reserveCapacity(candidates.count)
        for id in candidates { top.append(TokenLogprob(id: id, logprob: logprob(id, logits))) }
        return TokenLogprobs(id: token, logprob: logprob(token, logits), top: top)
    }

    /// The logarithm of what the exponentials of the logits add up to.
    private mutating func normalizer(of logits: Span<Float>) throws(SamplingError) -> Double {
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
        return Double(maximum) + PortableMath.log(sum)
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
