// SPDX-License-Identifier: Apache-2.0

internal import CKernels
internal import Parallelism

extension Compute {
    /// How many rows of a part make a task: A has so few rows that a part is no work for many threads.
    private static let rowsPerProduct = 64

    /// A · x of all rows that have an adapter, in one parallel region: what the products that follow
    /// need of `sums`.
    ///
    /// Each number is a sum in f32 in the order that ck_product.h fixes, so it depends on its own row
    /// of x alone.
    ///
    /// - Parameters:
    ///   - x: what the products will read.
    ///   - sums: the rows and their matrices; receives the numbers.
    package func project(_ x: FloatBuffer, into sums: LowRankSums) {
        sums.makeRoom()
        let factors = sums.factors
        plan.begin(x)
        unsafe sums.inputs.withUnsafeBufferPointer { inputs in
            unsafe sums.outputs.withUnsafeBufferPointer { outputs in
                guard let inputs = inputs.baseAddress, let outputs = outputs.baseAddress
                else { return }
                for part in sums.parts where !part.rows.isEmpty {
                    for index in part.rows {
                        unsafe precondition(Int(inputs[index]) < x.rowCount, "row \(inputs[index])")
                    }
                    let (offsets, _) = LowRankSums.offsets(of: part.matrices)
                    for (matrix, offset) in zip(part.matrices, offsets) {
                        guard let a = matrix?.a else { continue }
                        precondition(
                            a.columnCount == x.columnCount,
                            "an adapter of \(a.columnCount) columns for rows of \(x.columnCount)")
                        for first in stride(
                            from: part.rows.lowerBound, to: part.rows.upperBound,
                            by: Self.rowsPerProduct)
                        {
                            unsafe plan.add(
                                PlannedProduct(
                                    w: KernelMatrix(a), u: nil, y: factors.base + offset,
                                    yStride: factors.stride, xRows: inputs + first,
                                    yRows: outputs + first,
                                    tokenCount: min(
                                        Self.rowsPerProduct, part.rows.upperBound - first)))
                        }
                    }
                }
                runPlan(x, rows: 0..<0)
            }
        }
        sums.finish()
    }
}
