// SPDX-License-Identifier: Apache-2.0

internal import CKernels
internal import Parallelism

/// The products of one parallel region, cut into tasks, their prepared inputs, and the scratch of
/// each worker.
///
/// All products of a region read the same rows of x. A task is some panels of one product's
/// weights. The plan's memory is reused.
// Safety: products are added and inputs prepared between regions; `run` writes the results of its
// own task and the scratch of its own worker.
@safe final class ProductPlan {
    /// The most tokens for which a task computes gate and up at once.
    private static let gatedTokens = 256

    /// What a task reads at least, where there are enough of them: at bandwidth, tens of microseconds.
    private static let bytesPerTask = 1 << 20

    private static let kernelScratchBytes = max(
        4 * ck_multiply_scratch(), ck_multiply_packed_scratch())

    /// Bytes of scratch of each worker, whole pages.
    static let scratchStride =
        (kernelScratchBytes + 4 * gatedTokens * WeightMatrix.rowsPerPanel + 64 + 4095) / 4096 * 4096

    private let scratch: UnsafeMutableRawPointer
    private var products: UnsafeMutablePointer<PlannedProduct>
    private var slices: UnsafeMutablePointer<Slice>
    private var sliceCount = 0
    private var capacity = 64
    private let placement: NUMAPlacement

    /// Where the tasks of each memory node end.
    private(set) var taskEnds: [Int]

    private var count = 0
    private let blas: BLASProduct?

    private var x: UnsafePointer<Float>?
    private var xStride = 0
    /// x as packed weights read it, in every way of preparing it.
    let inputs = [CK_ACTIVATION_F32, CK_ACTIVATION_Q8_32, CK_ACTIVATION_Q8_256, CK_ACTIVATION_BF16]
        .map { PreparedRows(kind: $0) }
    private var isRead = [false, false, false, false]
    /// Where the inputs lie during a region: threads that counted references to `inputs` would wait
    /// for each other.
    private let inputRows: UnsafeMutablePointer<PreparedRows.Layout>

    /// What of a product belongs to one memory node, and the tasks that it is cut into.
    private struct Slice {
        var product: Int
        var panels: Range<Int>
        var panelsEach: Int
        var firstTask: Int
    }

    init(workerCount: Int, placement: NUMAPlacement, by path: ProductPath) {
        self.placement = placement
        taskEnds = [Int](repeating: 0, count: placement.nodes.count)
        blas = path == .blas ? BLASProduct(workerCount: workerCount) : nil
        unsafe scratch = .allocate(byteCount: Self.scratchStride * workerCount, alignment: 4096)
        unsafe inputRows = .allocate(capacity: inputs.count)
        unsafe products = .allocate(capacity: capacity)
        unsafe slices = .allocate(capacity: capacity * placement.nodes.count)
    }

    deinit {
        unsafe scratch.deallocate()
        unsafe inputRows.deallocate()
        unsafe products.deallocate()
        unsafe slices.deallocate()
    }

    // MARK: Planning

    /// Forgets all products; those to come read `x`.
    func begin(_ x: FloatBuffer) {
        count = 0
        unsafe self.x = UnsafePointer(x.base)
        xStride = x.stride
        for index in isRead.indices { isRead[index] = false }
    }

    /// Adds a product with all rows of its weights.
    func add(_ product: PlannedProduct) {
        if count == capacity { grow() }
        unsafe note(product.w)
        if let u = unsafe product.u { unsafe note(u) }
        unsafe (products + count).initialize(to: product)
        count += 1
    }

    /// Whether a product reads the inputs of that index.
    func reads(_ index: Int) -> Bool { isRead[index] }

    /// Cuts the products into tasks, once their inputs are prepared: those of each memory node
    /// after one another, since the threads near to it take them first.
    func cut(threadCount: Int) {
        for index in inputs.indices {
            unsafe (inputRows + index).initialize(to: inputs[index].layout)
        }
        var panelCount = 0
        for index in 0..<count { unsafe panelCount += products[index].w.panelCount }
        let most = max(1, panelCount / (16 * threadCount))
        var taskCount = 0
        sliceCount = 0
        for node in placement.nodes.indices {
            for index in 0..<count {
                let product = unsafe products[index]
                let panels = unsafe placement.slice(
                    of: node, panelCount: product.w.panelCount,
                    panelByteCount: product.w.bytesPerPanel)
                if panels.isEmpty { continue }
                let enough = unsafe Self.bytesPerTask / max(1, product.bytesPerPanel)
                let panelsEach = max(1, min(most, enough))
                unsafe (slices + sliceCount).initialize(
                    to: Slice(
                        product: index, panels: panels, panelsEach: panelsEach,
                        firstTask: taskCount))
                sliceCount += 1
                taskCount += (panels.count + panelsEach - 1) / panelsEach
            }
            taskEnds[node] = taskCount
        }
    }

    /// The product and the panels of a task.
    private func part(ofTask task: Int) -> (product: Int, panels: Range<Int>) {
        // The last slice whose first task is not after `task`.
        var low = 0
        var high = sliceCount - 1
        while low < high {
            let middle = (low + high + 1) / 2
            if unsafe slices[middle].firstTask <= task { low = middle } else { high = middle - 1 }
        }
        let slice = unsafe slices[low]
        let first = slice.panels.lowerBound + (task - slice.firstTask) * slice.panelsEach
        return (slice.product, first..<min(first + slice.panelsEach, slice.panels.upperBound))
    }

    /// The weights that a task reads.
    func weights(ofTask task: Int) -> [WeightsAhead.Part] {
        let (index, panels) = part(ofTask: task)
        let product = unsafe products[index]
        let first = unsafe product.w.bytes(ofPanels: panels)
        guard let u = unsafe product.u else { return [first] }
        return unsafe [first, u.bytes(ofPanels: panels)]
    }

    private func note(_ w: KernelMatrix) {
        if let blas {
            unsafe blas.prepare(rowCount: w.rowCount, columns: w.columnCount)
        } else if unsafe w.layout == .panels {
            unsafe isRead[w.inputIndex] = true
        }
    }

    private func grow() {
        unsafe products = Self.grown(products, count: count, capacity: capacity * 2)
        unsafe slices = Self.grown(
            slices, count: 0, capacity: capacity * 2 * placement.nodes.count)
        capacity *= 2
    }

    private static func grown<T>(
        _ old: UnsafeMutablePointer<T>, count: Int, capacity: Int
    ) -> UnsafeMutablePointer<T> {
        let new = UnsafeMutablePointer<T>.allocate(capacity: capacity)
        unsafe new.moveInitialize(from: old, count: count)
        unsafe old.deallocate()
        return unsafe new
    }

    // MARK: Running

    /// Runs one task on a worker.
    func run(task: Int, worker: Int, isa: ck_isa) {
        let (index, panels) = part(ofTask: task)
        let product = unsafe products + index
        let scratch = unsafe self.scratch + worker * Self.scratchStride
        if unsafe product.pointee.u != nil {
            // Several panels of W, then those of U, where there are few tokens: memory is read
            // faster from front to back.
            let most = unsafe max(1, Self.gatedTokens / max(1, product.pointee.tokenCount))
            for first in stride(from: panels.lowerBound, to: panels.upperBound, by: most) {
                let part = first..<min(first + most, panels.upperBound)
                unsafe runGated(product, part, scratch, worker: worker, isa: isa)
            }
        } else {
            unsafe multiply(product, panels, scratch, worker: worker, isa: isa)
            guard let terms = unsafe product.pointee.terms else { return }
            let firstRow = panels.lowerBound * WeightMatrix.rowsPerPanel
            let count = unsafe product.pointee.w.panels(panels).rowCount
            for token in 0..<(unsafe product.pointee.tokenCount) {
                unsafe terms[product.pointee.termIndex(token: token)].add(
                    to: product.pointee.output(token: token) + firstRow, fromRow: firstRow,
                    count: count, isa: isa)
            }
        }
    }

    /// activation(x · Wᵀ) ⊙ (x · Uᵀ) for some panels, some tokens after others.
    private func runGated(
        _ product: UnsafePointer<PlannedProduct>, _ panels: Range<Int>,
        _ scratch: UnsafeMutableRawPointer, worker: Int, isa: ck_isa
    ) {
        let up = unsafe (scratch + Self.kernelScratchBytes).assumingMemoryBound(to: Float.self)
        for first in unsafe stride(from: 0, to: product.pointee.tokenCount, by: Self.gatedTokens) {
            let last = unsafe min(first + Self.gatedTokens, product.pointee.tokenCount)
            var gate = unsafe product.pointee.tokens(first..<last)
            guard var u = unsafe gate.upProduct(panels: panels, into: up) else { return }
            unsafe multiply(&gate, panels, scratch, worker: worker, isa: isa)
            unsafe multiply(&u, 0..<panels.count, scratch, worker: worker, isa: isa)
            let firstRow = panels.lowerBound * WeightMatrix.rowsPerPanel
            for token in 0..<last - first {
                let y = unsafe gate.output(token: token) + firstRow
                if let terms = unsafe gate.terms, let upTerms = unsafe gate.upTerms {
                    let index = unsafe gate.termIndex(token: token)
                    unsafe terms[index].add(
                        to: y, fromRow: firstRow, count: u.w.rowCount, isa: isa)
                    unsafe upTerms[index].add(
                        to: up + token * u.yStride, fromRow: firstRow, count: u.w.rowCount,
                        isa: isa)
                }
                guard let clamped = unsafe product.pointee.gate else {
                    unsafe product.pointee.activation.multiply(
                        y, up + token * u.yStride, into: y, count: u.w.rowCount, isa: isa)
                    continue
                }
                unsafe ck_clamped_gate_multiply(
                    isa, y, clamped.biases + firstRow, up + token * u.yStride,
                    clamped.upBiases + firstRow, clamped.clamp.slope, clamped.clamp.limit, y,
                    u.w.rowCount)
            }
        }
    }

    /// The columns of y that some panels of W compute.
    private func multiply(
        _ p: UnsafePointer<PlannedProduct>, _ panels: Range<Int>,
        _ scratch: UnsafeMutableRawPointer, worker: Int, isa: ck_isa
    ) {
        guard let x = unsafe x else { return }
        if let blas {
            unsafe blas.run(
                p.pointee.panels(panels), x, xStride: xStride, worker: worker, isa: isa)
        } else if unsafe p.pointee.w.layout == .rows {
            let p = unsafe p.pointee.panels(panels)
            var product = unsafe ck_product(
                weights: p.w.base, row_bytes: p.w.bytesPerRow, format: p.w.format,
                columns: p.w.columnCount, x: x + p.firstInput * xStride, x_stride: xStride, y: p.y,
                y_stride: p.yStride, x_rows: p.xRows, y_rows: p.yRows, token_count: p.tokenCount)
            unsafe ck_multiply(
                isa, &product, 0, p.w.rowCount, scratch.assumingMemoryBound(to: Float.self))
        } else {
            let inputs = unsafe inputRows + p.pointee.w.inputIndex
            var product = unsafe ck_packed_product(
                panels: p.pointee.w.base, format: p.pointee.w.format,
                columns: p.pointee.w.columnCount, row_count: p.pointee.w.rowCount,
                x: inputs.pointee.base + p.pointee.firstInput * inputs.pointee.bytesPerBlock,
                block_stride: inputs.pointee.blockStride, y: p.pointee.y,
                y_stride: p.pointee.yStride, x_rows: p.pointee.xRows, y_rows: p.pointee.yRows,
                token_count: p.pointee.tokenCount)
            unsafe ck_multiply_packed(isa, &product, panels.lowerBound, panels.count, scratch)
        }
    }
}
