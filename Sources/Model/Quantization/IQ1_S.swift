// SPDX-License-Identifier: Apache-2.0

/// 256 levels −1, 0 and 1 out of a grid of 2048 entries of 8, all of a sub-block of 32 shifted by an
/// eighth: value = d · (2 · s + 1) · (level ± 1/8).
///
/// ```
/// 0       2                  34                                                            50
/// | f16 d | u8 low bits [32] | 8 × u16: high bits of 3 × 4, s of 3, 1 where the shift is −1/8 |
/// ```
enum IQ1_S: GridFormat {
    static let layout = BlockLayout(ggufType: 19, elementCount: 256, byteCount: 50)

    static var grid: IQGrid { .iq1 }

    static func decode(_ block: Span<UInt8>, into values: inout [Float]) {
        let d = half(block, at: 0)
        for k in 0..<256 {
            let word = Int(bits(block, at: 34 + k / 32 * 2))
            let scale = d * Float(2 * (word >> 12 & 7) + 1)
            let j = k / 8
            let entry = Int(block[2 + j]) | (word >> (j % 4 * 3) & 7) << 8
            values[k] = scale * (grid.level(entry, k % 8) + (word >> 15 == 0 ? 0.125 : -0.125))
        }
    }
}
