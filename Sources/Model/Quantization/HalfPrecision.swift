// SPDX-License-Identifier: Apache-2.0

/// Conversion between f32 and IEEE half precision by integer operations, so that it is the same on
/// every processor.
enum HalfPrecision {
    /// The value of a half, exactly; NaN keeps its payload.
    static func value(_ bits: UInt16) -> Float {
        let sign = UInt32(bits & 0x8000) << 16
        let exponent = UInt32(bits >> 10) & 31
        let mantissa = UInt32(bits & 0x3FF)
        if exponent == 31 { return Float(bitPattern: sign | 0x7F80_0000 | mantissa << 13) }
        if exponent > 0 {
            return Float(bitPattern: sign | (exponent + 112) << 23 | mantissa << 13)
        }
        // A subnormal is a multiple of 2^-24.
        let magnitude = Float(mantissa) * 0x1p-24
        return Float(bitPattern: sign | magnitude.bitPattern)
    }

    /// The nearest half, ties to even; too large a value becomes infinity.
    static func bits(_ value: Float) -> UInt16 {
        let sign = UInt16(truncatingIfNeeded: value.bitPattern >> 16) & 0x8000
        let magnitude = value.bitPattern & 0x7FFF_FFFF
        if magnitude > 0x7F80_0000 { return sign | 0x7E00 | UInt16(magnitude >> 13 & 0x3FF) }
        if magnitude >= 0x477F_F000 { return sign | 0x7C00 }
        if magnitude < 0x3880_0000 {
            // Adding 1/2 leaves the multiple of 2^-24 in the low bits, rounded by the processor.
            let sum = Float(bitPattern: magnitude) + 0.5
            return sign | UInt16(sum.bitPattern - Float(0.5).bitPattern)
        }
        let odd = magnitude >> 13 & 1
        return sign | UInt16(((magnitude + 0xFFF + odd) >> 13) - 0x1C000)
    }
}
