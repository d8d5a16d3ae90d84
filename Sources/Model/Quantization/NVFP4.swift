// SPDX-License-Identifier: Apache-2.0

/// 64 numbers of 4 bits (E2M1) in 4 sub-blocks: value k = s / 2 · level[q[k]].
///
/// ```
/// 0               4                36
/// | E4M3 s[0..<4] | u8 q[0..<32] |
/// ```
/// Sub-block i of 16 has 8 bytes: byte j holds q[j] in its low half and q[j + 8] in its high half.
/// The scales have no sign; 127, which would be no number, is 0. Levels are those of `MXFP4`.
enum NVFP4: BlockDecoding {
    static let layout = BlockLayout(ggufType: 40, elementCount: 64, byteCount: 36)
    static let floatOffsets: [Int] = []

    static func decode(_ block: Span<UInt8>, into values: inout [Float]) {
        for i in 0..<4 {
            let scale = scale(block[i])
            for j in 0..<8 {
                let byte = block[4 + 8 * i + j]
                values[16 * i + j] = scale * MXFP4.levels[Int(byte & 15)]
                values[16 * i + j + 8] = scale * MXFP4.levels[Int(byte >> 4)]
            }
        }
    }

    /// Half of an E4M3 number.
    private static func scale(_ byte: UInt8) -> Float {
        guard byte != 127 else { return 0 }
        let exponent = Int(byte >> 3 & 15)
        let mantissa = Float(byte & 7)
        return exponent == 0
            ? mantissa * 0x1p-10
            : (8 + mantissa) * Float(sign: .plus, exponent: exponent - 11, significand: 1)
    }
}
