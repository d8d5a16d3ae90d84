// SPDX-License-Identifier: Apache-2.0

/// 256 codes of 6 bits in 16 sub-blocks: value k = (d · s) · (q[k] − 32).
///
/// ```
/// 0               128             192                  208     210
/// | u8 low[0..<128] | u8 high[0..<64] | i8 scales[0..<16] | f16 d |
/// ```
/// Element k = 128h + 32p + j has its low 4 bits in byte 64h + 32 · (p % 2) + j of low, low half for
/// p < 2, and its high 2 bits at 2p of byte 32h + j of high.
enum Q6_K: BlockFormat {
    static let layout = BlockLayout(ggufType: 14, elementCount: 256, byteCount: 210)
    static let floatOffsets: [Int] = [208]

    static func decode(_ block: Span<UInt8>, into values: inout [Float]) {
        let d = half(block, at: 208)
        for k in 0..<256 {
            let h = k / 128
            let p = k % 128 / 32
            let byte = block[64 * h + 32 * (p % 2) + k % 32]
            let low = p < 2 ? byte & 15 : byte >> 4
            let high = block[128 + 32 * h + k % 32] >> (2 * p) & 3
            let scale = d * Float(Int8(bitPattern: block[192 + k / 16]))
            values[k] = scale * Float(Int(low | high << 4) - 32)
        }
    }

    static func encode(_ values: Span<Float>, into bytes: inout [UInt8]) {
        let block = SignedBlock(values, subBlockSize: 16, scaleRange: -128...127, search: search)
        for h in stride(from: 0, to: 256, by: 128) {
            for j in h..<h + 64 { bytes.append(block.codes[j] & 15 | block.codes[j + 64] << 4) }
        }
        for h in stride(from: 0, to: 256, by: 128) {
            for j in h..<h + 32 {
                var high: UInt8 = 0
                for p in 0..<4 { high |= (block.codes[j + 32 * p] >> 4) << UInt8(2 * p) }
                bytes.append(high)
            }
        }
        for scale in block.scales { bytes.append(UInt8(bitPattern: Int8(scale))) }
        append(block.d, to: &bytes)
    }

    private static let search = ScaleSearch(levels: IntegerLevels(-32...31), reach: -1.5...0.6)
}
