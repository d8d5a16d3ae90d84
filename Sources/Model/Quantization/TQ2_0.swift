// SPDX-License-Identifier: Apache-2.0

/// 256 codes of 2 bits: value = d · (q − 1).
///
/// ```
/// 0                64      66
/// | u2 q, quarters | f16 d |
/// ```
/// Element k of each half of 128 is at bits 2 · (k / 32) of the half's byte k mod 32.
enum TQ2_0: BlockDecoding {
    static let layout = BlockLayout(ggufType: 35, elementCount: 256, byteCount: 66)
    static let floatOffsets: [Int] = [64]

    static func decode(_ block: Span<UInt8>, into values: inout [Float]) {
        let d = half(block, at: 64)
        for k in 0..<256 {
            let q = block[k / 128 * 32 + k % 32] >> (k % 128 / 32 * 2) & 3
            values[k] = d * (Float(q) - 1)
        }
    }
}
