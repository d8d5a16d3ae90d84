// SPDX-License-Identifier: Apache-2.0

/// Matrices of eight or four bits whose scales lie elsewhere: value = code · scale, in f32.
///
/// Rows of `count` matrices lie one after another.
package struct ScaledCodes: Sendable {
    /// Where bytes begin.
    package typealias Place = (storage: ByteStorage, byteOffset: Int)

    /// How the codes and scales lie.
    package enum Form: Sendable {
        /// Codes `[rows of all, columns]` of E4M3; `scales` are `[count, blocks of rows, blocks of
        /// columns]`.
        case e4m3(scales: [Float], blockRows: Int, blockColumns: Int)
        /// Codes `[rows of all, columns / 2]` of E2M1, the even column in the low half; scales of 16
        /// codes `[rows of all, columns / 16]` of E4M3 at a place, times or by `factors`, one for
        /// each matrix.
        case e2m1(scales: Place, factors: [Float], divides: Bool)
    }

    /// Where the codes are.
    package var codes: Place
    /// How they and their scales lie.
    package var form: Form

    /// Describes codes and scales whose places have been checked.
    package init(codes: Place, form: Form) {
        self.codes = codes
        self.form = form
    }

    /// What the codes of E4M3 mean: 4 bits of exponent, 3 of mantissa, no infinity.
    ///
    /// - Source: arXiv:2209.05433, table 1 (`float8_e4m3fn` of torch).
    static let e4m3Levels: [Float] = (0..<256).map { code in
        let (exponent, mantissa) = (code >> 3 & 15, Float(code & 7))
        guard code & 127 != 127 else { return .nan }
        let size =
            exponent == 0
            ? mantissa * 0x1p-9
            : (8 + mantissa) * Float(sign: .plus, exponent: exponent - 10, significand: 1)
        return code < 128 ? size : -size
    }
}
