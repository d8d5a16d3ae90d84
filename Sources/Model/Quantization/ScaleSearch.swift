// SPDX-License-Identifier: Apache-2.0

/// Finds scales that multiply levels so as to meet elements with the least sum of squared errors.
///
/// With the codes given, the best scale is the quotient of two sums; with the scale given, the best
/// codes are the nearest ones. The search tries scales that bring the element of largest magnitude
/// to one end of the levels, within them and beyond, and improves each in this way.
struct ScaleSearch<Levels: LevelSet>: Sendable {
    let levels: Levels
    /// How far from the end of the levels, in levels, the largest element is brought: less than 0
    /// is within them.
    let reach: ClosedRange<Float>

    /// The sums over some elements by which eight scales are judged.
    struct Sums {
        /// Σ level · element.
        var products = Lanes()
        /// Σ level².
        var squares = Lanes()
        /// Σ (element − scale · level)².
        var errors = Lanes()
    }

    /// Rounds elements with eight scales.
    @inline(__always)
    func sums(_ values: Span<Float>, _ scales: Lanes) -> Sums {
        let inverses = scales.inverses
        var sums = Sums()
        for k in values.indices {
            let value = Lanes(repeating: values[k])
            let level = levels.nearest(value * inverses)
            let rest = value - scales * level
            sums.products += level * value
            sums.squares += level * level
            sums.errors += rest * rest
        }
        return sums
    }

    /// The scale that brings the element of largest magnitude to the first level.
    func plain(_ values: Span<Float>) -> Float {
        var extreme: Float = 0
        for k in values.indices where abs(values[k]) > abs(extreme) { extreme = values[k] }
        return extreme / levels.lowest
    }

    /// The best scale that was found for some elements; it may be negative.
    func best(_ values: Span<Float>) -> Float {
        let extreme = plain(values) * levels.lowest
        guard extreme != 0 else { return 0 }
        var best: Float = 0
        var bestGain: Float = 0
        let step = (reach.upperBound - reach.lowerBound) / 7
        let place = reach.lowerBound + step * Lanes.indices
        for end in [levels.lowest - place, levels.highest + place] {
            let first = sums(values, extreme / end)
            let second = sums(values, first.products * first.squares.inverses)
            let scales = second.products * second.squares.inverses
            // What the best scale for its codes takes off the sum of squares.
            let gains = scales * second.products
            let index = (-gains).indexOfLeast
            if gains[index] > bestGain {
                bestGain = gains[index]
                best = scales[index]
            }
        }
        return best
    }
}
