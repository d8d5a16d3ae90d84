// SPDX-License-Identifier: Apache-2.0

/// Finds a scale and a least value so that scale · code + least meets elements with the least sum
/// of squared errors, codes being 0 to `highest`.
///
/// With the codes given, the best line is that of linear regression; with the line given, the best
/// codes are the nearest ones. The search starts from lines that bring the least and the largest
/// element to the ends of the codes, within them and beyond, and improves each in this way.
struct AffineSearch: Sendable {
    /// The last code.
    let highest: Float
    /// Whether the least value may be above 0.
    let allowsPositive: Bool
    /// By how many codes the lines are drawn out beyond the elements; less than 0 is within them.
    let reach: ClosedRange<Float>

    /// Eight lines.
    struct Lines {
        var scale: Lanes
        var least: Lanes
    }

    /// The sums over some elements by which eight lines are judged.
    struct Sums {
        /// Σ code.
        var codes = Lanes()
        /// Σ code².
        var squares = Lanes()
        /// Σ code · element.
        var products = Lanes()
        /// Σ (element − line)².
        var errors = Lanes()
    }

    /// Rounds elements to eight lines.
    @inline(__always)
    func sums(_ values: Span<Float>, _ lines: Lines) -> Sums {
        let inverses = lines.scale.inverses
        var sums = Sums()
        for k in values.indices {
            let value = Lanes(repeating: values[k])
            let above = value - lines.least
            let code = (above * inverses).limited(0, highest).nearestIntegers
            let rest = above - code * lines.scale
            sums.codes += code
            sums.squares += code * code
            sums.products += code * value
            sums.errors += rest * rest
        }
        return sums
    }

    /// A line, to which a block then brings the whole numbers and halves that it has room for.
    struct Line {
        var scale: Float
        var least: Float
    }

    /// The line that brings the least and the largest element to the ends of the codes.
    func plain(_ values: Span<Float>) -> Line {
        var low = values[0]
        var high = values[0]
        for k in values.indices {
            low = min(low, values[k])
            high = max(high, values[k])
        }
        if !allowsPositive { low = min(low, 0) }
        return Line(scale: max(high - low, 0) / highest, least: low)
    }

    /// The best line that was found for some elements.
    func best(_ values: Span<Float>) -> Line {
        let plain = plain(values)
        guard plain.scale > 0 else { return plain }
        var total: Float = 0
        for k in values.indices { total += values[k] }
        let step = (reach.upperBound - reach.lowerBound) / 7
        let place = reach.lowerBound + step * Lanes.indices
        let scale = plain.scale * highest / (highest + place)
        // What the line leaves out or overshoots is shared by its two ends.
        var lines = Lines(scale: scale, least: plain.least - scale * place * 0.5)
        if !allowsPositive { lines.least = lines.least.limited(-.infinity, 0) }
        var gains = Lanes()
        for _ in 0..<2 {
            let sums = sums(values, lines)
            lines = regression(sums, total: total, count: Float(values.count))
            // What a line of regression takes off the sum of squares.
            gains = lines.scale * sums.products + lines.least * total
        }
        let best = (-gains).indexOfLeast
        return Line(scale: lines.scale[best], least: lines.least[best])
    }

    /// The lines that meet the elements best with the codes that were chosen.
    @inline(__always)
    private func regression(_ sums: Sums, total: Float, count: Float) -> Lines {
        let determinant = (count * sums.squares - sums.codes * sums.codes).inverses
        let scale = (count * sums.products - sums.codes * total) * determinant
        let least = (sums.squares * total - sums.codes * sums.products) * determinant
        guard !allowsPositive else { return Lines(scale: scale, least: least) }
        // Equal codes leave open where the line begins: through 0, too.
        let isAbove = least .> 0 .| determinant .== 0
        let through = sums.products * sums.squares.inverses
        return Lines(
            scale: scale.replacing(with: through, where: isAbove),
            least: least.replacing(with: 0, where: isAbove))
    }
}
