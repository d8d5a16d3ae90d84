// SPDX-License-Identifier: Apache-2.0

import Foundation
package import ModelFiles

/// The angles per position of a model's rotary embedding, its scaling applied.
package struct RopeFrequencies: Sendable, Equatable {
    /// Angle per position of each of `ropeDimensionCount / 2` pairs, in single precision as the
    /// models were trained.
    package let inverseFrequencies: [Float]
    /// What cosines and sines are multiplied with; 1 but for YaRN.
    package let scale: Float

    /// Works out the frequencies of a model.
    package init(_ configuration: ModelConfiguration) {
        let dimension = configuration.ropeDimensionCount
        let theta = configuration.ropeTheta
        var plain = stride(from: 0, to: dimension, by: 2).map { index in
            Double(1 / pow(Float(theta), Float(index) / Float(dimension)))
        }
        if let factors = configuration.ropeFrequencyFactors {
            precondition(factors.count == plain.count, "rope factors of another dimension")
            for (index, factor) in factors.enumerated() { plain[index] /= Double(factor) }
        }
        var scale = 1.0
        switch configuration.ropeScaling {
        case .none:
            break
        case .linear(let factor):
            plain = plain.map { $0 / factor }
        case .llama3(let factor, let low, let high, let original):
            plain = plain.map {
                Self.llama3($0, factor: factor, low: low, high: high, original: Double(original))
            }
        case .yarn(let yarn):
            plain = Self.yarn(plain, yarn, dimension: dimension, theta: theta)
            scale = yarn.attentionFactor
        }
        inverseFrequencies = plain.map { Float($0) }
        self.scale = Float(scale)
    }

    /// Llama 3.1: long waves are slowed by `factor`, short ones kept, those between blended.
    private static func llama3(
        _ frequency: Double, factor: Double, low: Double, high: Double, original: Double
    ) -> Double {
        let wavelength = 2 * Double.pi / frequency
        if wavelength < original / high { return frequency }
        if wavelength > original / low { return frequency / factor }
        let kept = (original / wavelength - low) / (high - low)
        return (1 - kept) * frequency / factor + kept * frequency
    }

    /// YaRN: pairs that turn more than `betaFast` times within the original context are kept, those
    /// that turn less than `betaSlow` times are slowed by `factor`, those between blended linearly
    /// by their index.
    ///
    /// - Source: arXiv:2309.00071 §3.2, with the bounds that its code gives to the ramp.
    private static func yarn(
        _ frequencies: [Double], _ yarn: YarnScaling, dimension: Int, theta: Double
    ) -> [Double] {
        func index(turning rotations: Double) -> Double {
            Double(dimension) * log(Double(yarn.originalContextLength) / (rotations * 2 * .pi))
                / (2 * log(theta))
        }
        var first = index(turning: yarn.betaFast)
        var last = index(turning: yarn.betaSlow)
        if yarn.roundsRamp {
            first = first.rounded(.down)
            last = last.rounded(.up)
        }
        first = max(first, 0)
        last = min(last, Double(dimension - 1))
        if first == last { last += 0.001 }
        return frequencies.enumerated().map { index, frequency in
            let slowed = min(max((Double(index) - first) / (last - first), 0), 1)
            return frequency / yarn.factor * slowed + frequency * (1 - slowed)
        }
    }
}
