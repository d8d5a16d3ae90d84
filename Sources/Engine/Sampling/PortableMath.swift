// SPDX-License-Identifier: Apache-2.0

/// Exponential and logarithm that give the same bits on every processor.
///
/// A C library picks its variants by processor (with or without fused multiply-add), so that the
/// last bit of `exp` may differ between machines. These use plain IEEE 754 operations in a fixed
/// order; the error is below 2 units in the last place.
package enum PortableMath {
    /// e to the power of `x`; 0 below −708, infinity above 709.
    ///
    /// There are no branches, so that a loop over it becomes vector instructions.
    package static func exp(_ x: Double) -> Double {
        let clamped = x < -708 ? -708 : x > 709 ? 709 : x
        // Adding 1.5 · 2⁵² rounds to a whole number, whose low bits then end the significand.
        let shifted = clamped * 1.4426950408889634 + 0x1.8p52
        let exponent = shifted - 0x1.8p52
        let r = (clamped - exponent * 0x1.62e42fefa0000p-1) - exponent * 0x1.cf79abc9e3b39p-40
        var sum = 1.0 / 6_227_020_800
        sum = sum * r + 1.0 / 479_001_600
        sum = sum * r + 1.0 / 39_916_800
        sum = sum * r + 1.0 / 3_628_800
        sum = sum * r + 1.0 / 362_880
        sum = sum * r + 1.0 / 40_320
        sum = sum * r + 1.0 / 5_040
        sum = sum * r + 1.0 / 720
        sum = sum * r + 1.0 / 120
        sum = sum * r + 1.0 / 24
        sum = sum * r + 1.0 / 6
        sum = sum * r + 0.5
        sum = sum * r + 1
        sum = sum * r + 1
        let result = sum * Double(bitPattern: (shifted.bitPattern &+ 1023) &<< 52)
        return x < -708 ? 0 : x > 709 ? .infinity : result
    }

    /// e to the power of `x` in single precision; 0 below −87, infinity above 88.
    ///
    /// The error is below 2 units in the last place. There are no branches.
    package static func exp(_ x: Float) -> Float {
        let clamped = x < -87 ? -87 : x > 88 ? 88 : x
        let shifted = clamped * 1.442695 + 0x1.8p23
        let exponent = shifted - 0x1.8p23
        let r = (clamped - exponent * 0x1.62e4p-1) - exponent * 0x1.7f7d1cp-20
        var sum: Float = 1.0 / 5_040
        sum = sum * r + 1.0 / 720
        sum = sum * r + 1.0 / 120
        sum = sum * r + 1.0 / 24
        sum = sum * r + 1.0 / 6
        sum = sum * r + 0.5
        sum = sum * r + 1
        sum = sum * r + 1
        let result = sum * Float(bitPattern: (shifted.bitPattern &+ 127) &<< 23)
        return x < -87 ? 0 : x > 88 ? .infinity : result
    }

    /// The natural logarithm of a positive, normal number; not a number for others, except that
    /// the logarithm of 0 is negative infinity.
    package static func log(_ x: Double) -> Double {
        if x == 0 { return -.infinity }
        guard x.isNormal, x > 0 else { return x == .infinity ? x : .nan }
        var exponent = Double(Int(x.bitPattern >> 52) - 1023)
        var m = Double(bitPattern: x.bitPattern & 0x000F_FFFF_FFFF_FFFF | 0x3FF0_0000_0000_0000)
        if m > 1.4142135623730951 {
            m *= 0.5
            exponent += 1
        }
        // log m = 2 artanh((m − 1) / (m + 1)), whose argument is at most 0.1716 in size.
        let f = (m - 1) / (m + 1)
        let square = f * f
        var sum = 0.0
        var divisor = 23.0
        while divisor > 1 {
            sum = (sum + 1 / divisor) * square
            divisor -= 2
        }
        let small = 2 * f * sum + exponent * 0x1.cf79abc9e3b39p-40
        return exponent * 0x1.62e42fefa0000p-1 + (2 * f + small)
    }

    /// A number of at least 0 to a power; 0 for numbers too small to be normal.
    package static func pow(_ base: Double, _ exponent: Double) -> Double {
        if exponent == 0 { return 1 }
        guard base >= .leastNormalMagnitude else { return exponent < 0 ? .infinity : 0 }
        return exp(exponent * log(base))
    }
}
