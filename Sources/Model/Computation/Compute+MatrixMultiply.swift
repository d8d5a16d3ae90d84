// SPDX-License-Identifier: Apache-2.0

internal import CKernels
package import Parallelism
internal import Quantization

extension Compute {
    /// y = x · Wᵀ for some rows of x; the same rows of y receive the results.
    ///
    /// - Parameters:
    ///   - x: `[T, columns]`.
    ///   - rows: which rows of `x` and `y`.
    ///   - w: `[outputs, columns]`.
    ///   - y: `[T, outputs]`; may have more columns, which stay as they are.
    ///   - sums: what adapters add, projected from `x`; nil: nothing.
    ///   - ahead: the weights that are needed next.
    package func multiply(
        _ x: FloatBuffer, rows: Range<Int>, _ w: WeightMatrix, into y: FloatBuffer,
        adding sums: LowRankSums? = nil, ahead: WeightsAhead? = nil
    ) {
        plan.begin(x)
        add(x, rows: rows, w, into: y, adding: sums)
        runPlan(x, rows: rows, ahead: ahead)
    }

    /// Several products of the same rows in one parallel region, such as queries, keys and values.
    ///
    /// - Parameters:
    ///   - x: `[T, columns]`.
    ///   - rows: which rows of `x` and of each output.
    ///   - matrices: `[outputs, columns]` each.
    ///   - outputs: as many buffers, `[T, outputs]` each.
    ///   - sums: what adapters add to each of them; nil: nothing.
    ///   - ahead: the weights that are needed next.
    package func multiply(
        _ x: FloatBuffer, rows: Range<Int>, _ matrices: [WeightMatrix],
        into outputs: [FloatBuffer], adding sums: LowRankSums? = nil, ahead: WeightsAhead? = nil
    ) {
        precondition(matrices.count == outputs.count, "\(matrices.count), \(outputs.count)")
        plan.begin(x)
        for index in matrices.indices {
            add(
                x, rows: rows, matrices[index], into: outputs[index], adding: sums,
                index: index)
        }
        runPlan(x, rows: rows, ahead: ahead)
    }

    /// y = activation(x · W1ᵀ) ⊙ (x · W3ᵀ) for some rows of x, in one parallel region.
    ///
    /// - Parameters:
    ///   - x: `[T, columns]`.
    ///   - rows: which rows of `x` and `y`.
    ///   - w1: `[outputs, columns]`.
    ///   - w3: `[outputs, columns]`.
    ///   - activation: of the first product.
    ///   - y: `[T, outputs]`.
    ///   - sums: what adapters add to both products before the gate; nil: nothing.
    ///   - ahead: the weights that are needed next.
    package func multiplyGated(
        _ x: FloatBuffer, rows: Range<Int>, w1: WeightMatrix, w3: WeightMatrix,
        by activation: GateActivation = .silu, into y: FloatBuffer,
        adding sums: LowRankSums? = nil, ahead: WeightsAhead? = nil
    ) {
        plan.begin(x)
        add(x, rows: rows, w1, gating: w3, by: activation, into: y, adding: sums)
        runPlan(x, rows: rows, ahead: ahead)
    }

    /// One product for each group of rows, all groups in one parallel region.
    ///
    /// - Parameters:
    ///   - x: the input rows: tokens or slots, as `source` says.
    ///   - groups: which slots go to which matrix.
    ///   - source: whether a slot reads its token's row of `x` or its own.
    ///   - matrices: the matrix of each group.
    ///   - y: row s receives slot s.
    ///   - sums: what adapters add to each slot; nil: nothing.
    ///   - ahead: the weights that are needed next.
    package func multiplyGathered(
        _ x: FloatBuffer, _ groups: borrowing RowGroups, reading source: RowGroups.Source,
        _ matrices: [WeightMatrix], into y: FloatBuffer, adding sums: LowRankSums? = nil,
        ahead: WeightsAhead? = nil
    ) {
        unsafe multiplyGroups(
            x, groups, reading: source, matrices, gating: nil, into: y, adding: sums,
            ahead: ahead)
    }

    /// y = gate(x · W1ᵀ) ⊙ (x · W3ᵀ) for each group of rows, all groups in one parallel region.
    ///
    /// - Parameters:
    ///   - x: `[T, columns]`; a slot reads the row of its token.
    ///   - groups: which slots go to which matrices.
    ///   - w1: the first matrix of each group.
    ///   - w3: the second matrix of each group.
    ///   - activation: of the first product, where there is no `gate`.
    ///   - gate: what is added to the products, and the gate; nil: nothing is added.
    ///   - y: row s receives slot s.
    ///   - sums: what adapters add to both products of each slot before the gate; nil: nothing.
    package func multiplyGated(
        _ x: FloatBuffer, _ groups: borrowing RowGroups, w1: [WeightMatrix], w3: [WeightMatrix],
        by activation: GateActivation = .silu, gate: ExpertGate? = nil, into y: FloatBuffer,
        adding sums: LowRankSums? = nil
    ) {
        precondition(w1.count == w3.count, "\(w1.count), \(w3.count)")
        guard let gate else {
            unsafe multiplyGroups(
                x, groups, reading: .token, w1, gating: w3, activation: activation, into: y,
                adding: sums, ahead: nil)
            return
        }
        let count = w1.reduce(0) { $0 + $1.rowCount }
        precondition(
            gate.biases.count == count && gate.upBiases.count == count,
            "\(gate.biases.count) and \(gate.upBiases.count) biases for \(count) rows")
        unsafe gate.biases.withUnsafeBufferPointer { biases in
            unsafe gate.upBiases.withUnsafeBufferPointer { upBiases in
                guard let biases = biases.baseAddress, let upBiases = upBiases.baseAddress
                else { return }
                unsafe multiplyGroups(
                    x, groups, reading: .token, w1, gating: w3,
                    by: .init(clamp: gate.clamp, biases: biases, upBiases: upBiases), into: y,
                    adding: sums, ahead: nil)
            }
        }
    }

    /// What each thread reads first in a product with some matrices, in one parallel region.
    ///
    /// - Parameters:
    ///   - matrices: `[outputs, columns]` each.
    ///   - others: the second matrices where products are gated, else none.
    /// - Returns: for the `ahead` of the product before.
    package func ahead(
        of matrices: [WeightMatrix], gating others: [WeightMatrix] = []
    ) -> WeightsAhead {
        var ahead = WeightsAhead(workerCount: pool.placement.workerNodes.count)
        // OpenBLAS reads weights after they are decoded.
        guard let columnCount = matrices.first?.columnCount, kernels.products != .blas else {
            return ahead
        }
        let x = FloatBuffer(rowCount: 1, columnCount: columnCount)
        let y = FloatBuffer(rowCount: 1, columnCount: matrices.map(\.rowCount).max() ?? 0)
        plan.begin(x)
        for (index, w) in matrices.enumerated() {
            add(x, rows: 0..<1, w, gating: others.isEmpty ? nil : others[index], into: y)
        }
        plan.cut(threadCount: pool.threadCount)
        let ends = plan.taskEnds
        for (worker, tasks) in pool.firstTasks(ends: ends.span).enumerated() {
            for task in tasks {
                for part in plan.weights(ofTask: task) { ahead.append(part, worker: worker) }
            }
        }
        return ahead
    }

    // MARK: Planning

    private func add(
        _ x: FloatBuffer, rows: Range<Int>, _ w: WeightMatrix, gating u: WeightMatrix? = nil,
        by activation: GateActivation = .silu, into y: FloatBuffer,
        adding sums: LowRankSums? = nil, index: Int = 0
    ) {
        guard !rows.isEmpty else { return }
        precondition(rows.upperBound <= min(x.rowCount, y.rowCount), "\(rows), \(x.rowCount)")
        var product = unsafe product(x, w, gating: u, into: y)
        unsafe product.activation = activation
        unsafe product.firstInput = rows.lowerBound
        unsafe product.y = y.pointer(row: rows.lowerBound)
        unsafe product.tokenCount = rows.count
        if let sums {
            precondition(rows.upperBound <= sums.rowCount, "\(rows) of \(sums.rowCount) sums")
            unsafe product.add(sums, index: index, firstRow: rows.lowerBound)
        }
        unsafe plan.add(product)
    }

    private func multiplyGroups(
        _ x: FloatBuffer, _ groups: borrowing RowGroups, reading source: RowGroups.Source,
        _ matrices: [WeightMatrix], gating others: [WeightMatrix]?,
        activation: GateActivation = .silu, by gate: PlannedProduct.BiasedGate? = nil,
        into y: FloatBuffer, adding sums: LowRankSums?, ahead: WeightsAhead?
    ) {
        precondition(matrices.count == groups.groupCount, "\(matrices.count) matrices")
        plan.begin(x)
        let tokens = groups.tokens
        let slots = groups.slots
        let inputs = source == .token ? tokens : slots
        var rowCount = 0
        for index in slots.indices {
            precondition(
                inputs[index] < x.rowCount && slots[index] < y.rowCount,
                "slot \(slots[index]), row \(inputs[index]), \(x.rowCount) rows")
            rowCount = max(rowCount, Int(inputs[index]) + 1)
            if let sums { precondition(slots[index] < sums.rowCount, "slot \(slots[index])") }
        }
        unsafe inputs.withUnsafeBufferPointer { inputs in
            unsafe slots.withUnsafeBufferPointer { slots in
                guard let inputs = inputs.baseAddress, let slots = slots.baseAddress else { return }
                // The largest first: what is claimed last should be small.
                for group in groups.bySize {
                    let first = Int(groups.offsets[Int(group)])
                    let count = Int(groups.offsets[Int(group) + 1]) - first
                    guard count > 0 else { break }
                    var product = unsafe product(
                        x, matrices[Int(group)], gating: others?[Int(group)], into: y)
                    unsafe product.activation = activation
                    unsafe product.xRows = inputs + first
                    unsafe product.yRows = slots + first
                    unsafe product.tokenCount = count
                    if let sums { unsafe product.add(sums, index: 0, firstRow: 0) }
                    if var gate = unsafe gate {
                        unsafe gate.biases += Int(group) * product.w.rowCount
                        unsafe gate.upBiases += Int(group) * product.w.rowCount
                        unsafe product.gate = unsafe gate
                    }
                    unsafe plan.add(product)
                }
                runPlan(x, rows: 0..<rowCount, ahead: ahead)
            }
        }
    }

    func product(
        _ x: FloatBuffer, _ w: WeightMatrix, gating u: WeightMatrix?, into y: FloatBuffer
    ) -> PlannedProduct {
        precondition(
            x.columnCount == w.columnCount && y.columnCount >= w.rowCount,
            "[\(w.rowCount), \(w.columnCount)] by \(x.columnCount) into \(y.columnCount)")
        precondition(
            u.map { $0.rowCount == w.rowCount && $0.columnCount == w.columnCount } ?? true,
            "gating [\(w.rowCount), \(w.columnCount)] by a matrix of another shape")
        return unsafe PlannedProduct(
            w: KernelMatrix(w), u: u.map { unsafe KernelMatrix($0) }, y: y.base, yStride: y.stride,
            xRows: nil, yRows: nil, tokenCount: 0)
    }

    // MARK: Running

    /// Prepares the rows that products of packed weights read, then runs all products.
    func runPlan(_ x: FloatBuffer, rows: Range<Int>, ahead: WeightsAhead? = nil) {
        for index in plan.inputs.indices where plan.reads(index) {
            prepare(x, rows: rows, into: plan.inputs[index])
        }
        plan.cut(threadCount: pool.threadCount)
        let ends = plan.taskEnds
        pool.runRegion(ends: ends.span, ahead: ahead, by: runPlannedTask)
    }

    private func prepare(_ x: FloatBuffer, rows: Range<Int>, into inputs: PreparedRows) {
        inputs.resize(rowCount: rows.upperBound, columnCount: x.columnCount)
        forEachRow(
            rows.count, cost: x.columnCount,
            Preparation(isa: isa, x: x, firstRow: rows.lowerBound, inputs: inputs))
    }

    private struct Preparation: RowWork {
        let isa: ck_isa
        let x: FloatBuffer
        let firstRow: Int
        let inputs: PreparedRows

        func run(row: Int) {
            let row = firstRow + row
            unsafe inputs.set(
                row: row, to: x.base + row * x.stride, columnCount: x.columnCount, isa: isa)
        }
    }
}
