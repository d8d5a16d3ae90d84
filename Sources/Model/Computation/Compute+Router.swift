// SPDX-License-Identifier: Apache-2.0

import CKernels

extension Compute {
    /// Routes each token to its `A` best experts.
    ///
    /// Softmax is taken over the *selected* logits only, which differs from softmax-then-select
    /// without renormalisation.
    ///
    /// - Parameters:
    ///   - logits: `[T, E]`, the router's raw output.
    ///   - rowCount: T.
    ///   - routing: receives the experts (ties go to the lower index), their weights (each token's
    ///     sum to 1 within 1e-6), and the visits sorted by expert.
    /// - Complexity: O(T·E·A²).
    /// - Source: arXiv:2401.04088 §2.1.
    package func route(_ logits: FloatBuffer, rowCount: Int, into routing: inout ExpertRouting) {
        let expertCount = routing.expertCount
        let chosenCount = routing.expertsPerToken
        precondition(
            logits.columnCount == expertCount && rowCount <= logits.rowCount
                && rowCount * chosenCount <= routing.selection.count,
            "routing \(rowCount) rows: buffers of other shapes")
        let isa = self.isa
        unsafe routing.selection.withUnsafeMutableBufferPointer { selection in
            unsafe routing.weights.withUnsafeMutableBufferPointer { weights in
                guard let chosen = selection.baseAddress, let mixing = weights.baseAddress else {
                    return
                }
                for row in 0..<rowCount {
                    unsafe ck_route(
                        isa, logits.base + row * logits.stride, expertCount, chosenCount,
                        chosen + row * chosenCount, mixing + row * chosenCount)
                }
            }
        }
        routing.sort(tokenCount: rowCount)
    }

    /// x[t] += Σ weight·y[t·A + a] over the visits a of token t, best expert first.
    ///
    /// - Parameters:
    ///   - y: `[T·A, D]`, the experts' results: row t·A + a is of token t's a-th best expert.
    ///   - routing: the weights.
    ///   - rowCount: T.
    ///   - x: `[T, D]`.
    package func addExperts(
        _ y: FloatBuffer, routing: ExpertRouting, rowCount: Int, to x: FloatBuffer
    ) {
        let chosenCount = routing.expertsPerToken
        precondition(
            x.columnCount == y.columnCount && rowCount <= x.rowCount
                && rowCount * chosenCount <= y.rowCount,
            "mixing \(rowCount) rows: buffers of other shapes")
        unsafe routing.weights.withUnsafeBufferPointer { weights in
            guard let mixing = weights.baseAddress else { return }
            unsafe forEachRow(
                rowCount, cost: x.columnCount * chosenCount,
                ExpertAddition(
                    isa: isa, x: x, y: y, weights: mixing, expertsPerToken: chosenCount))
        }
    }

    @safe private struct ExpertAddition: RowWork {
        let isa: ck_isa
        let x: FloatBuffer
        let y: FloatBuffer
        let weights: UnsafePointer<Float>
        let expertsPerToken: Int

        func run(row: Int) {
            let visits = row * expertsPerToken
            unsafe ck_add_weighted_rows(
                isa, x.base + row * x.stride, y.base + visits * y.stride, y.stride,
                weights + visits, expertsPerToken, x.columnCount)
        }
    }
}
