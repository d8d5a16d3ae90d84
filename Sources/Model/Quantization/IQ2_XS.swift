// SPDX-License-Identifier: Apache-2.0

/// 256 levels out of a grid of 512 entries of 8: value = (d · (0.5 + s)) / 4 · ±level.
///
/// ```
/// 0       2                                                66                 74
/// | f16 d | 32 × u16: entry in the low 9 bits, then 7 signs | u4 s[16], low first |
/// ```
enum IQ2_XS: GridFormat {
    static let layout = BlockLayout(ggufType: 17, elementCount: 256, byteCount: 74)

    static var grid: IQGrid { .iq2XS }

    static func decode(_ block: Span<UInt8>, into values: inout [Float]) {
        let d = half(block, at: 0)
        for k in 0..<256 {
            let scale = d * (0.5 + Float(nibble(block, at: 66, k / 16))) * 0.25
            let code = UInt32(bits(block, at: 2 + k / 8 * 2))
            values[k] =
                scale * (sign(evenSigns(code >> 9), k % 8) * grid.level(Int(code & 511), k % 8))
        }
    }
}
