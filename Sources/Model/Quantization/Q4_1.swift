// SPDX-License-Identifier: Apache-2.0

/// 32 codes of 4 bits with a scale and a minimum: value k = q[k] · d + m.
///
/// ```
/// 0       2       4                                              20
/// | f16 d | f16 m | byte j of 16: q[j] low half, q[j + 16] high half |
/// ```
enum Q4_1: BlockFormat {
    static let layout = BlockLayout(ggufType: 3, elementCount: 32, byteCount: 20)
    static let floatOffsets: [Int] = [0, 2]

    static func decode(_ block: Span<UInt8>, into values: inout [Float]) {
        let d = half(block, at: 0)
        let m = half(block, at: 2)
        for j in 0..<16 {
            values[j] = Float(block[4 + j] & 15) * d + m
            values[j + 16] = Float(block[4 + j] >> 4) * d + m
        }
    }

    static func encode(_ values: Span<Float>, into bytes: inout [UInt8]) {
        let (d, m, codes) = SingleAffineBlock.encode(values, search)
        append(d, to: &bytes)
        append(m, to: &bytes)
        appendHalves(codes.span, to: &bytes)
    }

    private static let search = AffineSearch(highest: 15, allowsPositive: true, reach: -1.5...0.6)
}
