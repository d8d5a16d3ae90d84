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
        let isa = self.isa
        let columnCount = x.columnCount
        unsafe weight.withUnsafeBufferPointer { weight in
            forEachRow(rowCount, cost: columnCount) { row in
                unsafe ck_rms_norm(
                    isa, x.base + row * x.stride, weight.baseAddress,
                    y.base + row * y.stride, columnCount, epsilon)
            }
        }
    }

    /// Calls `body` for each row, on all threads where the rows are worth it.
    ///
    /// - Parameters:
    ///   - rowCount: how many rows.
    ///   - cost: numbers that a row touches.
    ///   - body: what to do; rows are independent of each other.
    func forEachRow(_ rowCount: Int, cost: Int, _ body: (_ row: Int) -> Void) {
        // Waking the pool takes some microseconds: ten thousand numbers' worth.
        guard rowCount > 1 && rowCount * cost >= 32_768 else {
            for row in 0..<rowCount { body(row) }
            return
        }
        let perTask = max(1, min(rowCount / (4 * pool.threadCount), 16_384 / max(1, cost)))
        pool.parallel(count: (rowCount + perTask - 1) / perTask) { task, _ in
            for row in task * perTask..<min(rowCount, (task + 1) * perTask) { body(row) }
        }
    }
}
