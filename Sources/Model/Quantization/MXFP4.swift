// SPDX-License-Identifier: Apache-2.0

/// 32 numbers of 4 bits (E2M1) that share a power of two: value k = 2^(e − 128) · level[q[k]].
///
/// ```
/// 0      1                                              17
/// | u8 e | byte j of 16: q[j] low half, q[j + 16] high half |
/// ```
/// - Source: OCP Microscaling Formats (MX) 1.0; levels are twice the numbers, as in ggml.
enum MXFP4: BlockFormat {
    static let layout = BlockLayout(ggufType: 39, elementCount: 32, byteCount: 17)
    static let floatOffsets: [Int] = []
    /// Powers of two from 2^124 on.
    static let spreadExponent: SpreadExponent? = (offset: 0, mask: 0xFC)

    /// Twice the value of each code.
    static let levels: [Float] = [0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12]

    static func decode(_ block: Span<UInt8>, into values: inout [Float]) {
        let d = scale(block[0])
        for j in 0..<16 {
            values[j] = d * levels[Int(block[1 + j] & 15)]
            values[j + 16] = d * levels[Int(block[1 + j] >> 4)]
        }
    }

    /// 2^(e − 128), which is subnormal for e below 2.
    private static func scale(_ e: UInt8) -> Float {
        Float(bitPattern: e < 2 ? 0x0020_0000 << UInt32(e) : UInt32(e - 1) << 23)
    }

    // MARK: Encoding

    /// The largest scale that is usable.
    private static let largestScale = 251

    static func encode(_ values: Span<Float>, into bytes: inout [UInt8]) {
        let block = ScaledBlock(values)
        guard block.unit > 0 else {
            bytes += [UInt8](repeating: 0, count: layout.byteCount)
            return
        }
        // The largest magnitude is worth 1 to 2 in `block`, and 4 to 8 levels of 2^−2, of which the
        // largest is 12 times 2^-3: the scales about it are tried.
        let exponents = (0..<3).map { exponent in
            min(max(Int(block.unit.exponent) + 128 - 4 + exponent, 0), largestScale)
        }
        var best: (error: Float, e: Int, codes: [UInt8])?
        for e in exponents {
            let unit = scale(UInt8(e)) / block.unit
            let codes = block.values.map { code($0 / unit) }
            var error: Float = 0
            for (value, code) in zip(block.values, codes) {
                let rest = value - unit * levels[Int(code)]
                error += rest * rest
            }
            if error < best?.error ?? .infinity { best = (error, e, codes) }
        }
        guard let best else { preconditionFailure("scales \(exponents)") }
        bytes.append(UInt8(best.e))
        appendHalves(best.codes.span, to: &bytes)
    }

    /// The code of the nearest level.
    private static func code(_ value: Float) -> UInt8 {
        var magnitude: UInt8 = 0
        for border: Float in [0.5, 1.5, 2.5, 3.5, 5, 7, 10] where abs(value) > border {
            magnitude += 1
        }
        return value < 0 && magnitude > 0 ? magnitude | 8 : magnitude
    }
}
