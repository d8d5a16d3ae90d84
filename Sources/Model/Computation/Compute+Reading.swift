// SPDX-License-Identifier: Apache-2.0

import CKernels
internal import Parallelism

extension Compute {
    /// Reads every byte of some weights and does nothing else with them: how fast that goes is how
    /// fast a product of them can be that has to fetch them from memory.
    ///
    /// - Parameter matrices: all are read at once, on all threads.
    /// - Returns: something that depends on every byte.
    package func read(_ matrices: [WeightMatrix]) -> UInt64 {
        var sum: UInt64 = 0
        for matrix in matrices {
            let byteCount = matrix.byteCount
            let taskCount = (byteCount + Self.readTaskByteCount - 1) / Self.readTaskByteCount
            nonisolated(unsafe) let bytes = unsafe matrix.base.assumingMemoryBound(to: UInt8.self)
            let sums = unsafe Array(unsafeUninitializedCapacity: taskCount) { sums, count in
                pool.parallel(count: taskCount) { task, _ in
                    let start = task * Self.readTaskByteCount
                    unsafe sums[task] = ck_peak_read(
                        bytes + start, min(Self.readTaskByteCount, byteCount - start))
                }
                count = taskCount
            }
            for part in sums { sum &+= part }
        }
        return sum
    }

    private static let readTaskByteCount = 1 << 20
}
