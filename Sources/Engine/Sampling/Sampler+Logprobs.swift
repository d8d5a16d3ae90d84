// SPDX-License-Identifier: Apache-2.0

extension Sampler {
    /// What the model thought of a token, by the log-softmax of its raw logits in double precision.
    ///
    /// - Parameters:
    ///   - token: the token that was chosen, or that follows in the prompt.
    ///   - topCount: how many of the most probable tokens to report.
    ///   - logits: `[V]`, before any bias, penalty or temperature.
    /// - Returns: the token's log probability and rank, and the best tokens.
    /// - Throws: `SamplingError` if the logits are damaged or all are masked.
    package mutating func logprobs(
        of token: Int32, topCount: Int, logits: Span<Float>
    ) throws(SamplingError) -> TokenLogprobs {
        precondition(token >= 0 && Int(token) < logits.count, "token \(token) of \(logits.count)")
        let own = logits[Int(token)]
        var maximum = -Float.infinity
        var rank = 1
        for index in logits.indices {
            let value = logits[index]
            if value.isNaN || value == .infinity {
                throw .invalidLogit(token: Int32(truncatingIfNeeded: index))
            }
            if value > maximum { maximum = value }
            if value > own || (value == own && index < Int(token)) { rank += 1 }
        }
        guard maximum > -.infinity else { throw .noCandidate }

        let sum = sumOfExponentials(logits, maximum: Double(maximum))
        let normalizer = Double(maximum) + PortableMath.log(sum)
        heap.select(min(topCount, logits.count), from: logits)
        let top = heap.candidates.map {
            TokenLogprob(id: $0.id, logprob: Double($0.value) - normalizer)
        }
        return TokenLogprobs(
            id: token, logprob: Double(own) - normalizer, rank: rank, top: top)
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
