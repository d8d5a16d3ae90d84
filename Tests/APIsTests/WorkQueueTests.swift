// SPDX-License-Identifier: Apache-2.0

import APIs
import Dispatch
import Synchronization
import Testing

@Suite struct WorkQueueTests {
    /// A queue of one thread, which a first job holds until the gate opens.
    private final class HeldQueue: Sendable {
        let queue: WorkQueue
        private let gate = DispatchSemaphore(value: 0)
        private let finished = Mutex<[String]>([])
        private let holder: Task<Void, any Error>

        init(maxWaiting: Int) async {
            let queue = WorkQueue(name: "test", maxThreads: 1, maxWaiting: maxWaiting)
            let hasBegun = Atomic(false)
            self.queue = queue
            let gate = gate
            holder = Task {
                try await queue.run(for: 0) {
                    hasBegun.store(true, ordering: .releasing)
                    gate.wait()
                }
            }
            while !hasBegun.load(ordering: .acquiring) { await Task.yield() }
        }

        deinit { queue.close() }

        /// A job that waits in the queue when this returns.
        func job(
            _ name: String, of client: Int, isRefusable: Bool = true
        ) async -> Task<
            Void, any Error
        > {
            let count = queue.waitingCount
            let task = Task {
                try await self.queue.run(for: client, isRefusable: isRefusable) {
                    self.finished.withLock { $0.append(name) }
                }
            }
            while queue.waitingCount == count { await Task.yield() }
            return task
        }

        func open() async throws {
            gate.signal()
            try await holder.value
        }

        var order: [String] { finished.withLock { $0 } }
    }

    @Test func `clients take turns`() async throws {
        let held = await HeldQueue(maxWaiting: 8)
        let jobs = [
            await held.job("a1", of: 1), await held.job("a2", of: 1), await held.job("a3", of: 1),
            await held.job("b1", of: 2), await held.job("c1", of: 3), await held.job("b2", of: 2),
        ]
        try await held.open()
        for job in jobs { try await job.value }
        #expect(held.order == ["a1", "b1", "c1", "a2", "b2", "a3"])
    }

    @Test func `one client cannot take all places, and a full queue refuses`() async throws {
        let held = await HeldQueue(maxWaiting: 4)
        var jobs: [Task<Void, any Error>] = []
        for _ in 0..<3 { jobs.append(await held.job("a", of: 1)) }
        await #expect(throws: WorkQueue.Refusal.full) { try await held.queue.run(for: 1) {} }
        jobs.append(await held.job("b", of: 2))
        await #expect(throws: WorkQueue.Refusal.full) { try await held.queue.run(for: 3) {} }
        jobs.append(await held.job("c", of: 3, isRefusable: false))
        try await held.open()
        for job in jobs { try await job.value }
        #expect(held.order == ["a", "b", "c", "a", "a"])
    }

    @Test func `a job whose task is cancelled gives up its place and is never done`() async throws {
        let held = await HeldQueue(maxWaiting: 4)
        let kept = await held.job("kept", of: 1)
        let dropped = await held.job("dropped", of: 2)
        dropped.cancel()
        await #expect(throws: WorkQueue.Refusal.cancelled) { try await dropped.value }
        #expect(held.queue.waitingCount == 1)
        try await held.open()
        try await kept.value
        #expect(held.order == ["kept"])
    }
}
