// SPDX-License-Identifier: Apache-2.0

/// 256 codes of 5 bits in 8 sub-blocks: value k = (d · s) · q[k] − (dmin · m).
///
/// ```
/// 0       2          4                    16                48              176
/// | f16 d | f16 dmin | u8 scales[0..<12]  | u8 high[0..<32] | u8 q[0..<128] |
/// ```
/// Scales, minimums and low bits as in `Q4_K`; the highest bit of element 32i + j is bit i of byte j
/// of high.
enum Q5_K: BlockFormat {
    static let layout = BlockLayout(ggufType: 13, elementCount: 256, byteCount: 176)
    static let floatOffsets: [Int] = [0, 2]

    static func decode(_ block: Span<UInt8>, into values: inout [Float]) {
        let d = half(block, at: 0)
        let dmin = half(block, at: 2)
        for k in 0..<256 {
            let (s, m) = Q4_K.scale(block, k / 32)
            let byte = block[48 + k / 64 * 32 + k % 32]
            let low = k / 32 % 2 == 0 ? byte & 15 : byte >> 4
            let high = block[16 + k % 32] >> (k / 32) & 1
            values[k] = d * Float(s) * Float(low | high << 4) - dmin * Float(m)
        }
    }

    static func encode(_ values: Span<Float>, into bytes: inout [UInt8]) {
        let block = AffineBlock(values, subBlockSize: 32, highest: 63, search: search)
        Q4_K.appendScales(of: block, to: &bytes)
        for j in 0..<32 {
            var high: UInt8 = 0
            for i in 0..<8 { high |= (block.codes[32 * i + j] >> 4) << UInt8(i) }
            bytes.append(high)
        }
        Q4_K.appendPairs(block.codes.span, to: &bytes)
    }

    private static let search = AffineSearch(highest: 31, allowsPositive: false, reach: -1.5...0.6)
}
