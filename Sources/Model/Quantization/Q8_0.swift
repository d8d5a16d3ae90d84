// SPDX-License-Identifier: Apache-2.0

/// 32 signed bytes with one scale: value k = q[k] · d.
///
/// ```
/// 0       2              34
/// | f16 d | i8 q[0..<32] |
/// ```
enum Q8_0: BlockFormat {
    static let layout = BlockLayout(ggufType: 8, elementCount: 32, byteCount: 34)

    static func decode(_ block: Span<UInt8>, into values: inout [Float]) {
        let d = half(block, at: 0)
        for k in 0..<32 { values[k] = Float(Int8(bitPattern: block[2 + k])) * d }
    }

    static func encode(_ values: Span<Float>, into bytes: inout [UInt8]) {
        var largest: Float = 0
        for k in 0..<32 { largest = max(largest, abs(values[k])) }
        let d = min(largest / 127, 65504)
        let inverse = d == 0 ? 0 : 1 / d
        append(HalfPrecision.bits(d), to: &bytes)
        for k in 0..<32 {
            let scaled = (values[k] * inverse).rounded(.toNearestOrAwayFromZero)
            bytes.append(UInt8(bitPattern: Int8(integer(scaled, in: -128...127))))
        }
    }
}
