// SPDX-License-Identifier: Apache-2.0

/// Chooses tokens from logits.
///
/// The choice depends on the logits, the parameters, the history, the seed, the position and the
/// index of the choice, and on nothing else. All arithmetic is IEEE 754 in a fixed order; equal
/// logits are ordered by the lower id. The scratch memory is allocated once.
package struct Sampler {
    var adjusted: [Float]
    var weights: [Float]
    var exponentials: [Double]
    var heap = CandidateHeap()
    var histogram = WeightHistogram()

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
}
