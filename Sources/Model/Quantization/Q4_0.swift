// SPDX-License-Identifier: Apache-2.0

/// 32 codes of 4 bits with one scale: value k = (q[k] − 8) · d.
///
/// ```
/// 0       2                                              18
/// | f16 d | byte j of 16: q[j] low half, q[j + 16] high half |
/// ```
enum Q4_0: BlockFormat {
    static let layout = BlockLayout(ggufType: 2, elementCount: 32, byteCount: 18)

    static func decode(_ block: Span<UInt8>, into values: inout [Float]) {
        let d = half(block, at: 0)
        for j in 0..<16 {
            values[j] = Float(Int(block[2 + j] & 15) - 8) * d
            values[j + 16] = Float(Int(block[2 + j] >> 4) - 8) * d
        }
    }

    static func encode(_ values: Span<Float>, into bytes: inout [UInt8]) {
        let (d, codes) = OneScaleBlock.encode(values, search)
        append(d, to: &bytes)
        appendHalves(codes.span, to: &bytes)
    }

    private static let search = ScaleSearch(levels: IntegerLevels(-8...7), reach: -1.2...1.2)
}
