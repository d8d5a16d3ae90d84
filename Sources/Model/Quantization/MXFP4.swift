// SPDX-License-Identifier: Apache-2.0

/// 32 numbers of 4 bits (E2M1) that share a power of two: value k = 2^(e − 128) · level[q[k]].
///
/// ```
/// 0      1                                              17
/// | u8 e | byte j of 16: q[j] low half, q[j + 16] high half |
/// ```
/// - Source: OCP Microscaling Formats (MX) 1.0; levels are twice the numbers, as in ggml.
enum MXFP4: BlockDecoding {
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
}
