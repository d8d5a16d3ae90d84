// SPDX-License-Identifier: Apache-2.0

import Foundation
package import ModelFiles

/// The angles per position of a model's rotary embedding, its scaling applied.
///
/// Everything is worked out in single precision, in the order in which transformers does it (where a
/// number divided by a tensor is the tensor's reciprocal times the number): at position 700 one unit
/// in the last place of a frequency is worth 4e-5 in the angle, which a logit shows.
package struct RopeFrequencies: Sendable, Equatable {
    /// Angle per position of each of `ropeDimensionCount / 2` pairs.
    package let inverseFrequencies: [Float]
    /// What cosines and sines are multiplied with; 1 but for YaRN.
    package let scale: Float

    /// Works out the frequencies of a model.
    package init(_ configuration: ModelConfiguration) {
        let dimension = configuration.ropeDimensionCount
        let theta = configuration.ropeTheta
        let periods = stride(from: 0, to: dimension, by: 2).map { index in
            pow(Float(theta), Float(index) / Float(dimension))
        }
        let factors =
            configuration.ropeFrequencyFactors ?? Array(repeating: 1, count: periods.count)
        precondition(factors.count == periods.count, "rope factors of another dimension")
        let frequencies = zip(periods, factors).map { 1 / $0 / $1 }
        switch configuration.ropeScaling {
        case .none:
            inverseFrequencies = frequencies
        case .linear(let factor):
            inverseFrequencies = frequencies.map { $0 / Float(factor) }
        case .llama3(let factor, let low, let high, let original):
            inverseFrequencies = frequencies.map {
                Self.llama3(
                    $0, factor: Float(factor), low: Float(low), high: Float(high),
                    original: Float(original))
            }
        case .yarn(let yarn):
            inverseFrequencies = Self.yarn(
                zip(periods, factors).map { $0 * $1 }, yarn, dimension: dimension, theta: theta)
            scale = Float(yarn.attentionFactor)
            return
        }
        scale = 1
    }

    /// Llama 3.1: long waves are slowed by `factor`, short ones kept, those between blended.
    private static func llama3(
        _ frequency: Float, factor: Float, low: Float, high: Float, original: Float
    ) -> Float {
        let wavelength = 1 / frequency * Float(2 * Double.pi)
        if wavelength < original / high { return frequency }
        if wavelength > original / low { return frequency / factor }
        let kept = (1 / wavelength * original - low) / (high - low)
        return (1 - kept) * frequency / factor + kept * frequency
    }

    /// YaRN: pairs that turn more than `betaFast` times within the original context are kept, those
    /// that turn less than `betaSlow` times are slowed by `factor`, those between blended linearly
    /// by their index.
    ///
    /// - Source: arXiv:2309.00071 §3.2, with the bounds that its code gives to the ramp.
    private static func yarn(
        _ periods: [Float], _ yarn: YarnScaling, dimension: Int, theta: Double
    ) -> [Float] {
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
        return periods.enumerated().map { index, period in
            let kept = 1 - min(max((Float(index) - Float(first)) / Float(last - first), 0), 1)
            return 1 / (Float(yarn.factor) * period) * (1 - kept) + 1 / period * kept
        }
    }
}
