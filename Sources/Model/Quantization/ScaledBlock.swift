// SPDX-License-Identifier: Apache-2.0

/// The elements of a block, divided by a power of two so that the largest magnitude lies in 1..<2
/// and no sum of squares overflows or vanishes.
///
/// What is not finite counts as 0.
struct ScaledBlock {
    /// The elements, divided by `unit`.
    let values: [Float]
    /// What 1 stands for: a power of two, exactly; 0 where all elements are 0.
    let unit: Float

    init(_ elements: Span<Float>) {
        var largest: Float = 0
        var finite = [Float](repeating: 0, count: elements.count)
        for k in elements.indices where elements[k].isFinite {
            finite[k] = elements[k]
            largest = max(largest, abs(elements[k]))
        }
        // Far below what the smallest half times the smallest code can say.
        guard largest > 0x1p-60 else {
            values = [Float](repeating: 0, count: elements.count)
            unit = 0
            return
        }
        unit = Float(sign: .plus, exponent: largest.exponent, significand: 1)
        let inverse = Float(sign: .plus, exponent: -largest.exponent, significand: 1)
        for k in finite.indices { finite[k] *= inverse }
        values = finite
    }

    /// A number in half precision, and what it is worth in `values`.
    typealias Half = (bits: UInt16, value: Float)

    /// The half nearest to a factor of `values`; the largest finite one in place of infinity.
    func half(_ factor: Float) -> Half {
        guard unit > 0 else { return (0, 0) }
        return half(bits: HalfPrecision.bits(min(max(factor * unit, -65504), 65504)))
    }

    /// That half in the middle of its neighbours, as far as they have its sign and are finite.
    func halves(around factor: Float, count: Int) -> [Half] {
        let middle = half(factor)
        return (0..<count).map { index in
            let offset = index - count / 2
            let magnitude = Int(middle.bits & 0x7FFF) + offset
            guard unit > 0, (0..<0x7C00).contains(magnitude) else { return middle }
            return half(bits: middle.bits & 0x8000 | UInt16(magnitude))
        }
    }

    private func half(bits: UInt16) -> Half { (bits, HalfPrecision.value(bits) / unit) }
}
