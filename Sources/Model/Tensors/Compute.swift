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
        isa = kernels.isa
        plan = ProductPlan(workerCount: pool.threadCount, by: .choose(kernels))
    }
}
