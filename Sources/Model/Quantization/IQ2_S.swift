// SPDX-License-Identifier: Apache-2.0

/// 256 levels out of a grid of 1024 entries of 8: value = (d · (0.5 + s)) / 4 · ±level.
///
/// ```
/// 0       2                  34            66                   74                 82
/// | f16 d | u8 low bits [32] | signs [32] | u2 high bits [32] | u4 s[16], low first |
/// ```
enum IQ2_S: GridFormat {
    static let layout = BlockLayout(ggufType: 22, elementCount: 256, byteCount: 82)

    static var grid: IQGrid { .iq2S }

    static func decode(_ block: Span<UInt8>, into values: inout [Float]) {
        let d = half(block, at: 0)
        for k in 0..<256 {
            let scale = d * (0.5 + Float(nibble(block, at: 74, k / 16))) * 0.25
            let j = k / 8
            let entry = Int(block[2 + j]) | Int(block[66 + j / 4] >> (j % 4 * 2) & 3) << 8
            values[k] = scale * (sign(UInt32(block[34 + j]), k % 8) * grid.level(entry, k % 8))
        }
    }
}
