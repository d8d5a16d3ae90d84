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
enum TQ1_0: BlockDecoding {
    static let layout = BlockLayout(ggufType: 34, elementCount: 256, byteCount: 54)
    static let floatOffsets: [Int] = [52]

    static func decode(_ block: Span<UInt8>, into values: inout [Float]) {
        let d = half(block, at: 52)
        var k = 0
        for (bytes, digits) in [(0..<32, 5), (32..<48, 5), (48..<52, 4)] {
            var power: UInt8 = 1
            for _ in 0..<digits {
                for byte in bytes {
                    let digit = (UInt16(block[byte] &* power) * 3) >> 8
                    values[k] = d * (Float(digit) - 1)
                    k += 1
                }
                power &*= 3
            }
        }
    }
}
