// SPDX-License-Identifier: Apache-2.0

/// IEEE single precision.
///
/// ```
/// 0          4
/// | f32 value |
/// ```
enum F32: BlockFormat {
    static let layout = BlockLayout(ggufType: 0, elementCount: 1, byteCount: 4)
    static let floatOffsets: [Int] = []

    static func decode(_ block: Span<UInt8>, into values: inout [Float]) {
        let low = UInt32(bits(block, at: 0))
        values[0] = Float(bitPattern: low | UInt32(bits(block, at: 2)) << 16)
    }

    static func encode(_ values: Span<Float>, into bytes: inout [UInt8]) {
        let bits = values[0].bitPattern
        append(UInt16(truncatingIfNeeded: bits), to: &bytes)
        append(UInt16(truncatingIfNeeded: bits >> 16), to: &bytes)
    }
}

/// IEEE half precision.
///
/// ```
/// 0          2
/// | f16 value |
/// ```
enum F16: BlockFormat {
    static let layout = BlockLayout(ggufType: 1, elementCount: 1, byteCount: 2)

    static func decode(_ block: Span<UInt8>, into values: inout [Float]) {
        values[0] = half(block, at: 0)
    }

    static func encode(_ values: Span<Float>, into bytes: inout [UInt8]) {
        append(HalfPrecision.bits(values[0]), to: &bytes)
    }
}

/// The upper half of single precision.
///
/// ```
/// 0           2
/// | bf16 value |
/// ```
enum BF16: BlockFormat {
    static let layout = BlockLayout(ggufType: 30, elementCount: 1, byteCount: 2)

    static func decode(_ block: Span<UInt8>, into values: inout [Float]) {
        values[0] = Float(bitPattern: UInt32(bits(block, at: 0)) << 16)
    }

    static func encode(_ values: Span<Float>, into bytes: inout [UInt8]) {
        let bits = values[0].bitPattern
        // To the nearest, ties to even; NaN becomes quiet and stays NaN.
        let rounded =
            values[0].isNaN ? bits >> 16 | 0x40 : (bits &+ 0x7FFF &+ (bits >> 16 & 1)) >> 16
        append(UInt16(truncatingIfNeeded: rounded), to: &bytes)
    }
}
