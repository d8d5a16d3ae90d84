// SPDX-License-Identifier: Apache-2.0

/// 256 codes of 2 bits: value = d · (q − 1).
///
/// ```
/// 0                64      66
/// | u2 q, quarters | f16 d |
/// ```
/// Element k of each half of 128 is at bits 2 · (k / 32) of the half's byte k mod 32.
enum TQ2_0: Rewritable {
    static let layout = BlockLayout(ggufType: 35, elementCount: 256, byteCount: 66)
    static let floatOffsets: [Int] = [64]

    static func decode(_ block: Span<UInt8>, into values: inout [Float]) {
        let d = half(block, at: 64)
        for k in 0..<256 {
            let q = block[k / 128 * 32 + k % 32] >> (k % 128 / 32 * 2) & 3
            values[k] = d * (Float(q) - 1)
        }
    }

    // MARK: Rewriting

    /// d · q − d, with the same codes in the same places: the same values, bit for bit but for the
    /// sign of zero.
    ///
    /// Where d is 0, code 0 means 0 · −1 = −0 here, and 0 − 0 = 0 there.
    static var rewrittenType: ElementType { .q2_K }

    static func canRewrite(_ blocks: Span<UInt8>, at start: Int) -> Bool {
        isScaleUsual(blocks, at: start + 64)
    }

    /// Whether the scale at a byte, in half precision, is finite and not negative: with a negative
    /// one, every code 1 would be −0 here and 0 there.
    static func isScaleUsual(_ blocks: Span<UInt8>, at index: Int) -> Bool {
        blocks[index + 1] < 0x7C
    }

    static func rewrite(
        _ block: Span<UInt8>, to target: inout MutableSpan<UInt8>, at start: Int
    ) {
        for j in 0..<64 { target[start + 16 + j] = block[j] }
        setScale(bits(block, at: 64), of: &target, at: start)
    }

    /// Completes a block of `Q2_K` with d · q − d for all its elements.
    static func setScale(
        _ d: UInt16, of target: inout MutableSpan<UInt8>, at start: Int
    ) {
        for i in 0..<16 { target[start + i] = 0x11 }
        target.set(d, at: start + 80)
        target.set(d, at: start + 82)
    }
}
