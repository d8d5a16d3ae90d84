// SPDX-License-Identifier: Apache-2.0

import CKernels
package import Parallelism

extension Compute {
    /// y = x · Wᵀ, with a matrix of its own for each head, all heads in one parallel region.
    ///
    /// - Parameters:
    ///   - x: `[T·H, columns]`: row t·H + h is head h of token t.
    ///   - rowCount: T.
    ///   - heads: the rows of each head.
    ///   - matrices: `[outputs, columns]` of each head.
    ///   - y: receives `[T, H·width]`: the outputs of head h at h·width; what is between them stays as
    ///     it is.
    ///   - width: of a head in y, at least as many as outputs.
    ///   - ahead: the weights that are needed next.
    package func multiplyHeads(
        _ x: FloatBuffer, rowCount: Int, _ heads: HeadRows, _ matrices: [WeightMatrix],
        into y: FloatBuffer, width: Int, ahead: WeightsAhead? = nil
    ) {
        precondition(
            matrices.count == heads.headCount && rowCount <= heads.maxTokenCount
                && rowCount * heads.headCount <= x.rowCount && rowCount <= y.rowCount
                && y.columnCount == heads.headCount * width
                && matrices.allSatisfy { $0.rowCount <= width },
            "\(matrices.count) heads of \(rowCount) rows: buffers of other shapes")
        plan.begin(x)
        unsafe heads.rows.withUnsafeBufferPointer { rows in
            guard let rows = rows.baseAddress else { return }
            for (head, matrix) in matrices.enumerated() where rowCount > 0 {
                var product = unsafe product(x, matrix, gating: nil, into: y)
                unsafe product.xRows = rows + head * heads.maxTokenCount
                unsafe product.y = y.base + head * width
                unsafe product.tokenCount = rowCount
                unsafe plan.add(product)
            }
            runPlan(x, rows: 0..<rowCount * heads.headCount, ahead: ahead)
        }
    }

    /// Parts every head of the first `rowCount` rows in two.
    ///
    /// - Parameters:
    ///   - x: `[T, H·Dh]`.
    ///   - rowCount: T.
    ///   - heads: receives `[T·H, n]`: the first n components of each head.
    ///   - y: receives `[T, H·width]`: the other Dh − n components at the end of each head; what is
    ///     before them stays as it is.
    ///   - headCount: H.
    package func partHeads(
        _ x: FloatBuffer, rowCount: Int, into heads: FloatBuffer, and y: FloatBuffer,
        headCount: Int
    ) {
        precondition(
            x.columnCount % headCount == 0 && y.columnCount % headCount == 0
                && heads.columnCount <= x.columnCount / headCount
                && x.columnCount / headCount - heads.columnCount <= y.columnCount / headCount
                && rowCount <= x.rowCount && rowCount <= y.rowCount
                && rowCount * headCount <= heads.rowCount,
            "parting \(headCount) heads of \(rowCount) rows: buffers of other shapes")
        forEachRow(
            rowCount, cost: x.columnCount,
            HeadParting(x: x, heads: heads, y: y, headCount: headCount))
    }

    private struct HeadParting: RowWork {
        let x: FloatBuffer
        let heads: FloatBuffer
        let y: FloatBuffer
        let headCount: Int

        func run(row: Int) {
            let (width, target) = (x.columnCount / headCount, y.columnCount / headCount)
            let (first, last) = (heads.columnCount, width - heads.columnCount)
            for head in 0..<headCount {
                let source = unsafe x.base + row * x.stride + head * width
                unsafe (heads.base + (row * headCount + head) * heads.stride).update(
                    from: source, count: first)
                unsafe (y.base + row * y.stride + (head + 1) * target - last).update(
                    from: source + first, count: last)
            }
        }
    }

    /// Parts rows in which heads of two kinds take turns.
    ///
    /// - Parameters:
    ///   - x: `[T, heads·2·width]`: a head of the first kind, one of the second, and so on.
    ///   - rowCount: T.
    ///   - width: of a head.
    ///   - first: receives `[T, heads·width]`.
    ///   - second: receives `[T, heads·width]`.
    package func part(
        _ x: FloatBuffer, rowCount: Int, width: Int, into first: FloatBuffer,
        and second: FloatBuffer
    ) {
        precondition(
            width > 0 && x.columnCount == 2 * first.columnCount
                && second.columnCount == first.columnCount && first.columnCount % width == 0
                && rowCount <= min(x.rowCount, first.rowCount, second.rowCount),
            "parting \(rowCount) rows: buffers of other shapes")
        forEachRow(
            rowCount, cost: x.columnCount,
            Parting(x: x, width: width, first: first, second: second))
    }

    private struct Parting: RowWork {
        let x: FloatBuffer
        let width: Int
        let first: FloatBuffer
        let second: FloatBuffer

        func run(row: Int) {
            let source = unsafe x.base + row * x.stride
            for head in 0..<first.columnCount / width {
                unsafe (first.base + row * first.stride + head * width).update(
                    from: source + 2 * head * width, count: width)
                unsafe (second.base + row * second.stride + head * width).update(
                    from: source + (2 * head + 1) * width, count: width)
            }
        }
    }
}
