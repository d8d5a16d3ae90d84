// SPDX-License-Identifier: Apache-2.0

internal import Parallelism

/// Work on rows that are independent of each other.
///
/// A value instead of a closure: threads cannot share a closure that does not outlive its call
/// without a new box for it, and a step of the transformer allocates no memory.
protocol RowWork {
    /// Does the work on one row.
    func run(row: Int)
}

/// The tasks of a parallel region in which each row of a step gets some work.
// Safety: `work` is set before a region begins and valid until it has ended; tasks only read it.
@safe final class RowTasks {
    private var work: UnsafeRawPointer?
    private var runRows: (UnsafeRawPointer, Range<Int>) -> Void = { _, _ in }
    private var rowCount = 0
    private var rowsPerTask = 1

    /// The number of tasks.
    var count: Int { (rowCount + rowsPerTask - 1) / rowsPerTask }

    /// Prepares the tasks of a region that ends before `work` does.
    func layOut<Work: RowWork>(
        _ work: UnsafePointer<Work>, rowCount: Int, rowsPerTask: Int
    ) {
        unsafe self.work = UnsafeRawPointer(work)
        self.rowCount = rowCount
        self.rowsPerTask = rowsPerTask
        unsafe runRows = { work, rows in
            let work = unsafe work.assumingMemoryBound(to: Work.self)
            for row in rows { unsafe work.pointee.run(row: row) }
        }
    }

    /// Runs one task.
    func run(task: Int) {
        guard let work = unsafe work else { return }
        let first = task * rowsPerTask
        unsafe runRows(work, first..<min(first + rowsPerTask, rowCount))
    }
}

extension Compute {
    /// Does the work on each row, on all threads where the rows are worth it.
    ///
    /// - Parameters:
    ///   - rowCount: how many rows.
    ///   - cost: numbers that a row touches.
    ///   - work: what to do.
    func forEachRow<Work: RowWork>(_ rowCount: Int, cost: Int, _ work: Work) {
        // Waking the pool takes some microseconds: ten thousand numbers' worth.
        guard rowCount > 1 && rowCount * cost >= 32_768 else {
            for row in 0..<rowCount { work.run(row: row) }
            return
        }
        let rowsPerTask = max(1, min(rowCount / (4 * pool.threadCount), 16_384 / max(1, cost)))
        unsafe withUnsafePointer(to: work) { work in
            unsafe rowTasks.layOut(work, rowCount: rowCount, rowsPerTask: rowsPerTask)
            pool.runRegion(count: rowTasks.count, by: runRowTask)
        }
    }
}
