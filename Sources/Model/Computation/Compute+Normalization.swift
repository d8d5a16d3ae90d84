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

    /// The same for the first components of each of the first `rowCount` rows, in place.
    ///
    /// - Parameters:
    ///   - x: `[T, …]`.
    ///   - rowCount: T.
    ///   - weight: one number for each of those components.
    ///   - epsilon: added to the mean square.
    package func rmsNormBeginnings(
        _ x: FloatBuffer, rowCount: Int, weight: [Float], epsilon: Float
    ) {
        precondition(
            !weight.isEmpty && weight.count <= x.columnCount && rowCount <= x.rowCount,
            "normalising \(weight.count) of \(x.columnCount) components, \(rowCount) rows")
        normalizeParts(
            x, rowCount: rowCount, columnCount: weight.count, weight: weight, epsilon: epsilon)
    }

    /// The same for each head of the first `rowCount` rows, in place.
    ///
    /// - Parameters:
    ///   - x: `[T, heads·Dh]`.
    ///   - rowCount: T.
    ///   - weight: `[Dh]`, the same for every head.
    ///   - epsilon: added to the mean square.
    package func rmsNormHeads(
        _ x: FloatBuffer, rowCount: Int, weight: [Float], epsilon: Float
    ) {
        precondition(
            !weight.isEmpty && x.columnCount % weight.count == 0 && rowCount <= x.rowCount,
            "normalising \(rowCount) rows of \(x.columnCount) by heads of \(weight.count)")
        normalizeParts(
            x, rowCount: rowCount, columnCount: x.columnCount, weight: weight, epsilon: epsilon)
    }

    /// The same for each part, as wide as the weight, of the first `columnCount` components.
    private func normalizeParts(
        _ x: FloatBuffer, rowCount: Int, columnCount: Int, weight: [Float], epsilon: Float
    ) {
        let width = weight.count
        unsafe weight.withUnsafeBufferPointer { weight in
            unsafe forEachRow(
                rowCount, cost: columnCount,
                PartNormalization(
                    isa: isa, x: x, columnCount: columnCount, width: width,
                    weight: weight.baseAddress, epsilon: epsilon))
        }
    }

    @safe private struct PartNormalization: RowWork {
        let isa: ck_isa
        let x: FloatBuffer
        let columnCount: Int
        let width: Int
        let weight: UnsafePointer<Float>?
        let epsilon: Float

        func run(row: Int) {
            for part in stride(from: 0, to: columnCount, by: width) {
                let values = unsafe x.base + row * x.stride + part
                unsafe ck_rms_norm(isa, values, weight, values, width, epsilon)
            }
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
