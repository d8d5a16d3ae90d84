// SPDX-License-Identifier: Apache-2.0

/// 32 codes of 4 bits with a scale and a minimum: value k = q[k] · d + m.
///
/// ```
/// 0       2       4                                              20
/// | f16 d | f16 m | byte j of 16: q[j] low half, q[j + 16] high half |
/// ```
enum Q4_1: EncodableBlockFormat {
    static func decode(_ block: Span<UInt8>, into values: inout [Float]) {
        let d = half(block, at: 0)
        let m = half(block, at: 2)
        for j in 0..<16 {
            values[j] = Float(block[4 + j] & 15) * d + m
            values[j + 16] = Float(block[4 + j] >> 4) * d + m
        }
    }

    static func encode(_ values: Span<Float>, into bytes: inout [UInt8]) {
        var least = values[0]
        var largest = values[0]
        for k in 1..<32 {
            least = min(least, values[k])
            largest = max(largest, values[k])
        }
        let d = (largest - least) / 15
        let inverse = d == 0 ? 0 : 1 / d
        append(HalfPrecision.bits(d), to: &bytes)
        append(HalfPrecision.bits(least), to: &bytes)
        for j in 0..<16 {
            let low = integer((values[j] - least) * inverse + 0.5, in: 0...15)
            let high = integer((values[j + 16] - least) * inverse + 0.5, in: 0...15)
            bytes.append(UInt8(low | high << 4))
        }
    }
}
