// SPDX-License-Identifier: Apache-2.0

/// 256 codes of 3 bits in 16 sub-blocks: value k = (d · (s − 32)) · (q[k] − 4).
///
/// ```
/// 0                  32             96                  108     110
/// | u8 high[0..<32]  | u8 q[0..<64] | u8 scales[0..<12] | f16 d |
/// ```
/// Element k = 128h + 32p + j has its low bits at 2p of byte 32h + j of q and its highest at
/// 4h + p of byte j of high. Scale i has its low 4 bits in byte i % 8, low half for i < 8, and its
/// high 2 bits at 2 · (i / 4) of byte 8 + i % 4.
enum Q3_K: BlockFormat {
    static let layout = BlockLayout(ggufType: 11, elementCount: 256, byteCount: 110)
    static let floatOffsets: [Int] = [108]

    static func decode(_ block: Span<UInt8>, into values: inout [Float]) {
        let d = half(block, at: 108)
        for k in 0..<256 {
            let i = k / 16
            let low = i < 8 ? block[96 + i] & 15 : block[96 + i - 8] >> 4
            let high = block[96 + 8 + i % 4] >> (2 * (i / 4)) & 3
            let scale = d * Float(Int(low | high << 4) - 32)
            let bits = block[32 + k / 128 * 32 + k % 32] >> (k % 128 / 32 * 2) & 3
            let top = block[k % 32] >> (k / 32) & 1
            values[k] = scale * Float(Int(bits | top << 2) - 4)
        }
    }

    static func encode(_ values: Span<Float>, into bytes: inout [UInt8]) {
        let block = SignedBlock(values, subBlockSize: 16, scaleRange: -32...31, search: search)
        for j in 0..<32 {
            var high: UInt8 = 0
            for i in 0..<8 { high |= (block.codes[32 * i + j] >> 2) << UInt8(i) }
            bytes.append(high)
        }
        appendQuarters(block.codes.span, to: &bytes)
        let scales = block.scales.map { UInt8($0 + 32) }
        for i in 0..<8 { bytes.append(scales[i] & 15 | scales[i + 8] << 4) }
        for i in 0..<4 {
            var high: UInt8 = 0
            for j in 0..<4 { high |= (scales[i + 4 * j] >> 4) << UInt8(2 * j) }
            bytes.append(high)
        }
        append(block.d, to: &bytes)
    }

    private static let search = ScaleSearch(levels: IntegerLevels(-4...3), reach: -1.2...1.2)
}
