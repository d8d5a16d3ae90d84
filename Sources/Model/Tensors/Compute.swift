// SPDX-License-Identifier: Apache-2.0

internal import CKernels

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

    /// Runs a task of the plan; made once, so that no product allocates memory.
    let runPlannedTask: (_ task: Int, _ worker: Int) -> Void

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
        let plan = ProductPlan(workerCount: pool.threadCount, by: .choose(kernels))
        self.isa = isa
        self.plan = plan
        runPlannedTask = { task, worker in plan.run(task: task, worker: worker, isa: isa) }
    }
}
