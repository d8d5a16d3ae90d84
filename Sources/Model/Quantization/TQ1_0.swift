// SPDX-License-Identifier: Apache-2.0

/// 256 digits of base 3, five in a byte: value = d · (digit − 1).
///
/// ```
/// 0            48          52      54
/// | u8 q[0..<48] | u8 q[4] | f16 d |
/// ```
/// A byte is a fraction of 256: the digits are what multiplying with 3 carries out of it, again and
/// again. The elements are the first digits of bytes 0 to 31, their second digits, and so on to the
/// fifth; then likewise bytes 32 to 47; then four digits of the last four bytes.
enum TQ1_0: Rewritable {
    static let layout = BlockLayout(ggufType: 34, elementCount: 256, byteCount: 54)
    static let floatOffsets: [Int] = [52]

    static func decode(_ block: Span<UInt8>, into values: inout [Float]) {
        let d = half(block, at: 52)
        forEachDigit(of: block) { k, digit in values[k] = d * (Float(digit) - 1) }
    }

    private static func forEachDigit(
        of block: Span<UInt8>, _ body: (_ k: Int, _ digit: UInt8) -> Void
    ) {
        var k = 0
        for (bytes, digits) in [(0..<32, 5), (32..<48, 5), (48..<52, 4)] {
            var power: UInt8 = 1
            for _ in 0..<digits {
                for byte in bytes {
                    body(k, UInt8((UInt16(block[byte] &* power) * 3) >> 8))
                    k += 1
                }
                power &*= 3
            }
        }
    }

    // MARK: Rewriting

    /// d · q − d, as `TQ2_0` is written: the same values but for the sign of zero.
    static var rewrittenType: ElementType { .q2_K }

    static func canRewrite(_ blocks: Span<UInt8>, at start: Int) -> Bool {
        TQ2_0.isScaleUsual(blocks, at: start + 52)
    }

    static func rewrite(
        _ block: Span<UInt8>, to target: inout MutableSpan<UInt8>, at start: Int
    ) {
        var codes = InlineArray<64, UInt8>(repeating: 0)
        forEachDigit(of: block) { k, digit in
            codes[k / 128 * 32 + k % 32] |= digit << UInt8(k % 128 / 32 * 2)
        }
        for j in 0..<64 { target[start + 16 + j] = codes[j] }
        TQ2_0.setScale(bits(block, at: 52), of: &target, at: start)
    }
}
