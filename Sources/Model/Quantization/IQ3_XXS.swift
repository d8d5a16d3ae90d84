// SPDX-License-Identifier: Apache-2.0

/// 256 levels out of a grid of 256 entries of 4: value = (d · (0.5 + s)) / 2 · ±level.
///
/// ```
/// 0       2               66                                                     98
/// | f16 d | u8 entry [64] | 8 × u32: signs of 7 bits × 4, s in the highest 4 bits |
/// ```
enum IQ3_XXS: GridFormat {
    static let layout = BlockLayout(ggufType: 18, elementCount: 256, byteCount: 98)

    static var grid: IQGrid { .iq3XXS }

    static func decode(_ block: Span<UInt8>, into values: inout [Float]) {
        let d = half(block, at: 0)
        for k in 0..<256 {
            let word = word(block, at: 66 + k / 32 * 4)
            let scale = d * (0.5 + Float(word >> 28)) * 0.5
            let signs = evenSigns(word >> UInt32(7 * (k / 8 % 4)))
            values[k] = scale * (sign(signs, k % 8) * grid.level(Int(block[2 + k / 4]), k % 4))
        }
    }
}
