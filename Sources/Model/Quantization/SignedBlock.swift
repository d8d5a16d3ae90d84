// SPDX-License-Identifier: Apache-2.0

/// A block of sub-blocks, each with a signed whole-number scale: element = (d · scale) · level.
struct SignedBlock {
    /// d, in half precision.
    var d: UInt16 = 0
    /// One per sub-block.
    var scales: [Int]
    /// One per element.
    var codes: [UInt8]

    /// Finds a block of little error.
    init<Levels: LevelSet>(
        _ elements: Span<Float>, subBlockSize: Int, scaleRange: ClosedRange<Int>,
        search: ScaleSearch<Levels>
    ) {
        let block = ScaledBlock(elements)
        let values = block.values.span
        let count = elements.count / subBlockSize
        let zero = search.levels.code(0)
        scales = [Int](repeating: 0, count: count)
        codes = [UInt8](repeating: zero, count: elements.count)
        let parts = (0..<count).map { $0 * subBlockSize..<($0 + 1) * subBlockSize }
        var bestError = Float.infinity
        var bestD: Float = 0
        func attempt(_ targets: [Float], _ factor: Float) -> Float? {
            let (bits, d) = block.half(factor)
            guard d != 0 else { return nil }
            var fit = Fit(scales: scales)
            for (i, part) in parts.enumerated() {
                let middle = (targets[i] / d).rounded()
                let candidates = (Lanes.indices - 3 + middle)
                    .limited(Float(scaleRange.lowerBound), Float(scaleRange.upperBound))
                let sums = search.sums(values.extracting(part), d * candidates)
                let index = sums.errors.indexOfLeast
                fit.add(i, candidates[index], sums, index)
            }
            guard fit.error < bestError else { return nil }
            bestError = fit.error
            bestD = d
            self.d = bits
            scales = fit.scales
            return fit.squares > 0 ? fit.products / fit.squares : nil
        }
        func shared(_ targets: [Float]) -> Float {
            let extreme = targets.max { abs($0) < abs($1) } ?? 0
            return extreme / Float(scaleRange.lowerBound)
        }
        let targets = parts.map { search.best(values.extracting($0)) }
        if let factor = attempt(targets, shared(targets)) { _ = attempt(targets, factor) }
        // Rarely better, but no block shall be worse than by plain rounding.
        let plain = parts.map { search.plain(values.extracting($0)) }
        _ = attempt(plain, shared(plain))
        for k in codes.indices {
            let scale = bestD * Float(scales[k / subBlockSize])
            if scale != 0 { codes[k] = search.levels.code(values[k] / scale) }
        }
    }

    /// Chosen scales, and the sums by which the factor is found that fits them best.
    private struct Fit {
        var scales: [Int]
        var error: Float = 0
        /// Σ scale · level · element.
        var products: Float = 0
        /// Σ (scale · level)².
        var squares: Float = 0

        mutating func add<Levels>(
            _ i: Int, _ scale: Float, _ sums: ScaleSearch<Levels>.Sums, _ index: Int
        ) {
            scales[i] = Int(scale)
            error += sums.errors[index]
            products += scale * sums.products[index]
            squares += scale * scale * sums.squares[index]
        }
    }
}
