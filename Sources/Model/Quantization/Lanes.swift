// SPDX-License-Identifier: Apache-2.0

/// Eight candidates that are tried at once on one element after another, so that no sum runs
/// across lanes.
typealias Lanes = SIMD8<Float>

extension SIMD8<Float> {
    /// 0, 1, 2 and so on.
    static let indices = Lanes(0, 1, 2, 3, 4, 5, 6, 7)

    /// Every lane brought within bounds; one that is not a number becomes the lower bound.
    @inline(__always) func limited(_ low: Float, _ high: Float) -> Lanes {
        // One lane at a time, which the compiler knows as the processor's minimum and maximum.
        var result = self
        for index in 0..<8 {
            let raised = self[index] > low ? self[index] : low
            result[index] = raised < high ? raised : high
        }
        return result
    }

    /// Every lane to the nearest integer, ties to even.
    ///
    /// - Precondition: magnitudes below 2²²; beyond, the result is some number.
    @inline(__always) var nearestIntegers: Lanes { (self + 0x1.8p23) - 0x1.8p23 }

    /// One over every lane, and 0 over those that are 0.
    @inline(__always) var inverses: Lanes {
        let isZero = self .== 0
        return (1 / replacing(with: 1, where: isZero)).replacing(with: 0, where: isZero)
    }

    /// The first lane that holds the least number; lanes that are not numbers do not count.
    @inline(__always) var indexOfLeast: Int {
        var best = 0
        for index in 1..<8 where self[index] < self[best] || self[best].isNaN { best = index }
        return best
    }
}
