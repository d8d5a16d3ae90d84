// SPDX-License-Identifier: Apache-2.0

/// A block of sub-blocks, each with a whole-number scale and minimum:
/// element = (d · scale) · code − dmin · minimum.
struct AffineBlock {
    /// d, in half precision.
    var d: UInt16 = 0
    /// dmin, in half precision.
    var dmin: UInt16 = 0
    /// One per sub-block.
    var scales: [UInt8]
    /// One per sub-block.
    var minimums: [UInt8]
    /// One per element.
    var codes: [UInt8]

    /// Finds a block of little error.
    ///
    /// - Parameters:
    ///   - elements: of the block.
    ///   - subBlockSize: how many elements share a scale and a minimum.
    ///   - highest: the largest scale and minimum.
    ///   - search: how lines are found; they do not start above 0.
    init(_ elements: Span<Float>, subBlockSize: Int, highest: Float, search: AffineSearch) {
        let block = ScaledBlock(elements)
        let values = block.values.span
        let count = elements.count / subBlockSize
        scales = [UInt8](repeating: 0, count: count)
        minimums = scales
        codes = [UInt8](repeating: 0, count: elements.count)
        let parts = (0..<count).map { $0 * subBlockSize..<($0 + 1) * subBlockSize }
        var bestError = Float.infinity
        var best: (d: Float, dmin: Float) = (0, 0)
        func attempt(
            _ targets: [AffineSearch.Line], _ factors: (d: Float, dmin: Float)
        ) -> (d: Float, dmin: Float)? {
            let (bits, d) = block.half(factors.d)
            let (minimumBits, dmin) = block.half(factors.dmin)
            var fit = Fit(scales: scales, minimums: minimums)
            for (i, part) in parts.enumerated() {
                let scale = d == 0 ? 0 : (targets[i].scale / d).rounded()
                let minimum = dmin == 0 ? 0 : (-targets[i].least / dmin).rounded()
                let scales = (scale + Lanes(-1, -1, 0, 0, 0, 1, 1, 1)).limited(0, highest)
                let minimums = (minimum + Lanes(-1, 0, -1, 0, 1, 0, 1, 2)).limited(0, highest)
                fit.add(
                    i, values.extracting(part), scales, minimums,
                    search.sums(
                        values.extracting(part), .init(scale: d * scales, least: -dmin * minimums)))
            }
            guard fit.error < bestError else { return nil }
            bestError = fit.error
            best = (d, dmin)
            self.d = bits
            self.dmin = minimumBits
            scales = fit.scales
            minimums = fit.minimums
            return fit.factors
        }
        func shared(_ targets: [AffineSearch.Line]) -> (d: Float, dmin: Float) {
            targets.reduce((0, 0)) {
                (max($0.0, $1.scale / highest), max($0.1, -$1.least / highest))
            }
        }
        let targets = parts.map { search.best(values.extracting($0)) }
        if let factors = attempt(targets, shared(targets)) { _ = attempt(targets, factors) }
        // Rarely better, but no block shall be worse than by plain rounding.
        let plain = parts.map { search.plain(values.extracting($0)) }
        _ = attempt(plain, shared(plain))
        for k in codes.indices {
            let i = k / subBlockSize
            let scale = best.d * Float(scales[i])
            let above = values[k] + best.dmin * Float(minimums[i])
            guard scale > 0, above > 0 else { continue }
            codes[k] = UInt8(min((above / scale).rounded(.toNearestOrEven), search.highest))
        }
    }

    /// Chosen scales and minimums, and the sums by which the factors are found that fit them best.
    private struct Fit {
        var scales: [UInt8]
        var minimums: [UInt8]
        var error: Float = 0
        /// Σ (scale · code)².
        var squares: Float = 0
        /// Σ scale · code · minimum.
        var mixed: Float = 0
        /// Σ minimum².
        var minimumSquares: Float = 0
        /// Σ scale · code · element.
        var products: Float = 0
        /// Σ minimum · element.
        var minimumProducts: Float = 0

        init(scales: [UInt8], minimums: [UInt8]) {
            self.scales = scales
            self.minimums = minimums
        }

        /// Chooses the best of eight lines for a sub-block.
        mutating func add(
            _ i: Int, _ values: Span<Float>, _ scales: Lanes, _ minimums: Lanes,
            _ sums: AffineSearch.Sums
        ) {
            let index = sums.errors.indexOfLeast
            let scale = scales[index]
            let minimum = minimums[index]
            var total: Float = 0
            for k in values.indices { total += values[k] }
            self.scales[i] = UInt8(scale)
            self.minimums[i] = UInt8(minimum)
            error += sums.errors[index]
            squares += scale * scale * sums.squares[index]
            mixed += scale * minimum * sums.codes[index]
            minimumSquares += minimum * minimum * Float(values.count)
            products += scale * sums.products[index]
            minimumProducts += minimum * total
        }

        /// The d and dmin of least error.
        var factors: (d: Float, dmin: Float)? {
            guard squares > 0 else { return nil }
            let determinant = squares * minimumSquares - mixed * mixed
            guard determinant > 0 else { return (products / squares, 0) }
            let d = (products * minimumSquares - minimumProducts * mixed) / determinant
            let dmin = (products * mixed - minimumProducts * squares) / determinant
            guard d > 0 else { return nil }
            return dmin > 0 ? (d, dmin) : (products / squares, 0)
        }
    }
}
