// SPDX-License-Identifier: Apache-2.0

/// 32 codes of 4 bits that choose among fixed levels: value k = d · level[q[k]].
///
/// ```
/// 0       2                                              18
/// | f16 d | byte j of 16: q[j] low half, q[j + 16] high half |
/// ```
enum IQ4_NL: BlockFormat {
    static let layout = BlockLayout(ggufType: 20, elementCount: 32, byteCount: 18)

    /// The level of each code.
    static let levels: [Float] = [
        -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113,
    ]

    static func decode(_ block: Span<UInt8>, into values: inout [Float]) {
        let d = half(block, at: 0)
        for j in 0..<16 {
            values[j] = d * levels[Int(block[2 + j] & 15)]
            values[j + 16] = d * levels[Int(block[2 + j] >> 4)]
        }
    }

    static func encode(_ values: Span<Float>, into bytes: inout [UInt8]) {
        let (d, codes) = OneScaleBlock.encode(values, search)
        append(d, to: &bytes)
        appendHalves(codes.span, to: &bytes)
    }

    static let search = ScaleSearch(levels: UnevenLevels(levels), reach: -24...12)
}
