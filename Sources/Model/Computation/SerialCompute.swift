// SPDX-License-Identifier: Apache-2.0

internal import CKernels

/// The operations of an encoder, each done by the thread that calls it: encoders give every thread
/// texts of its own.
///
/// Every result depends on its own row of the input alone, and has the same bits whatever the
/// instruction set.
package struct SerialCompute: Sendable {
    /// What becomes of a product.
    package enum Activation: Sendable {
        /// It stays as it is.
        case none
        /// x/2 · (1 + erf(x/√2)).
        case gelu
        /// The hyperbolic tangent.
        case tanh

        fileprivate var after: ck_after {
            switch self {
            case .none: CK_AFTER_NOTHING
            case .gelu: CK_AFTER_GELU
            case .tanh: CK_AFTER_TANH
            }
        }
    }

    private let isa: ck_isa

    /// The operations by some kernels.
    package init(_ kernels: KernelChoice = .automatic) {
        isa = kernels.isa
    }

    /// y = activation(x · Wᵀ + bias), for the first `rowCount` rows.
    ///
    /// - Parameters:
    ///   - x: `[T, columns of W]`, or longer rows, of which the first columns count.
    ///   - rowCount: T.
    ///   - weights: W and its bias.
    ///   - activation: what becomes of the sums.
    ///   - y: receives `[T, rows of W]`; its rows have room for ``FloatPanels/writtenCount(_:)``.
    package func multiply(
        _ x: FloatBuffer, rowCount: Int, by weights: FloatPanels, _ activation: Activation = .none,
        into y: FloatBuffer
    ) {
        precondition(
            x !== y && rowCount <= x.rowCount && rowCount <= y.rowCount
                && weights.columnCount <= x.columnCount
                && FloatPanels.writtenCount(weights.rowCount) <= y.stride,
            "multiplying \(rowCount) rows: buffers of other shapes")
        unsafe ck_multiply_float_panels(
            isa, x.base, x.stride, rowCount, weights.columnCount, weights.panels,
            weights.panelCount, weights.bias, activation.after, y.base, y.stride)
    }

    /// y = (v - mean(v)) / sqrt(variance(v) + epsilon) ⊙ weight + bias with v = x + added, for the
    /// first `rowCount` rows.
    ///
    /// - Parameters:
    ///   - x: `[T, D]`.
    ///   - added: `[T, D]` or longer rows; nil: nothing is added.
    ///   - rowCount: T.
    ///   - norm: D weights, D biases and epsilon.
    ///   - y: receives `[T, D]`; may be `x`.
    /// - Source: arXiv:1607.06450.
    package func layerNorm(
        _ x: FloatBuffer, adding added: FloatBuffer?, rowCount: Int, _ norm: LayerNormWeights,
        into y: FloatBuffer
    ) {
        let count = norm.weight.count
        precondition(
            count == norm.bias.count && count <= x.columnCount && count <= y.columnCount
                && rowCount <= x.rowCount && rowCount <= y.rowCount
                && added.map { count <= $0.columnCount && rowCount <= $0.rowCount } != false,
            "normalising \(rowCount) rows: buffers of other shapes")
        unsafe norm.weight.withUnsafeBufferPointer { weight in
            unsafe norm.bias.withUnsafeBufferPointer { bias in
                for row in 0..<rowCount {
                    unsafe ck_layer_norm(
                        isa, x.base + row * x.stride,
                        added.map { unsafe $0.base + row * $0.stride },
                        weight.baseAddress, bias.baseAddress, y.base + row * y.stride, count,
                        norm.epsilon)
                }
            }
        }
    }

    /// Decodes a row of a table and adds it to a row of `y`, or puts it there.
    ///
    /// - Parameters:
    ///   - row: of the table.
    ///   - table: in any format.
    ///   - index: the row of `y`.
    ///   - y: its rows are as long as those of the table.
    ///   - scratch: a row as long; nil: the row of `y` is overwritten.
    package func look(
        up row: Int, in table: WeightMatrix, row index: Int, of y: FloatBuffer,
        addingBy scratch: FloatBuffer?
    ) {
        precondition(
            row >= 0 && row < table.rowCount && table.columnCount <= y.columnCount,
            "row \(row) of \(table.rowCount)")
        let matrix = unsafe KernelMatrix(table)
        guard let scratch else {
            unsafe matrix.decodeRow(row, into: y.pointer(row: index), isa: isa)
            return
        }
        precondition(table.columnCount <= scratch.columnCount)
        unsafe matrix.decodeRow(row, into: scratch.pointer(row: 0), isa: isa)
        unsafe ck_add(isa, y.pointer(row: index), scratch.base, table.columnCount)
    }

    /// The sum of some rows, in their order.
    package func sum(of rows: Range<Int>, of x: FloatBuffer) -> [Float] {
        precondition(rows.lowerBound >= 0 && rows.upperBound <= x.rowCount)
        var sum = [Float](repeating: 0, count: x.columnCount)
        unsafe sum.withUnsafeMutableBufferPointer { sum in
            guard let sum = sum.baseAddress else { return }
            for row in rows { unsafe ck_add(isa, sum, x.base + row * x.stride, x.columnCount) }
        }
        return sum
    }

    /// Attention of every row of a text to all rows of it.
    ///
    /// - Parameters:
    ///   - projected: `[T, 3 · H · Dh]`: queries, keys and values of each row.
    ///   - rows: those of the text.
    ///   - headCount: H.
    ///   - headDimension: Dh.
    ///   - scratch: made for texts as long.
    ///   - y: receives `[T, H · Dh]`.
    package func attend(
        _ projected: FloatBuffer, rows: Range<Int>, headCount: Int, headDimension: Int,
        _ scratch: TextAttentionScratch, into y: FloatBuffer
    ) {
        let width = headCount * headDimension
        precondition(
            rows.lowerBound >= 0 && rows.upperBound <= min(projected.rowCount, y.rowCount)
                && 3 * width <= projected.columnCount && width <= y.columnCount
                && rows.count <= scratch.maxTokenCount
                && headDimension == scratch.headDimension,
            "attention of rows \(rows): buffers of other shapes")
        let (stride, first) = (projected.stride, rows.lowerBound)
        let scale = 1 / Float(headDimension).squareRoot()
        let panelRowCount = FloatPanels.panelRowCount
        let keyPanelCount = (rows.count + panelRowCount - 1) / panelRowCount
        let valuePanelCount = (headDimension + panelRowCount - 1) / panelRowCount
        for head in 0..<headCount {
            let queries = unsafe projected.base + first * stride + head * headDimension
            let (keys, values) = unsafe (queries + width, queries + 2 * width)
            for panel in 0..<keyPanelCount {
                let start = panel * panelRowCount
                unsafe ck_fill_float_panel(
                    keys + start * stride, stride, min(panelRowCount, rows.count - start),
                    headDimension, scratch.keys.base + start * headDimension)
            }
            for panel in 0..<valuePanelCount {
                let start = panel * panelRowCount
                unsafe ck_fill_float_panel_transposed(
                    values + start, stride, rows.count, min(panelRowCount, headDimension - start),
                    scratch.values.base + start * rows.count)
            }
            for start in Swift.stride(from: 0, to: rows.count, by: scratch.scores.rowCount) {
                let count = min(scratch.scores.rowCount, rows.count - start)
                let scores = scratch.scores
                unsafe ck_multiply_float_panels(
                    isa, queries + start * stride, stride, count, headDimension,
                    scratch.keys.base, keyPanelCount, nil, CK_AFTER_NOTHING, scores.base,
                    scores.stride)
                for row in 0..<count {
                    unsafe ck_softmax(isa, scores.base + row * scores.stride, rows.count, scale)
                }
                let mixed = scratch.mixed
                unsafe ck_multiply_float_panels(
                    isa, scores.base, scores.stride, count, rows.count, scratch.values.base,
                    valuePanelCount, nil, CK_AFTER_NOTHING, mixed.base, mixed.stride)
                for row in 0..<count {
                    unsafe (y.base + (first + start + row) * y.stride + head * headDimension)
                        .update(from: mixed.base + row * mixed.stride, count: headDimension)
                }
            }
        }
    }
}

/// The weights of a layer normalisation.
package struct LayerNormWeights: Sendable {
    /// What the normalised numbers are multiplied by.
    package let weight: [Float]
    /// What is added to them.
    package let bias: [Float]
    /// Added to the variance.
    package let epsilon: Float

    /// Puts the weights together.
    package init(weight: [Float], bias: [Float], epsilon: Float) {
        self.weight = weight
        self.bias = bias
        self.epsilon = epsilon
    }
}

/// What attention within texts works with, on one thread.
package final class TextAttentionScratch {
    let maxTokenCount: Int
    let headDimension: Int
    /// The keys of a head, in panels.
    let keys: FloatBuffer
    /// The values of a head, in panels.
    let values: FloatBuffer
    /// Weights of all keys for some queries.
    let scores: FloatBuffer
    /// What those queries find.
    let mixed: FloatBuffer

    /// Queries that are computed at a time.
    private static let queryCount = 48

    /// Allocates the memory.
    package init(maxTokenCount: Int, headDimension: Int) {
        let keyCount = FloatPanels.writtenCount(maxTokenCount)
        let width = FloatPanels.writtenCount(headDimension)
        self.maxTokenCount = maxTokenCount
        self.headDimension = headDimension
        keys = FloatBuffer(rowCount: 1, columnCount: keyCount * headDimension)
        values = FloatBuffer(rowCount: 1, columnCount: width * maxTokenCount)
        scores = FloatBuffer(rowCount: Self.queryCount, columnCount: keyCount)
        mixed = FloatBuffer(rowCount: Self.queryCount, columnCount: width)
    }

    /// The bytes that it takes.
    package var byteCount: Int {
        keys.byteCount + values.byteCount + scores.byteCount + mixed.byteCount
    }
}
