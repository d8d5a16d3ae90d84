// SPDX-License-Identifier: Apache-2.0

/// 256 codes of 4 bits in 8 sub-blocks: value k = (d · s) · q[k] − (dmin · m).
///
/// ```
/// 0       2          4                    16             144
/// | f16 d | f16 dmin | u8 scales[0..<12]  | u8 q[0..<128] |
/// ```
/// Sub-block i holds elements 32i to 32i + 31: the low halves of bytes 16i to 16i + 31 of q for even
/// i, the high halves of the same bytes as the sub-block before for odd i.
/// The 6-bit numbers of sub-block i < 4 are the low bits of bytes i (s) and i + 4 (m); those of
/// i >= 4 have their low 4 bits in byte i + 4 (s low, m high half) and their high 2 bits on top of
/// bytes i − 4 (s) and i (m).
enum Q4_K: BlockFormat {
    static let layout = BlockLayout(ggufType: 12, elementCount: 256, byteCount: 144)
    static let floatOffsets: [Int] = [0, 2]

    static func decode(_ block: Span<UInt8>, into values: inout [Float]) {
        let d = half(block, at: 0)
        let dmin = half(block, at: 2)
        for k in 0..<256 {
            let (s, m) = scale(block, k / 32)
            let byte = block[16 + k / 64 * 32 + k % 32]
            let code = k / 32 % 2 == 0 ? byte & 15 : byte >> 4
            values[k] = d * Float(s) * Float(code) - dmin * Float(m)
        }
    }

    /// The 6-bit scale and minimum of sub-block i of a block whose scales begin at byte 4.
    static func scale(_ block: Span<UInt8>, _ i: Int) -> (scale: UInt8, minimum: UInt8) {
        if i < 4 { return (block[4 + i] & 63, block[4 + i + 4] & 63) }
        let low = block[4 + i + 4]
        return (low & 15 | (block[4 + i - 4] >> 6) << 4, low >> 4 | (block[4 + i] >> 6) << 4)
    }

    static func encode(_ values: Span<Float>, into bytes: inout [UInt8]) {
        let block = AffineBlock(values, subBlockSize: 32, highest: 63, search: search)
        appendScales(of: block, to: &bytes)
        appendPairs(block.codes.span, to: &bytes)
    }

    private static let search = AffineSearch(highest: 15, allowsPositive: false, reach: -1.5...0.6)

    /// Appends d, dmin and the 6-bit numbers of 8 sub-blocks.
    static func appendScales(of block: AffineBlock, to bytes: inout [UInt8]) {
        append(block.d, to: &bytes)
        append(block.dmin, to: &bytes)
        for numbers in [block.scales, block.minimums] {
            for i in 0..<4 { bytes.append(numbers[i] | (numbers[i + 4] >> 4) << 6) }
        }
        for i in 4..<8 { bytes.append(block.scales[i] & 15 | block.minimums[i] << 4) }
    }

    /// Appends the low 4 bits of 256 codes, two sub-blocks of 32 in the halves of 32 bytes.
    static func appendPairs(_ codes: Span<UInt8>, to bytes: inout [UInt8]) {
        for first in stride(from: 0, to: 256, by: 64) {
            for j in first..<first + 32 { bytes.append(codes[j] & 15 | codes[j + 32] << 4) }
        }
    }
}
