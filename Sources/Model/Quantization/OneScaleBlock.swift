// SPDX-License-Identifier: Apache-2.0

/// Blocks with one scale in half precision: element = d · level.
enum OneScaleBlock {
    /// Finds a block of little error.
    ///
    /// - Returns: d, and the code of every element.
    static func encode<Levels: LevelSet>(
        _ elements: Span<Float>, _ search: ScaleSearch<Levels>
    ) -> (d: UInt16, codes: [UInt8]) {
        let block = ScaledBlock(elements)
        let values = block.values.span
        // The halves about the best scale, and for certain the plain one.
        var halves = block.halves(around: search.best(values), count: 7)
        halves.append(block.half(search.plain(values)))
        var scales = Lanes()
        for (index, half) in halves.enumerated() { scales[index] = half.value }
        let (bits, d) = halves[search.sums(values, scales).errors.indexOfLeast]
        return (bits, block.values.map { search.levels.code(d == 0 ? 0 : $0 / d) })
    }
}
