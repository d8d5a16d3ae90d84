// SPDX-License-Identifier: Apache-2.0

internal import CKernels
internal import COpenBLAS

/// Matrix products by OpenBLAS: a slice of the weights is decoded, then multiplied by sgemm.
///
/// The pool's workers call sgemm, so OpenBLAS itself runs on one thread. Some of its kernels give a
/// row other bits in a larger batch (Haswell's and Zen's do, SkylakeX's do not). So each shape is
/// tried once on every batch size that occurs, and where a row's bits ever differ, rows are
/// multiplied one at a time.
// Safety: `prepare` runs between regions on the thread that owns the plan; `run` uses the scratch
// of its worker alone.
@safe final class BLASProduct {
    /// The most tokens of one call.
    private static let tokenBlock = 32

    private struct Shape: Hashable {
        let rows: Int
        let columns: Int
    }

    private let library: OpenBLAS
    private let rowsPerTask = WeightMatrix.rowsPerPanel
    private let workerCount: Int
    private var columns = 0
    private var scratch: UnsafeMutablePointer<Float>
    private var scratchStride = 0
    private var invariance: [Shape: Bool] = [:]

    /// Creates the products.
    ///
    /// - Parameter workerCount: the number of workers.
    /// - Precondition: `KernelChoice.blas.isAvailable`.
    init(workerCount: Int) {
        guard let library = OpenBLAS.shared else { preconditionFailure("no OpenBLAS") }
        self.library = library
        self.workerCount = workerCount
        unsafe scratch = .allocate(capacity: 1)
    }

    deinit { unsafe scratch.deallocate() }

    /// Makes room for products of rows of some length and tries their shapes out, once each.
    func prepare(rowCount: Int, columns: Int) {
        grow(to: columns)
        for rows in [min(rowCount, rowsPerTask), rowCount % rowsPerTask] where rows > 0 {
            let shape = Shape(rows: rows, columns: columns)
            if invariance[shape] == nil { invariance[shape] = tryOut(shape) }
        }
    }

    /// Computes a product, panel after panel.
    func run(
        _ product: PlannedProduct, _ x: UnsafePointer<Float>, xStride: Int, worker: Int,
        isa: ck_isa
    ) {
        for panel in unsafe 0..<product.w.panelCount {
            unsafe runPanel(
                product.panels(panel..<panel + 1), x, xStride: xStride, worker: worker, isa: isa)
        }
    }

    private func runPanel(
        _ product: PlannedProduct, _ x: UnsafePointer<Float>, xStride: Int, worker: Int,
        isa: ck_isa
    ) {
        let w = unsafe product.w
        let (rowCount, columns) = unsafe (w.rowCount, w.columnCount)
        let panel = unsafe scratch + worker * scratchStride
        let inputs = unsafe panel + rowsPerTask * columns
        let outputs = unsafe inputs + Self.tokenBlock * columns
        for row in 0..<rowCount {
            unsafe w.decodeRow(row, into: panel + row * columns, isa: isa)
        }
        let tokenCount = unsafe product.tokenCount
        let isInvariant = invariance[Shape(rows: rowCount, columns: columns)] ?? false
        for first in stride(from: 0, to: tokenCount, by: Self.tokenBlock) {
            let count = min(Self.tokenBlock, tokenCount - first)
            for token in 0..<count {
                unsafe (inputs + token * columns).update(
                    from: x + product.input(token: first + token) * xStride, count: columns)
            }
            unsafe multiply(
                inputs, panel, outputs, tokens: count, rows: rowCount, columns: columns,
                oneByOne: !isInvariant)
            for token in 0..<count {
                unsafe product.output(token: first + token).update(
                    from: outputs + token * rowCount, count: rowCount)
            }
        }
    }

    private func multiply(
        _ inputs: UnsafePointer<Float>, _ panel: UnsafePointer<Float>,
        _ outputs: UnsafeMutablePointer<Float>, tokens: Int, rows: Int, columns: Int,
        oneByOne: Bool
    ) {
        let step = oneByOne ? 1 : tokens
        for token in stride(from: 0, to: tokens, by: step) {
            unsafe library.sgemm(
                CblasRowMajor, CblasNoTrans, CblasTrans, Int32(step), Int32(rows), Int32(columns),
                1, inputs + token * columns, Int32(columns), panel, Int32(columns), 0,
                outputs + token * rows, Int32(rows))
        }
    }

    /// Whether every row has the same bits in batches of all sizes and at every place in them.
    private func tryOut(_ shape: Shape) -> Bool {
        let panel = unsafe scratch
        let inputs = unsafe panel + rowsPerTask * shape.columns
        let outputs = unsafe inputs + Self.tokenBlock * shape.columns
        let alone = UnsafeMutablePointer<Float>.allocate(capacity: Self.tokenBlock * shape.rows)
        defer { unsafe alone.deallocate() }
        var state: UInt32 = 1
        func fill(_ target: UnsafeMutablePointer<Float>, count: Int) {
            for index in 0..<count {
                state = state &* 1_664_525 &+ 1_013_904_223
                unsafe target[index] = Float(Int32(bitPattern: state)) * 0x1p-31
            }
        }
        unsafe fill(panel, count: shape.rows * shape.columns)
        unsafe fill(inputs, count: Self.tokenBlock * shape.columns)
        unsafe multiply(
            inputs, panel, alone, tokens: Self.tokenBlock, rows: shape.rows,
            columns: shape.columns, oneByOne: true)
        for tokens in 2...Self.tokenBlock {
            unsafe multiply(
                inputs, panel, outputs, tokens: tokens, rows: shape.rows, columns: shape.columns,
                oneByOne: false)
            for index in 0..<tokens * shape.rows
            where unsafe outputs[index].bitPattern != alone[index].bitPattern {
                return false
            }
        }
        return true
    }

    private func grow(to columns: Int) {
        guard columns > self.columns else { return }
        self.columns = columns
        unsafe scratch.deallocate()
        scratchStride = (rowsPerTask + Self.tokenBlock) * columns + Self.tokenBlock * rowsPerTask
        let bytes = scratchStride * workerCount * MemoryLayout<Float>.stride
        let memory = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 4096)
        unsafe scratch = memory.bindMemory(to: Float.self, capacity: scratchStride * workerCount)
    }
}
