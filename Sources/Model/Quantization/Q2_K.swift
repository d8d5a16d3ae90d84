// SPDX-License-Identifier: Apache-2.0

/// 256 codes of 2 bits in 16 sub-blocks: value k = (d · s) · q[k] − (dmin · m).
///
/// ```
/// 0                                   16            80      82         84
/// | byte i of 16: s[i] low, m[i] high | u8 q[0..<64] | f16 d | f16 dmin |
/// ```
/// Sub-block i holds elements 16i to 16i + 15. Element k = 128h + 32p + j has bits 2p and 2p + 1 of
/// byte 32h + j of q.
enum Q2_K: BlockFormat {
    static let layout = BlockLayout(ggufType: 10, elementCount: 256, byteCount: 84)
    static let floatOffsets: [Int] = [80, 82]

    static func decode(_ block: Span<UInt8>, into values: inout [Float]) {
        let d = half(block, at: 80)
        let dmin = half(block, at: 82)
        for k in 0..<256 {
            let scale = d * Float(block[k / 16] & 15)
            let offset = dmin * Float(block[k / 16] >> 4)
            let code = block[16 + k / 128 * 32 + k % 32] >> (k % 128 / 32 * 2) & 3
            values[k] = scale * Float(code) - offset
        }
    }

    static func encode(_ values: Span<Float>, into bytes: inout [UInt8]) {
        let block = AffineBlock(values, subBlockSize: 16, highest: 15, search: search)
        for i in 0..<16 { bytes.append(block.scales[i] | block.minimums[i] << 4) }
        appendQuarters(block.codes.span, to: &bytes)
        append(block.d, to: &bytes)
        append(block.dmin, to: &bytes)
    }

    private static let search = AffineSearch(highest: 3, allowsPositive: false, reach: -1...0.5)
}
