// SPDX-License-Identifier: Apache-2.0

/// Random numbers as a pure function of what they are for.
///
/// There is no state to advance, so a token's choice does not depend on what else was sampled, in
/// which order, or how often a sequence was computed again.
///
/// - Source: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3" (SC 2011), Philox4x32-10.
package enum CounterRandom {
    /// A uniform number in `[0, 1)` with 53 random bits.
    ///
    /// - Parameters:
    ///   - seed: of the request.
    ///   - position: of the token in its sequence.
    ///   - choice: the index of the choice within the request.
    ///   - draw: which of several numbers for the same token.
    /// - Returns: a multiple of 2⁻⁵³.
    package static func uniform(
        seed: UInt64, position: Int, choice: Int, draw: UInt32 = 0
    ) -> Double {
        let position = UInt64(truncatingIfNeeded: position)
        let counter = SIMD4<UInt32>(
            UInt32(truncatingIfNeeded: position), UInt32(truncatingIfNeeded: position >> 32),
            UInt32(truncatingIfNeeded: choice), draw)
        let key = SIMD2<UInt32>(
            UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed >> 32))
        let bits = philox(counter: counter, key: key)
        let word = UInt64(bits[0]) << 32 | UInt64(bits[1])
        return Double(word >> 11) * 0x1p-53
    }

    /// Ten rounds of Philox4x32.
    package static func philox(counter: SIMD4<UInt32>, key: SIMD2<UInt32>) -> SIMD4<UInt32> {
        var counter = counter
        var key = key
        for _ in 0..<10 {
            let first = counter[0].multipliedFullWidth(by: 0xD251_1F53)
            let second = counter[2].multipliedFullWidth(by: 0xCD9E_8D57)
            counter = SIMD4(
                second.high ^ counter[1] ^ key[0], second.low,
                first.high ^ counter[3] ^ key[1], first.low)
            key &+= SIMD2(0x9E37_79B9, 0xBB67_AE85)
        }
        return counter
    }
}
