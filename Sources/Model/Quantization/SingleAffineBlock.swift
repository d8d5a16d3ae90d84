// SPDX-License-Identifier: Apache-2.0

/// Blocks with one scale and one least value in half precision: element = d · code + m.
enum SingleAffineBlock {
    /// Finds a block of little error.
    ///
    /// - Returns: d, m, and the code of every element.
    static func encode(
        _ elements: Span<Float>, _ search: AffineSearch
    ) -> (d: UInt16, m: UInt16, codes: [UInt8]) {
        let block = ScaledBlock(elements)
        let values = block.values.span
        let best = search.best(values)
        let plain = search.plain(values)
        // The halves about the best line, and for certain the plain one.
        var choices = [(d: block.half(plain.scale), m: block.half(plain.least))]
        choices.append((block.half(best.scale), block.half(best.least)))
        for m in block.halves(around: best.least, count: 3) {
            for d in block.halves(around: best.scale, count: 3).prefix(2) { choices.append((d, m)) }
        }
        var lines = AffineSearch.Lines(scale: Lanes(), least: Lanes())
        for (index, choice) in choices.enumerated() {
            lines.scale[index] = choice.d.value
            lines.least[index] = choice.m.value
        }
        let (d, m) = choices[search.sums(values, lines).errors.indexOfLeast]
        let codes = block.values.map { value -> UInt8 in
            let above = value - m.value
            guard d.value > 0, above > 0 else { return 0 }
            return UInt8(min((above / d.value).rounded(.toNearestOrEven), search.highest))
        }
        return (d.bits, m.bits, codes)
    }
}
