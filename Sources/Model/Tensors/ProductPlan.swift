// SPDX-License-Identifier: Apache-2.0

internal import CKernels

/// The products of one parallel region, cut into tasks, and the scratch of each worker.
///
/// A task is a slice of one product's weight rows. The plan's memory is reused.
@safe final class ProductPlan {
    private let scratch: UnsafeMutablePointer<Float>
    private let scratchStride: Int
    private(set) var products: UnsafeMutablePointer<ck_product>
    private var firstTasks: UnsafeMutablePointer<Int>
    private var rowCounts: UnsafeMutablePointer<Int>
    private var capacity = 64
    private var count = 0

    /// The number of weight rows in a task; the last of a product has fewer.
    private let rowsPerTask = 64

    private(set) var taskCount = 0

    private let blas: BLASProduct?

    init(workerCount: Int, by backend: MatrixMultiply) {
        blas =
            switch backend {
            case .blas: BLASProduct(rowsPerTask: rowsPerTask, workerCount: workerCount)
            case .kernels: nil
            }
        scratchStride = (ck_multiply_scratch() + 1023) / 1024 * 1024
        let bytes = scratchStride * workerCount * 4
        let memory = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 4096)
        unsafe scratch = memory.bindMemory(to: Float.self, capacity: bytes / 4)
        unsafe products = .allocate(capacity: capacity)
        unsafe firstTasks = .allocate(capacity: capacity)
        unsafe rowCounts = .allocate(capacity: capacity)
    }

    deinit {
        unsafe scratch.deallocate()
        unsafe products.deallocate()
        unsafe firstTasks.deallocate()
        unsafe rowCounts.deallocate()
    }

    /// Forgets all products.
    func clear() {
        count = 0
        taskCount = 0
    }

    /// Adds a product with all rows of its weights.
    func add(_ product: ck_product, rowCount: Int) {
        unsafe blas?.prepare(rowCount: rowCount, columns: product.columns)
        if count == capacity { grow() }
        unsafe (products + count).initialize(to: product)
        unsafe (firstTasks + count).initialize(to: taskCount)
        unsafe (rowCounts + count).initialize(to: rowCount)
        count += 1
        taskCount += (rowCount + rowsPerTask - 1) / rowsPerTask
    }

    /// Runs one task on a worker.
    func run(task: Int, worker: Int, isa: ck_isa) {
        // The last product whose first task is not after `task`.
        var low = 0
        var high = count - 1
        while low < high {
            let middle = (low + high + 1) / 2
            if unsafe firstTasks[middle] <= task { low = middle } else { high = middle - 1 }
        }
        let firstRow = unsafe (task - firstTasks[low]) * rowsPerTask
        let rows = unsafe min(rowsPerTask, rowCounts[low] - firstRow)
        if let blas {
            unsafe blas.run(
                products[low], firstRow: firstRow, rowCount: rows, worker: worker, isa: isa)
        } else {
            unsafe ck_multiply(
                isa, products + low, firstRow, rows, scratch + worker * scratchStride)
        }
    }

    private func grow() {
        unsafe products = Self.grown(products, count: count, capacity: capacity * 2)
        unsafe firstTasks = Self.grown(firstTasks, count: count, capacity: capacity * 2)
        unsafe rowCounts = Self.grown(rowCounts, count: count, capacity: capacity * 2)
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
}
