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
}
