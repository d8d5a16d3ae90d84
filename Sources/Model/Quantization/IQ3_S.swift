// SPDX-License-Identifier: Apache-2.0

/// 256 levels out of a grid of 512 entries of 4: value = d · (1 + 2 · s) · ±level.
///
/// ```
/// 0       2                  66                  74           106                110
/// | f16 d | u8 low bits [64] | u1 high bits [64] | signs [32] | u4 s[8], low first |
/// ```
enum IQ3_S: GridFormat {
    static let layout = BlockLayout(ggufType: 21, elementCount: 256, byteCount: 110)

    static var grid: IQGrid { .iq3S }

    static func decode(_ block: Span<UInt8>, into values: inout [Float]) {
        let d = half(block, at: 0)
        for k in 0..<256 {
            let scale = d * Float(1 + 2 * nibble(block, at: 106, k / 32))
            let j = k / 4
            let entry = Int(block[2 + j]) | Int(block[66 + j / 8] >> (j % 8) & 1) << 8
            values[k] = scale * (sign(UInt32(block[74 + k / 8]), k % 8) * grid.level(entry, k % 4))
        }
    }
}
