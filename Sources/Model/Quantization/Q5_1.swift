// SPDX-License-Identifier: Apache-2.0

/// 32 codes of 5 bits with a scale and a minimum: value k = q[k] · d + m.
///
/// ```
/// 0       2       4                       8                                             24
/// | f16 d | f16 m | u32: bit k = q[k] / 16 | byte j of 16: q[j] low half, q[j + 16] high half |
/// ```
enum Q5_1: BlockFormat {
    static let layout = BlockLayout(ggufType: 7, elementCount: 32, byteCount: 24)
    static let floatOffsets: [Int] = [0, 2]

    static func decode(_ block: Span<UInt8>, into values: inout [Float]) {
        let d = half(block, at: 0)
        let m = half(block, at: 2)
        for k in 0..<32 { values[k] = Float(Q5_0.code(block, k, at: 4)) * d + m }
    }

    static func encode(_ values: Span<Float>, into bytes: inout [UInt8]) {
        let (d, m, codes) = SingleAffineBlock.encode(values, search)
        append(d, to: &bytes)
        append(m, to: &bytes)
        Q5_0.appendCodes(codes.span, to: &bytes)
    }

    private static let search = AffineSearch(highest: 31, allowsPositive: true, reach: -1.5...0.6)
}
