// SPDX-License-Identifier: Apache-2.0

/// 32 codes of 4 bits with one scale: value k = (q[k] − 8) · d.
///
/// ```
/// 0       2                                              18
/// | f16 d | byte j of 16: q[j] low half, q[j + 16] high half |
/// ```
enum Q4_0: EncodableBlockFormat {
    static func decode(_ block: Span<UInt8>, into values: inout [Float]) {
        let d = half(block, at: 0)
        for j in 0..<16 {
            values[j] = Float(Int(block[2 + j] & 15) - 8) * d
            values[j + 16] = Float(Int(block[2 + j] >> 4) - 8) * d
        }
    }

    static func encode(_ values: Span<Float>, into bytes: inout [UInt8]) {
        // The element of largest magnitude gets code 0, which stands for −8.
        var extreme: Float = 0
        for k in 0..<32 where abs(values[k]) > abs(extreme) { extreme = values[k] }
        let d = extreme / -8
        let inverse = d == 0 ? 0 : 1 / d
        append(HalfPrecision.bits(d), to: &bytes)
        for j in 0..<16 {
            let low = integer(values[j] * inverse + 8.5, in: 0...15)
            let high = integer(values[j + 16] * inverse + 8.5, in: 0...15)
            bytes.append(UInt8(low | high << 4))
        }
    }
}
