// SPDX-License-Identifier: Apache-2.0

import Foundation
import Parallelism
import Synchronization
import Testing

@Suite struct SharedPoolTests {
    /// Runs work on threads of its own, and returns when all is done.
    private func onThreads(_ works: [@Sendable () -> Void]) {
        let done = DispatchSemaphore(value: 0)
        for work in works {
            let thread = Thread {
                work()
                done.signal()
            }
            thread.start()
        }
        for _ in works { done.wait() }
    }

    @Test(arguments: [1, 2, 4])
    func `pools that share threads take turns, and nobody comes between the regions of one`(
        _ threadCount: Int
    ) {
        let pool = ThreadPool(threadCount: threadCount)
        let holder = Atomic(0)
        let faults = Atomic(0)
        let taskCount = Atomic(0)
        let turns = (1...3).map { number -> @Sendable () -> Void in
            let own = ThreadPool(sharing: pool, share: number)
            return {
                for _ in 0..<50 {
                    let affinity = own.placeCaller()
                    if holder.exchange(number, ordering: .sequentiallyConsistent) != 0 {
                        faults.add(1, ordering: .relaxed)
                    }
                    for _ in 0..<4 {
                        own.parallel(count: 8) { _, worker in
                            if holder.load(ordering: .sequentiallyConsistent) != number
                                || worker >= threadCount
                            {
                                faults.add(1, ordering: .relaxed)
                            }
                            taskCount.add(1, ordering: .relaxed)
                        }
                    }
                    holder.store(0, ordering: .sequentiallyConsistent)
                    own.releaseCaller(to: affinity)
                }
            }
        }
        // A region without a turn is one of its own.
        let loose: @Sendable () -> Void = {
            let own = ThreadPool(sharing: pool)
            for _ in 0..<200 {
                own.parallel(count: 8) { _, _ in
                    if threadCount > 1, holder.load(ordering: .sequentiallyConsistent) != 0 {
                        faults.add(1, ordering: .relaxed)
                    }
                    taskCount.add(1, ordering: .relaxed)
                }
            }
        }
        onThreads(turns + [loose])
        #expect(faults.load(ordering: .relaxed) == 0)
        #expect(taskCount.load(ordering: .relaxed) == 3 * 50 * 4 * 8 + 200 * 8)
    }

    @Test func `a pool that shares threads keeps them alive`() {
        var owner: ThreadPool? = ThreadPool(threadCount: 3)
        let sharing = owner.map { ThreadPool(sharing: ThreadPool(sharing: $0)) }
        owner = nil
        let count = Atomic(0)
        sharing?.parallel(count: 100) { _, _ in count.add(1, ordering: .relaxed) }
        #expect(count.load(ordering: .relaxed) == 100)
        #expect(sharing?.threadCount == 3)
    }
}
