// SPDX-License-Identifier: Apache-2.0

import CKernels

extension Compute {
    /// y[t] = x[t] / sqrt(mean(x[t]²) + epsilon) ⊙ weight, for the first `rowCount` rows.
    ///
    /// - Parameters:
    ///   - x: `[T, D]`.
    ///   - rowCount: T.
    ///   - weight: `[D]`.
    ///   - epsilon: added to the mean square.
    ///   - y: receives `[T, D]`; may be `x`.
    /// - Source: arXiv:1910.07467.
    package func rmsNorm(
        _ x: FloatBuffer, rowCount: Int, weight: [Float], epsilon: Float, into y: FloatBuffer
    ) {
        precondition(
            weight.count == x.columnCount && y.columnCount == x.columnCount
                && rowCount <= x.rowCount && rowCount <= y.rowCount,
            "normalising \(rowCount) rows: buffers of other shapes")
        unsafe weight.withUnsafeBufferPointer { weight in
            unsafe forEachRow(
                rowCount, cost: x.columnCount,
                Normalization(
                    isa: isa, x: x, weight: weight.baseAddress, epsilon: epsilon, y: y))
        }
    }

    @safe private struct Normalization: RowWork {
        let isa: ck_isa
        let x: FloatBuffer
        let weight: UnsafePointer<Float>?
        let epsilon: Float
        let y: FloatBuffer

        func run(row: Int) {
            unsafe ck_rms_norm(
                isa, x.base + row * x.stride, weight, y.base + row * y.stride, y.columnCount,
                epsilon)
        }
    }
}
