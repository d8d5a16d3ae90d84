// SPDX-License-Identifier: Apache-2.0

/// 256 codes of 4 bits in 8 sub-blocks: value k = (d · (s − 32)) · level[q[k]].
///
/// ```
/// 0       2          4               8               136
/// | f16 d | u16 high | u8 low[0..<4] | u8 q[0..<128] |
/// ```
/// Sub-block i holds elements 32i to 32i + 31, laid out as in `IQ4_NL`. Scale i has its low 4 bits in
/// byte i / 2 of low, low half for even i, and its high 2 bits at 2i of high.
enum IQ4_XS: BlockFormat {
    static let layout = BlockLayout(ggufType: 23, elementCount: 256, byteCount: 136)

    static func decode(_ block: Span<UInt8>, into values: inout [Float]) {
        let d = half(block, at: 0)
        let high = bits(block, at: 2)
        for k in 0..<256 {
            let i = k / 32
            let low = block[4 + i / 2] >> (i % 2 * 4) & 15
            let scale = d * Float(Int(low) + Int(high >> (2 * i) & 3) * 16 - 32)
            let byte = block[8 + 16 * i + k % 16]
            values[k] = scale * IQ4_NL.levels[Int(k % 32 < 16 ? byte & 15 : byte >> 4)]
        }
    }

    static func encode(_ values: Span<Float>, into bytes: inout [UInt8]) {
        let block = SignedBlock(
            values, subBlockSize: 32, scaleRange: -32...31, search: IQ4_NL.search)
        append(block.d, to: &bytes)
        var high: UInt16 = 0
        for i in 0..<8 { high |= UInt16((block.scales[i] + 32) >> 4) << UInt16(2 * i) }
        append(high, to: &bytes)
        for i in stride(from: 0, to: 8, by: 2) {
            bytes.append(
                UInt8((block.scales[i] + 32) & 15 | ((block.scales[i + 1] + 32) & 15) << 4))
        }
        for first in stride(from: 0, to: 256, by: 32) {
            appendHalves(block.codes.span.extracting(first..<first + 32), to: &bytes)
        }
    }
}
