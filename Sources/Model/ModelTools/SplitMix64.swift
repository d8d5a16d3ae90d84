// SPDX-License-Identifier: Apache-2.0

/// A small random generator whose numbers are the same on every machine and in every version.
///
/// - Source: Steele, Lea, Flood: “Fast splittable pseudorandom number generators”, 2014.
package struct SplitMix64: RandomNumberGenerator, Sendable {
    private var state: UInt64

    /// A generator for one of many independent streams of a seed.
    package init(seed: UInt64, stream: UInt64 = 0) {
        state = Self.mixed(seed &+ 0x9E37_79B9_7F4A_7C15 &* (stream &+ 1))
    }

    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        return Self.mixed(state)
    }

    /// A number of mean 0 and variance 1, near enough to a normal distribution.
    ///
    /// It is the sum of twelve uniform 16-bit numbers, and so needs no function of libm, whose last
    /// bits differ by version.
    package mutating func nextGaussian() -> Float {
        var sum: UInt64 = 0
        for _ in 0..<3 {
            let word = next()
            sum += (word & 0xFFFF) + (word >> 16 & 0xFFFF) + (word >> 32 & 0xFFFF) + (word >> 48)
        }
        return (Float(sum) - 393_210) / 65_536
    }

    private static func mixed(_ value: UInt64) -> UInt64 {
        var z = value
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
