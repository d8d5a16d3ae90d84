// SPDX-License-Identifier: Apache-2.0

import Quantization
import Tensors
import Testing

@Suite struct MatrixMultiplyTests {
    @Test func `a product has the sums of rows by rows`() {
        let compute = Compute(pool: ThreadPool(threadCount: 2))
        let x = FloatBuffer(rowCount: 2, columnCount: 3)
        x.setRow(0, to: [1, 2, 3])
        x.setRow(1, to: [-1, 0, 1])
        let w = WeightMatrix.of([1, 0, 0, 1, 1, 1], rows: 2, columns: 3)
        let y = FloatBuffer(rowCount: 2, columnCount: 2)
        compute.multiply(x, rows: 0..<2, w, into: y)
        #expect(y.values(row: 0) == [1, 6])
        #expect(y.values(row: 1) == [-1, 0])
    }
}
