// SPDX-License-Identifier: Apache-2.0

internal import CKernels
package import Parallelism

/// The operations of a transformer on buffers and weights, run by a pool of threads.
///
/// Every result depends on its own row of the input alone: not on the other rows, their number, the
/// number of threads, or the instruction set. One thread at a time calls the operations.
package final class Compute {
    /// The threads that do the work; the calling thread is the first of them.
    package let pool: ThreadPool

    /// Which kernels run.
    package let kernels: KernelChoice

    let isa: ck_isa
    let plan: ProductPlan

    let rowTasks: RowTasks

    // Made once, so that no step allocates memory.

    /// Runs a task of the plan.
    let runPlannedTask: (_ task: Int, _ worker: Int) -> Void

    /// Runs one of the tasks of rows.
    let runRowTask: (_ task: Int, _ worker: Int) -> Void

    /// Bytes that the operations take at most for products of so many activations.
    ///
    /// - Parameters:
    ///   - rowCount: T.
    ///   - columnCount: of each row.
    ///   - threadCount: of the pool.
    /// - Returns: for prepared rows, and for the scratch of each thread.
    package static func scratchByteCount(
        rowCount: Int, columnCount: Int, threadCount: Int
    ) -> Int {
        PreparedRows.largestByteCount(rowCount: rowCount, columnCount: columnCount)
            + ProductPlan.scratchStride * threadCount
    }

    /// Creates the operations.
    ///
    /// - Parameters:
    ///   - pool: the threads.
    ///   - kernels: which kernels to run.
    /// - Precondition: `kernels.isAvailable`.
    package init(pool: ThreadPool, kernels: KernelChoice = .automatic) {
        precondition(kernels.isAvailable, "this processor cannot run \(kernels.rawValue) kernels")
        self.pool = pool
        self.kernels = kernels
        let isa = kernels.isa
        let plan = ProductPlan(
            workerCount: pool.threadCount, placement: pool.weightPlacement, by: kernels.products)
        let rowTasks = RowTasks()
        self.isa = isa
        self.plan = plan
        self.rowTasks = rowTasks
        runPlannedTask = { task, worker in plan.run(task: task, worker: worker, isa: isa) }
        runRowTask = { task, _ in rowTasks.run(task: task) }
    }
}
