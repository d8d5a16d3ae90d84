// SPDX-License-Identifier: Apache-2.0

/// 256 levels out of a grid of 256 entries of 8: value = (d · (0.5 + s)) / 4 · ±level.
///
/// ```
/// 0       2                                                                       66
/// | f16 d | 8 × (u8 entry[0..<4], u32: signs of 7 bits × 4, s in the highest 4 bits) |
/// ```
enum IQ2_XXS: GridFormat {
    static let layout = BlockLayout(ggufType: 16, elementCount: 256, byteCount: 66)

    static var grid: IQGrid { .iq2XXS }

    static func decode(_ block: Span<UInt8>, into values: inout [Float]) {
        let d = half(block, at: 0)
        for k in 0..<256 {
            let group = 2 + k / 32 * 8
            let word = word(block, at: group + 4)
            let scale = d * (0.5 + Float(word >> 28)) * 0.25
            let j = k / 8 % 4
            let signs = evenSigns(word >> UInt32(7 * j))
            values[k] = scale * (sign(signs, k % 8) * grid.level(Int(block[group + j]), k % 8))
        }
    }
}
