// SPDX-License-Identifier: Apache-2.0

internal import CKernels
internal import Quantization

extension Compute {
    /// y = x · Wᵀ for some rows of x; the same rows of y receive the results.
    ///
    /// - Parameters:
    ///   - x: `[T, columns]`.
    ///   - rows: which rows of `x` and `y`.
    ///   - w: `[outputs, columns]`.
    ///   - y: `[T, outputs]`; may have more columns, which stay as they are.
    package func multiply(
        _ x: FloatBuffer, rows: Range<Int>, _ w: WeightMatrix, into y: FloatBuffer
    ) {
        plan.clear()
        add(x, rows: rows, w, into: y)
        runPlan()
    }

    /// Several products of the same rows in one parallel region, such as queries, keys and values.
    ///
    /// - Parameters:
    ///   - x: `[T, columns]`.
    ///   - rows: which rows of `x` and of each output.
    ///   - matrices: `[outputs, columns]` each.
    ///   - outputs: as many buffers, `[T, outputs]` each.
    package func multiply(
        _ x: FloatBuffer, rows: Range<Int>, _ matrices: [WeightMatrix],
        into outputs: [FloatBuffer]
    ) {
        precondition(matrices.count == outputs.count, "\(matrices.count), \(outputs.count)")
        plan.clear()
        for index in matrices.indices {
            add(x, rows: rows, matrices[index], into: outputs[index])
        }
        runPlan()
    }

    /// One product for each group of rows, all groups in one parallel region.
    ///
    /// - Parameters:
    ///   - x: the input rows: tokens or slots, as `source` says.
    ///   - groups: which slots go to which matrix.
    ///   - source: whether a slot reads its token's row of `x` or its own.
    ///   - matrices: the matrix of each group.
    ///   - y: row s receives slot s.
    package func multiplyGathered(
        _ x: FloatBuffer, _ groups: borrowing RowGroups, reading source: RowGroups.Source,
        _ matrices: [WeightMatrix], into y: FloatBuffer
    ) {
        multiplyGathered(x, groups, reading: source, matrices, into: y, nil, into: nil)
    }

    /// Two products for each group of rows, such as gate and up, all in one parallel region.
    ///
    /// - Parameters:
    ///   - x: the input rows: tokens or slots, as `source` says.
    ///   - groups: which slots go to which matrix.
    ///   - source: whether a slot reads its token's row of `x` or its own.
    ///   - matrices: the first matrix of each group.
    ///   - y: row s receives slot s of the first products.
    ///   - others: the second matrix of each group.
    ///   - z: row s receives slot s of the second products.
    package func multiplyGathered(
        _ x: FloatBuffer, _ groups: borrowing RowGroups, reading source: RowGroups.Source,
        _ matrices: [WeightMatrix], into y: FloatBuffer, _ others: [WeightMatrix]?,
        into z: FloatBuffer?
    ) {
        precondition(matrices.count == groups.groupCount, "\(matrices.count) matrices")
        plan.clear()
        let tokens = groups.tokens
        let slots = groups.slots
        unsafe tokens.withUnsafeBufferPointer { tokens in
            unsafe slots.withUnsafeBufferPointer { slots in
                let reads = unsafe source == .token ? tokens : slots
                unsafe addGroups(x, groups.offsets, reads, slots, matrices, into: y)
                if let others, let z {
                    unsafe addGroups(x, groups.offsets, reads, slots, others, into: z)
                }
                runPlan()
            }
        }
    }

    // MARK: Planning

    private func add(
        _ x: FloatBuffer, rows: Range<Int>, _ w: WeightMatrix, into y: FloatBuffer
    ) {
        guard !rows.isEmpty else { return }
        precondition(rows.upperBound <= min(x.rowCount, y.rowCount), "\(rows), \(x.rowCount)")
        var product = unsafe product(x, w, into: y)
        unsafe product.x = UnsafePointer(x.pointer(row: rows.lowerBound))
        unsafe product.y = y.pointer(row: rows.lowerBound)
        unsafe product.token_count = rows.count
        unsafe plan.add(product, rowCount: w.rowCount)
    }

    private func addGroups(
        _ x: FloatBuffer, _ offsets: [Int32], _ reads: UnsafeBufferPointer<Int32>,
        _ slots: UnsafeBufferPointer<Int32>, _ matrices: [WeightMatrix], into y: FloatBuffer
    ) {
        for index in reads.indices {
            precondition(
                unsafe reads[index] < x.rowCount && slots[index] < y.rowCount,
                "slot \(unsafe slots[index]), row \(unsafe reads[index]), \(x.rowCount) rows")
        }
        for group in matrices.indices {
            let first = Int(offsets[group])
            let count = Int(offsets[group + 1]) - first
            guard count > 0, let reads = reads.baseAddress,
                let slots = slots.baseAddress
            else { continue }
            var product = unsafe product(x, matrices[group], into: y)
            unsafe product.x_rows = reads + first
            unsafe product.y_rows = slots + first
            unsafe product.token_count = count
            unsafe plan.add(product, rowCount: matrices[group].rowCount)
        }
    }

    private func product(
        _ x: FloatBuffer, _ w: WeightMatrix, into y: FloatBuffer
    ) -> ck_product {
        precondition(
            x.columnCount == w.columnCount && y.columnCount >= w.rowCount,
            "[\(w.rowCount), \(w.columnCount)] by \(x.columnCount) into \(y.columnCount)")
        return unsafe ck_product(
            weights: w.base.assumingMemoryBound(to: UInt8.self), row_bytes: w.bytesPerRow,
            format: ck_format(w.type.ggufType), columns: w.columnCount,
            x: UnsafePointer(x.base), x_stride: x.stride, y: y.base, y_stride: y.stride,
            x_rows: nil, y_rows: nil, token_count: 0)
    }

    private func runPlan() {
        pool.runRegion(count: plan.taskCount, by: runPlannedTask)
    }
}
