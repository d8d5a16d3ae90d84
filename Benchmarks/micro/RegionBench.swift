// SPDX-License-Identifier: Apache-2.0

import Computation
import Foundation
import Parallelism
import Synchronization

/// What it costs to hand work to all threads and to have it back.
enum RegionBench {
    /// Measures regions that follow one another.
    ///
    /// - Returns: the nanoseconds of a region in which every thread takes part once and none does
    ///   anything: the fastest of several runs.
    static func nanoseconds(pool: ThreadPool) -> Double {
        let arrived = Atomic<Int>(0)
        let regionCount = 2000
        let threadCount = pool.threadCount
        let rate = bestRate(of: Double(regionCount), repeats: 16) {
            arrived.store(0, ordering: .relaxed)
            for region in 1...regionCount {
                // No task ends before each thread has one.
                pool.parallel(count: threadCount) { _, _ in
                    arrived.add(1, ordering: .acquiringAndReleasing)
                    var looks = 0
                    while arrived.load(ordering: .acquiring) < region * threadCount {
                        looks += 1
                        if looks % 1000 == 0 { sched_yield() }
                    }
                }
            }
        }
        return rate > 0 ? 1 / rate : 0
    }
}
