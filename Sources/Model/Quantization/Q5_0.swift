// SPDX-License-Identifier: Apache-2.0

/// 32 codes of 5 bits with one scale: value k = (q[k] − 16) · d.
///
/// ```
/// 0       2                       6                                             22
/// | f16 d | u32: bit k = q[k] / 16 | byte j of 16: q[j] low half, q[j + 16] high half |
/// ```
enum Q5_0: BlockFormat {
    static let layout = BlockLayout(ggufType: 6, elementCount: 32, byteCount: 22)

    static func decode(_ block: Span<UInt8>, into values: inout [Float]) {
        let d = half(block, at: 0)
        for j in 0..<16 {
            values[j] = Float(code(block, j, at: 2) - 16) * d
            values[j + 16] = Float(code(block, j + 16, at: 2) - 16) * d
        }
    }

    /// Code k, 0 to 31, of a block whose high bits begin at a byte and are followed by the halves.
    static func code(_ block: Span<UInt8>, _ k: Int, at start: Int) -> Int {
        let high = Int(block[start + k / 8] >> (k % 8) & 1)
        let byte = block[start + 4 + k % 16]
        return Int(k < 16 ? byte & 15 : byte >> 4) | high << 4
    }

    static func encode(_ values: Span<Float>, into bytes: inout [UInt8]) {
        let (d, codes) = OneScaleBlock.encode(values, search)
        append(d, to: &bytes)
        appendCodes(codes.span, to: &bytes)
    }

    private static let search = ScaleSearch(levels: IntegerLevels(-16...15), reach: -1.5...0.6)

    /// Appends the high bits of 32 codes of 5 bits, then the halves.
    static func appendCodes(_ codes: Span<UInt8>, to bytes: inout [UInt8]) {
        for first in stride(from: 0, to: 32, by: 8) {
            var high: UInt8 = 0
            for k in 0..<8 { high |= (codes[first + k] >> 4) << UInt8(k) }
            bytes.append(high)
        }
        appendHalves(codes, to: &bytes)
    }
}
