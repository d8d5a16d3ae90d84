// SPDX-License-Identifier: Apache-2.0

import Foundation
import Parallelism
import Synchronization
import Testing

@Suite struct ThreadPoolTests {
    private final class Counter: Sendable {
        let sum = Atomic<Int>(0)
    }

    @Test(arguments: 1...8)
    func `every task runs once on a worker of the pool`(threadCount: Int) {
        let pool = ThreadPool(threadCount: threadCount)
        #expect(pool.threadCount == threadCount)
        for count in [0, 1, 2, 3, 7, 64, 500] {
            let runs = Mutex([Int](repeating: 0, count: count))
            pool.parallel(count: count) { task, worker in
                runs.withLock { $0[task] += 1 }
                precondition(worker >= 0 && worker < threadCount)
            }
            #expect(runs.withLock { $0 } == [Int](repeating: 1, count: count))
        }
    }

    @Test(arguments: [2, 3, 8])
    func `thousands of short regions come to an end`(threadCount: Int) {
        let pool = ThreadPool(threadCount: threadCount)
        let sum = Atomic<Int>(0)
        for _ in 0..<3000 {
            pool.parallel(count: 3) { task, _ in sum.add(task, ordering: .relaxed) }
        }
        #expect(sum.load(ordering: .relaxed) == 9000)
    }

    @Test func `no worker runs two tasks at once`() {
        let pool = ThreadPool(threadCount: 4)
        let busy = Mutex([Bool](repeating: false, count: 4))
        let clashes = Atomic<Int>(0)
        pool.parallel(count: 2000) { _, worker in
            let wasBusy = busy.withLock { busy in
                defer { busy[worker] = true }
                return busy[worker]
            }
            if wasBusy { clashes.add(1, ordering: .relaxed) }
            busy.withLock { $0[worker] = false }
        }
        #expect(clashes.load(ordering: .relaxed) == 0)
    }

    @Test func `callers on several threads take turns`() async {
        let pool = ThreadPool(threadCount: 3)
        let counter = Counter()
        await withTaskGroup { group in
            for _ in 0..<4 {
                group.addTask {
                    for _ in 0..<200 {
                        pool.parallel(count: 5) { _, _ in
                            counter.sum.add(1, ordering: .relaxed)
                        }
                    }
                }
            }
        }
        #expect(counter.sum.load(ordering: .relaxed) == 4000)
    }

    @Test func `writes of all tasks are seen after the region`() {
        let pool = ThreadPool(threadCount: 4)
        let rows = UnsafeMutableBufferPointer<SIMD16<Float>>.allocate(capacity: 64)
        defer { unsafe rows.deallocate() }
        for round in 1...100 {
            pool.parallel(count: 64) { task, _ in
                unsafe rows.initializeElement(at: task, to: SIMD16(repeating: Float(round)))
            }
            #expect(unsafe rows.allSatisfy { $0[15] == Float(round) })
        }
    }

    @Test func `pools come and go`() {
        for threadCount in 1...20 {
            let pool = ThreadPool(
                threadCount: threadCount % 5 + 1, pinning: threadCount % 2 == 0 ? .always : .never)
            pool.parallel(count: threadCount) { _, _ in }
        }
    }
}
