// SPDX-License-Identifier: Apache-2.0

/// 256 levels −1, 0 and 1 out of the grid of `IQ1_S`, each entry shifted by an eighth: value =
/// d · (2 · s + 1) · (level ± 1/8).
///
/// ```
/// 0                  32                                                       48            56
/// | u8 low bits [32] | u4 [32]: high bits of 3, 1 where the shift is −1/8 | u16 word[0..<4] |
/// ```
/// Each word has four s of 3 bits, and in its highest 4 bits a quarter of f16 d, the lowest first.
enum IQ1_M: GridFormat {
    static let layout = BlockLayout(ggufType: 29, elementCount: 256, byteCount: 56)
    static let floatOffsets: [Int] = []
    /// A quarter of the f16 d each in the highest bits of two words.
    static let spreadExponent: SpreadExponent? = (offset: 52, mask: 0x7000_C000)

    static var grid: IQGrid { .iq1 }

    static func decode(_ block: Span<UInt8>, into values: inout [Float]) {
        let d = HalfPrecision.value(scaleBits(block))
        for k in 0..<256 {
            let word = Int(bits(block, at: 48 + k / 64 * 2))
            let scale = d * Float(2 * (word >> (k / 16 % 4 * 3) & 7) + 1)
            let high = nibble(block, at: 32, k / 8)
            let entry = Int(block[k / 8]) | (high & 7) << 8
            values[k] = scale * (grid.level(entry, k % 8) + (high & 8 == 0 ? 0.125 : -0.125))
        }
    }

    private static func scaleBits(_ block: Span<UInt8>) -> UInt16 {
        var result: UInt16 = 0
        for i in 0..<4 { result |= (bits(block, at: 48 + 2 * i) >> 12) << UInt16(4 * i) }
        return result
    }
}
