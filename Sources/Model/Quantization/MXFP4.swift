// SPDX-License-Identifier: Apache-2.0

/// 32 numbers of 4 bits (E2M1) that share a power of two: value k = 2^(e − 128) · level[q[k]].
///
/// ```
/// 0      1                                              17
/// | u8 e | byte j of 16: q[j] low half, q[j + 16] high half |
/// ```
/// - Source: OCP Microscaling Formats (MX) 1.0; levels are twice the numbers, as in ggml.
enum MXFP4: Rewritable {
    static let layout = BlockLayout(ggufType: 39, elementCount: 32, byteCount: 17)
    static let floatOffsets: [Int] = []
    /// Powers of two from 2^124 on.
    static let spreadExponent: SpreadExponent? = (offset: 0, mask: 0xFC)

    /// Twice the value of each code.
    static let levels: [Float] = [0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12]

    static func decode(_ block: Span<UInt8>, into values: inout [Float]) {
        let e = UInt32(block[0])
        // 2^(e − 128) is subnormal for e below 2.
        let d = Float(bitPattern: e < 2 ? 0x0020_0000 << e : (e - 1) << 23)
        for j in 0..<16 {
            values[j] = d * levels[Int(block[1 + j] & 15)]
            values[j + 16] = d * levels[Int(block[1 + j] >> 4)]
        }
    }

    // MARK: Rewriting

    /// The levels are whole numbers from −12 to 12, and most scales can be written in half precision,
    /// which is what `Q5_0` has.
    static var rewrittenType: ElementType { .q5_0 }

    /// The scale must be one that half precision has, unless all elements are 0: then it does not
    /// matter, and 0 is written for it.
    static func canRewrite(_ blocks: Span<UInt8>, at start: Int) -> Bool {
        halfScales.contains(blocks[start])
            || (start + 1..<start + 17).allSatisfy { blocks[$0] & 0x77 == 0 }
    }

    /// The scales 2^−24 to 2^15.
    private static let halfScales: ClosedRange<UInt8> = 104...143

    static func rewrite(
        _ block: Span<UInt8>, to target: inout MutableSpan<UInt8>, at start: Int
    ) {
        target.set(halfBits(scale: block[0]), at: start)
        var high: UInt32 = 0
        for j in 0..<16 {
            let first = q5Code(block[1 + j] & 15)
            let second = q5Code(block[1 + j] >> 4)
            high |= (first >> 4) << UInt32(j) | (second >> 4) << UInt32(j + 16)
            target[start + 6 + j] = UInt8(first & 15 | (second & 15) << 4)
        }
        target.set(UInt16(truncatingIfNeeded: high), at: start + 2)
        target.set(UInt16(high >> 16), at: start + 4)
    }

    /// The bits of 2^(e − 128) in half precision; 0 where that has no such number.
    private static func halfBits(scale e: UInt8) -> UInt16 {
        guard halfScales.contains(e) else { return 0 }
        // Below 2^−14 halves are multiples of 2^−24.
        return e < 114 ? 1 << UInt16(e - 104) : UInt16(e - 113) << 10
    }

    /// The code of `Q5_0` for a level: 16 more than it is.
    private static func q5Code(_ code: UInt8) -> UInt32 {
        // Magnitudes 0, 1, 2, 3, 4, 6, 8 and 12, four bits each.
        let magnitude = UInt32(0xC864_3210 >> (4 * (UInt32(code) & 7)) & 15)
        return code < 8 ? 16 + magnitude : 16 - magnitude
    }
}
