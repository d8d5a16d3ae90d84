// SPDX-License-Identifier: Apache-2.0

extension Sampler {
    /// Draws from the tempered distribution of the adjusted logits, cut by minP, topK and topP.
    ///
    /// - Parameters:
    ///   - parameters: with a temperature above 0.
    ///   - maximum: the greatest adjusted logit, finite.
    ///   - uniform: a random number in `[0, 1)`.
    /// - Returns: a token whose weight is above 0.
    mutating func choose(
        _ parameters: SamplingParameters, maximum: Float, uniform: Double
    ) -> Int32 {
        let values = adjusted
        let temperature = Double(parameters.temperature)
        let threshold = Self.threshold(
            minP: parameters.minP, maximum: maximum, temperature: temperature)

        if let topK = parameters.topK, topK < adjusted.count {
            heap.select(topK, from: values.span, threshold: threshold)
            let total = weighCandidates(maximum: maximum, temperature: temperature)
            return draw(uniform, total: total, topP: Double(parameters.topP))
        }
        let total = weighAll(maximum: maximum, temperature: temperature, threshold: threshold)
        if parameters.topP == 1 { return drawFromAll(uniform * total) }

        // Few tokens usually hold the mass that topP asks for: sort only as many as it takes.
        var limit = 64
        while true {
            heap.select(limit, from: values.span, threshold: threshold)
            let kept = weighCandidates(maximum: maximum, temperature: temperature)
            if limit >= adjusted.count || kept >= Double(parameters.topP) * total {
                return draw(uniform, total: total, topP: Double(parameters.topP))
            }
            limit *= 8
        }
    }

    /// The least logit that `minP` keeps.
    private static func threshold(minP: Float, maximum: Float, temperature: Double) -> Float {
        if minP == 0 { return -.infinity }
        let threshold = Float(Double(maximum) + PortableMath.log(Double(minP)) * temperature)
        return min(threshold, maximum)
    }

    /// Fills `weights` with the candidates' unnormalised probabilities and returns their sum.
    private mutating func weighCandidates(maximum: Float, temperature: Double) -> Double {
        var total = 0.0
        for index in heap.candidates.indices {
            let difference = Double(heap.candidates[index].value) - Double(maximum)
            weights[index] = PortableMath.exp(difference / temperature)
            total += weights[index]
        }
        return total
    }

    /// Fills `weights` with every token's unnormalised probability and returns their sum.
    private mutating func weighAll(
        maximum: Float, temperature: Double, threshold: Float
    ) -> Double {
        var total = 0.0
        for index in adjusted.indices {
            let value = adjusted[index]
            guard value >= threshold else {
                weights[index] = 0
                continue
            }
            let weight = PortableMath.exp((Double(value) - Double(maximum)) / temperature)
            weights[index] = weight
            total += weight
        }
        return total
    }

    /// Draws from the sorted candidates that hold `topP` of the total.
    private func draw(_ uniform: Double, total: Double, topP: Double) -> Int32 {
        var count = 0
        var kept = 0.0
        while count < heap.candidates.count {
            kept += weights[count]
            count += 1
            if kept >= topP * total { break }
        }
        let target = uniform * kept
        var sum = 0.0
        var chosen = 0
        for index in 0..<count where weights[index] > 0 {
            chosen = index
            sum += weights[index]
            if target < sum { break }
        }
        return heap.candidates[chosen].id
    }

    /// Draws from all tokens, in the order of their ids.
    private func drawFromAll(_ target: Double) -> Int32 {
        var sum = 0.0
        var chosen = 0
        for index in weights.indices where weights[index] > 0 {
            chosen = index
            sum += weights[index]
            if target < sum { break }
        }
        return Int32(truncatingIfNeeded: chosen)
    }
}
