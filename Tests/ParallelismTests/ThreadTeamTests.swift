// SPDX-License-Identifier: Apache-2.0

import Foundation
import Parallelism
import Synchronization
import Testing

/// The threads of a pool: all of them take part, and sleep when there is nothing to do.
@Suite struct ThreadTeamTests {
    @Test(arguments: 2...4)
    func `all threads work at once, each as another worker`(threadCount: Int) {
        let pool = ThreadPool(threadCount: threadCount)

        #expect(Self.workers(of: pool) == Set(0..<threadCount))
    }

    @Test func `a task may start a region of another pool`() {
        let outer = ThreadPool(threadCount: 3)
        let inner = ThreadPool(threadCount: 2)
        let sum = Atomic<Int>(0)

        outer.parallel(count: 20) { _, _ in
            inner.parallel(count: 20) { task, _ in sum.add(task, ordering: .relaxed) }
        }

        #expect(sum.load(ordering: .relaxed) == 20 * 190)
    }

    @Test func `a pool that has slept works on`() {
        let pool = ThreadPool(threadCount: 3)
        for _ in 0..<3 {
            Self.compute(milliseconds: 5)
            #expect(Self.workers(of: pool) == [0, 1, 2])
        }
    }

    @Test func `callers on several threads run a hundred thousand tiny regions`() async {
        let pool = ThreadPool(threadCount: 2)
        let sum = Counter()
        await withTaskGroup { group in
            for _ in 0..<4 {
                group.addTask {
                    for _ in 0..<25_000 {
                        pool.parallel(count: 2) { task, _ in
                            sum.value.add(task + 1, ordering: .relaxed)
                        }
                    }
                }
            }
        }
        #expect(sum.value.load(ordering: .relaxed) == 300_000)
    }

    @Test func `pools that end right after a region let all their threads go`() {
        let sum = Atomic<Int>(0)
        for _ in 0..<400 {
            // Releasing a pool waits for its threads, of which many are late for the only region.
            ThreadPool(threadCount: 12).parallel(count: 12) { task, _ in
                sum.add(task, ordering: .relaxed)
            }
        }
        #expect(sum.load(ordering: .relaxed) == 400 * 66)
    }

    @Test func `more threads than processors come to an end`() {
        let pool = ThreadPool(threadCount: 8)
        let sum = Atomic<Int>(0)
        for _ in 0..<3000 {
            pool.parallel(count: 8) { task, _ in sum.add(task, ordering: .relaxed) }
        }
        #expect(sum.load(ordering: .relaxed) == 3000 * 28)
    }

    /// Threads that come late to a region look for tasks while the next one is being prepared.
    @Test(arguments: [2, 3, 5])
    func `no task of a hundred thousand regions is lost or runs twice`(threadCount: Int) {
        let pool = ThreadPool(threadCount: threadCount)
        let runs = Atomic<Int>(0)
        for region in 1...100_000 {
            pool.parallel(count: 7 + region % 6) { task, _ in
                runs.add(1 + task << 24, ordering: .relaxed)
            }
            let count = 7 + region % 6
            let sum = count + (count * (count - 1) / 2) << 24
            guard runs.exchange(0, ordering: .relaxed) == sum else {
                Issue.record("region \(region)")
                return
            }
        }
    }

    @Test func `a slow worker's tasks are taken by the others`() {
        let pool = ThreadPool(threadCount: 3)
        let isSlow = Atomic<Bool>(false)
        let done = Atomic<Int>(0)
        pool.parallel(count: 60) { _, _ in
            let isFirst = isSlow.compareExchange(
                expected: false, desired: true, ordering: .relaxed
            ).exchanged
            if isFirst {
                while done.load(ordering: .relaxed) < 59 { sched_yield() }
            } else {
                done.add(1, ordering: .relaxed)
            }
        }
        #expect(done.load(ordering: .relaxed) == 59)
    }

    @Test func `a pool ends while its threads look out for work`() {
        for _ in 0..<200 {
            let pool = ThreadPool(threadCount: 3)
            pool.parallel(count: 3) { _, _ in }
        }
    }

    /// An idle thread looks out for work for a millisecond; a thread that never slept
    /// would take as much time as the caller does here, or half of it on a busy machine.
    @Test func `an idle pool takes no processor time`() {
        let pool = ThreadPool(threadCount: 3)
        let clocks = Self.clocks(of: pool)
        #expect(clocks.count == 2)
        Self.compute(milliseconds: 10)
        let before = clocks.map { Self.nanoseconds($0) }

        Self.compute(milliseconds: 100)

        for (clock, time) in zip(clocks, before) {
            #expect(Self.nanoseconds(clock) - time < 5_000_000)
        }
    }

    private final class Counter: Sendable {
        let value = Atomic<Int>(0)
    }

    /// The workers of a region in which every thread has to take part: no task ends before all
    /// have begun.
    private static func workers(of pool: ThreadPool) -> Set<Int> {
        let begun = Atomic<Int>(0)
        let workers = Mutex(Set<Int>())
        pool.parallel(count: pool.threadCount) { _, worker in
            workers.withLock { _ = $0.insert(worker) }
            begun.add(1, ordering: .sequentiallyConsistent)
            while begun.load(ordering: .sequentiallyConsistent) < pool.threadCount { sched_yield() }
        }
        return workers.withLock { $0 }
    }

    /// The processor-time clocks of the threads that the pool has started.
    private static func clocks(of pool: ThreadPool) -> [clockid_t] {
        let begun = Atomic<Int>(0)
        let clocks = Mutex([clockid_t]())
        pool.parallel(count: pool.threadCount) { _, worker in
            var clock = clockid_t()
            if worker != 0, unsafe pthread_getcpuclockid(pthread_self(), &clock) == 0 {
                clocks.withLock { $0.append(clock) }
            }
            begun.add(1, ordering: .sequentiallyConsistent)
            while begun.load(ordering: .sequentiallyConsistent) < pool.threadCount { sched_yield() }
        }
        return clocks.withLock { $0 }
    }

    /// Takes so much processor time of the calling thread.
    private static func compute(milliseconds: Int) {
        let end = nanoseconds(CLOCK_THREAD_CPUTIME_ID) + milliseconds * 1_000_000
        while nanoseconds(CLOCK_THREAD_CPUTIME_ID) < end {}
    }

    private static func nanoseconds(_ clock: clockid_t) -> Int {
        var time = timespec()
        unsafe clock_gettime(clock, &time)
        return time.tv_sec * 1_000_000_000 + time.tv_nsec
    }
}
