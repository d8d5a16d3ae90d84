// SPDX-License-Identifier: Apache-2.0

import CKernels

extension Compute {
    /// x += y, for the first `rowCount` rows.
    package func add(_ y: FloatBuffer, rowCount: Int, to x: FloatBuffer) {
        precondition(
            x.columnCount == y.columnCount && rowCount <= x.rowCount && rowCount <= y.rowCount,
            "adding \(rowCount) rows: buffers of other shapes")
        forEachRow(rowCount, cost: x.columnCount, Addition(isa: isa, x: x, y: y))
    }

    private struct Addition: RowWork {
        let isa: ck_isa
        let x: FloatBuffer
        let y: FloatBuffer

        func run(row: Int) {
            unsafe ck_add(
                isa, x.base + row * x.stride, y.base + row * y.stride, x.columnCount)
        }
    }

    /// Adds a vector to each of the first `rowCount` rows, in place, such as a projection's bias.
    ///
    /// - Parameters:
    ///   - vector: `[columns]`.
    ///   - x: `[T, columns]`.
    ///   - rowCount: T.
    package func add(_ vector: [Float], toEach x: FloatBuffer, rowCount: Int) {
        precondition(
            vector.count == x.columnCount && rowCount <= x.rowCount,
            "adding \(vector.count) numbers to \(rowCount) rows of \(x.columnCount)")
        unsafe vector.withUnsafeBufferPointer { vector in
            guard let vector = vector.baseAddress else { return }
            unsafe forEachRow(
                rowCount, cost: x.columnCount, VectorAddition(isa: isa, x: x, vector: vector))
        }
    }

    @safe private struct VectorAddition: RowWork {
        let isa: ck_isa
        let x: FloatBuffer
        let vector: UnsafePointer<Float>

        func run(row: Int) {
            unsafe ck_add(isa, x.base + row * x.stride, vector, x.columnCount)
        }
    }

    /// Multiplies each of the first `rowCount` rows by a factor of its own, in place.
    ///
    /// A row whose factor is 1 is left alone: where all are, nothing is done.
    ///
    /// - Parameters:
    ///   - x: `[T, columns]`.
    ///   - rowCount: T.
    ///   - factors: at least T of them.
    package func scale(_ x: FloatBuffer, rowCount: Int, by factors: [Float]) {
        precondition(
            rowCount <= x.rowCount && rowCount <= factors.count,
            "scaling \(rowCount) of \(x.rowCount) rows by \(factors.count) factors")
        guard factors.prefix(rowCount).contains(where: { $0 != 1 }) else { return }
        forEachRow(rowCount, cost: x.columnCount, Scaling(x: x, factors: factors))
    }

    private struct Scaling: RowWork {
        let x: FloatBuffer
        let factors: [Float]

        func run(row: Int) {
            let factor = factors[row]
            guard factor != 1 else { return }
            let values = unsafe x.base + row * x.stride
            for column in 0..<x.columnCount { unsafe values[column] *= factor }
        }
    }

    /// Multiplies the first `rowCount` rows by a factor, in place.
    ///
    /// - Parameters:
    ///   - x: `[T, columns]`.
    ///   - rowCount: T.
    ///   - factor: of all numbers.
    package func scale(_ x: FloatBuffer, rowCount: Int, by factor: Float) {
        precondition(rowCount <= x.rowCount, "scaling \(rowCount) of \(x.rowCount) rows")
        guard factor != 1 else { return }
        forEachRow(rowCount, cost: x.columnCount, UniformScaling(x: x, factor: factor))
    }

    private struct UniformScaling: RowWork {
        let x: FloatBuffer
        let factor: Float

        func run(row: Int) {
            let values = unsafe x.base + row * x.stride
            for column in 0..<x.columnCount { unsafe values[column] *= factor }
        }
    }

    /// x = limit · tanh(x / limit), for the first `rowCount` rows.
    ///
    /// - Parameters:
    ///   - x: `[T, columns]`.
    ///   - rowCount: T.
    ///   - limit: what no number reaches; positive.
    package func cap(_ x: FloatBuffer, rowCount: Int, limit: Float) {
        precondition(
            rowCount <= x.rowCount && limit > 0, "capping \(rowCount) rows at \(limit)")
        forEachRow(rowCount, cost: 8 * x.columnCount, Capping(isa: isa, x: x, limit: limit))
    }

    private struct Capping: RowWork {
        let isa: ck_isa
        let x: FloatBuffer
        let limit: Float

        func run(row: Int) {
            unsafe ck_cap(isa, x.base + row * x.stride, limit, x.columnCount)
        }
    }

    /// y[t] = activation(gates[t]) ⊙ some columns of x[t], for the first `rowCount` rows.
    ///
    /// - Parameters:
    ///   - gates: `[T, columns]`.
    ///   - x: `[T, …]`.
    ///   - first: the first of its columns that count.
    ///   - rowCount: T.
    ///   - activation: of the gates.
    ///   - y: receives `[T, columns]`; may be `gates`.
    package func multiplyGated(
        _ gates: FloatBuffer, _ x: FloatBuffer, from first: Int, rowCount: Int,
        by activation: GateActivation, into y: FloatBuffer
    ) {
        precondition(
            y.columnCount == gates.columnCount && first >= 0
                && first + gates.columnCount <= x.columnCount
                && rowCount <= min(gates.rowCount, x.rowCount, y.rowCount),
            "gating \(rowCount) rows: buffers of other shapes")
        forEachRow(
            rowCount, cost: 4 * y.columnCount,
            ColumnGating(isa: isa, gates: gates, x: x, first: first, activation: activation, y: y))
    }

    private struct ColumnGating: RowWork {
        let isa: ck_isa
        let gates: FloatBuffer
        let x: FloatBuffer
        let first: Int
        let activation: GateActivation
        let y: FloatBuffer

        func run(row: Int) {
            unsafe activation.multiply(
                gates.base + row * gates.stride, x.base + row * x.stride + first,
                into: y.base + row * y.stride, count: y.columnCount, isa: isa)
        }
    }

    /// Copies the first `rowCount` rows of `x` to those of `y`.
    package func copy(_ x: FloatBuffer, rowCount: Int, into y: FloatBuffer) {
        precondition(
            x.columnCount == y.columnCount && rowCount <= min(x.rowCount, y.rowCount),
            "copying \(rowCount) rows: buffers of other shapes")
        forEachRow(rowCount, cost: x.columnCount, Copying(x: x, y: y))
    }

    private struct Copying: RowWork {
        let x: FloatBuffer
        let y: FloatBuffer

        func run(row: Int) {
            unsafe (y.base + row * y.stride).update(
                from: x.base + row * x.stride, count: x.columnCount)
        }
    }

    /// Makes the first `rowCount` rows zeros.
    package func clear(_ x: FloatBuffer, rowCount: Int) {
        precondition(rowCount <= x.rowCount, "clearing \(rowCount) of \(x.rowCount) rows")
        forEachRow(rowCount, cost: x.columnCount, Clearing(x: x))
    }

    private struct Clearing: RowWork {
        let x: FloatBuffer

        func run(row: Int) {
            unsafe (x.base + row * x.stride).update(repeating: 0, count: x.columnCount)
        }
    }

    /// y[t] *= 1 / (1 + exp(−x[t]·w)), for the first `rowCount` rows.
    ///
    /// - Parameters:
    ///   - y: `[T, columns]`.
    ///   - x: `[T, D]`.
    ///   - rowCount: T.
    ///   - w: `[D]`.
    package func gate(_ y: FloatBuffer, by x: FloatBuffer, rowCount: Int, weight w: [Float]) {
        precondition(
            w.count == x.columnCount && rowCount <= x.rowCount && rowCount <= y.rowCount,
            "gating \(rowCount) rows by \(w.count) numbers: buffers of other shapes")
        unsafe w.withUnsafeBufferPointer { w in
            guard let w = w.baseAddress else { return }
            unsafe forEachRow(
                rowCount, cost: x.columnCount + y.columnCount,
                Gating(isa: isa, y: y, x: x, weight: w))
        }
    }

    @safe private struct Gating: RowWork {
        let isa: ck_isa
        let y: FloatBuffer
        let x: FloatBuffer
        let weight: UnsafePointer<Float>

        func run(row: Int) {
            unsafe ck_gate(
                isa, x.base + row * x.stride, weight, x.columnCount, y.base + row * y.stride,
                y.columnCount)
        }
    }

    /// Copies the named rows of `x` to the first rows of `y`, in order.
    ///
    /// - Parameters:
    ///   - x: `[T, columns]`.
    ///   - rows: which rows, ascending.
    ///   - y: receives them; may be `x`.
    package func gather(_ x: FloatBuffer, rows: [Int32], into y: FloatBuffer) {
        precondition(
            x.columnCount == y.columnCount && rows.count <= y.rowCount,
            "gathering \(rows.count) rows: buffers of other shapes")
        var previous: Int32 = -1
        for (index, row) in rows.enumerated() where x !== y || Int(row) != index {
            precondition(row > previous && Int(row) < x.rowCount, "row \(row) after \(previous)")
            unsafe (y.base + index * y.stride).update(
                from: x.base + Int(row) * x.stride, count: x.columnCount)
            previous = row
        }
    }

    /// y[t] ⊙= sigmoid(gates[t]), for the first `rowCount` rows.
    ///
    /// - Parameters:
    ///   - y: `[T, columns]`.
    ///   - gates: `[T, columns]`.
    ///   - rowCount: T.
    package func gate(_ y: FloatBuffer, by gates: FloatBuffer, rowCount: Int) {
        precondition(
            y.columnCount == gates.columnCount && rowCount <= y.rowCount
                && rowCount <= gates.rowCount,
            "gating \(rowCount) rows: buffers of other shapes")
        forEachRow(rowCount, cost: 4 * y.columnCount, SigmoidGating(isa: isa, y: y, gates: gates))
    }

    private struct SigmoidGating: RowWork {
        let isa: ck_isa
        let y: FloatBuffer
        let gates: FloatBuffer

        func run(row: Int) {
            unsafe ck_sigmoid_multiply(
                isa, gates.base + row * gates.stride, y.base + row * y.stride, y.columnCount)
        }
    }
}
