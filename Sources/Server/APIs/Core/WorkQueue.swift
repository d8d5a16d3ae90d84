// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Foundation
import Synchronization

/// Threads of their own for work that would hold up everything else, and a bounded queue for it.
///
/// Clients take turns, so that one client's many jobs do not stand before another's first.
package final class WorkQueue: Sendable {
    /// Why a job was not done.
    package enum Refusal: Error {
        /// Too many wait already.
        case full

        /// Its task was cancelled before its turn came.
        case cancelled
    }

    private struct Job {
        let id: UInt64
        /// Does the work, or tells why not.
        let finish: @Sendable (Refusal?) -> Void
    }

    private struct State {
        var waiting: [Int: [Job]] = [:]
        var waitingCount = 0
        /// The clients of which jobs wait, the next one first.
        var turns: [Int] = []
        var threadCount = 0
        var idleCount = 0
        var nextID: UInt64 = 0
        var isClosed = false

        mutating func append(_ job: Job, of client: Int) {
            if waiting[client] == nil { turns.append(client) }
            waiting[client, default: []].append(job)
            waitingCount += 1
        }

        mutating func next() -> Job? {
            guard let client = turns.first else { return nil }
            turns.removeFirst()
            let job = waiting[client]?.removeFirst()
            waitingCount -= 1
            if waiting[client]?.isEmpty == true {
                waiting[client] = nil
            } else {
                turns.append(client)
            }
            return job
        }

        mutating func remove(_ id: UInt64, of client: Int) -> Job? {
            guard let index = waiting[client]?.firstIndex(where: { $0.id == id }) else {
                return nil
            }
            let job = waiting[client]?.remove(at: index)
            waitingCount -= 1
            if waiting[client]?.isEmpty == true {
                waiting[client] = nil
                turns.removeAll { $0 == client }
            }
            return job
        }
    }

    private let name: String
    private let maxThreads: Int
    private let maxWaiting: Int
    private let niceness: Int32
    private let state = Mutex(State())
    private let wakeUp = DispatchSemaphore(value: 0)

    /// Creates a queue; its threads start when there is work.
    ///
    /// - Parameters:
    ///   - name: the name of the threads.
    ///   - maxThreads: how many jobs are done at the same time.
    ///   - maxWaiting: how many may wait, of which one client has at most three quarters.
    ///   - niceness: how much the threads stand back for others, from 0 to 19.
    package init(name: String, maxThreads: Int, maxWaiting: Int, niceness: Int32 = 0) {
        precondition(maxThreads > 0 && maxWaiting > 0, "no threads or no places")
        self.name = name
        self.maxThreads = maxThreads
        self.maxWaiting = maxWaiting
        self.niceness = niceness
    }

    /// How many jobs wait.
    package var waitingCount: Int { state.withLock { $0.waitingCount } }

    /// Ends the threads once they are idle.
    package func close() {
        let count = state.withLock { state in
            state.isClosed = true
            return state.threadCount
        }
        for _ in 0..<count { wakeUp.signal() }
    }

    /// Does the work on one of the threads, when it is the client's turn.
    ///
    /// - Parameters:
    ///   - client: whose turn it takes.
    ///   - isRefusable: whether the queue may be too full for it.
    ///   - work: what to do; it is not begun after the task has been cancelled.
    /// - Returns: what the work gives.
    /// - Throws: `Refusal`.
    package func run<Value: Sendable>(
        for client: Int, isRefusable: Bool = true, _ work: @escaping @Sendable () -> Value
    ) async throws(Refusal) -> Value {
        let id = state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
        let result: Result<Value, Refusal> = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let job = Job(id: id) { refusal in
                    continuation.resume(returning: refusal.map { .failure($0) } ?? .success(work()))
                }
                if Task.isCancelled {
                    job.finish(.cancelled)
                } else {
                    enqueue(job, of: client, isRefusable: isRefusable)
                    // A cancellation that came in between has found nothing to take back.
                    if Task.isCancelled {
                        state.withLock { $0.remove(id, of: client) }?.finish(.cancelled)
                    }
                }
            }
        } onCancel: {
            state.withLock { $0.remove(id, of: client) }?.finish(.cancelled)
        }
        return try result.get()
    }

    private func enqueue(_ job: Job, of client: Int, isRefusable: Bool) {
        enum Outcome { case refused, waits, needsThread }
        let outcome: Outcome = state.withLock { state in
            let own = state.waiting[client]?.count ?? 0
            let isFull = state.waitingCount >= maxWaiting || own >= max(1, maxWaiting / 4 * 3)
            if isRefusable, isFull { return .refused }
            state.append(job, of: client)
            if state.idleCount >= state.waitingCount || state.threadCount == maxThreads {
                return .waits
            }
            state.threadCount += 1
            return .needsThread
        }
        switch outcome {
        case .refused: job.finish(.full)
        case .waits: wakeUp.signal()
        case .needsThread:
            wakeUp.signal()
            startThread()
        }
    }

    private func startThread() {
        let thread = Thread { self.serve() }
        thread.name = name
        thread.stackSize = 8 << 20
        thread.start()
    }

    private func serve() {
        // On Linux this is the thread's own priority. Failing to stand back is no failure.
        if niceness > 0 { _ = setpriority(Int32(PRIO_PROCESS.rawValue), 0, niceness) }
        while true {
            state.withLock { $0.idleCount += 1 }
            wakeUp.wait()
            let (job, isClosed) = state.withLock { state in
                state.idleCount -= 1
                return (state.next(), state.isClosed)
            }
            if let job {
                job.finish(nil)
            } else if isClosed {
                return
            }
        }
    }
}
