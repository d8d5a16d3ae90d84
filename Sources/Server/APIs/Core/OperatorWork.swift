// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// Where what operators ask for waits for files, or computes for long: never where streams are served,
/// nor before other requests.
final class OperatorWork: Sendable {
    /// One thread, so that changes of a file follow each other.
    private let files = WorkQueue(name: "cierzo-operate", maxThreads: 1, maxWaiting: 64)

    /// It stands back for the engine's.
    private let reports = WorkQueue(
        name: "cierzo-report", maxThreads: 1, maxWaiting: 64, niceness: 5)

    private let measuring = WorkQueue(name: "cierzo-measure", maxThreads: 1, maxWaiting: 1)
    private let isMeasuring = Mutex(false)

    deinit {
        files.close()
        reports.close()
        measuring.close()
    }

    /// Reads or changes files.
    ///
    /// - Parameters:
    ///   - client: whose turn it takes.
    ///   - work: what to do.
    /// - Returns: what the work gives.
    /// - Throws: what the work throws, or why it was not begun.
    func read<Value: Sendable>(
        for client: Int, _ work: @escaping @Sendable () throws(APIError) -> Value
    ) async throws(APIError) -> Value {
        try await Self.run(work, for: client, on: files)
    }

    /// Makes what may be long.
    func report<Value: Sendable>(
        for client: Int, _ work: @escaping @Sendable () throws(APIError) -> Value
    ) async throws(APIError) -> Value {
        try await Self.run(work, for: client, on: reports)
    }

    /// Measures the machine, unless it is being measured: two at a time would measure each other.
    func measure<Value: Sendable>(
        for client: Int, _ work: @escaping @Sendable () throws(APIError) -> Value
    ) async throws(APIError) -> Value {
        let isFirst = isMeasuring.withLock { isMeasuring in
            defer { isMeasuring = true }
            return !isMeasuring
        }
        guard isFirst else {
            throw .unavailable(
                reason: "The machine is being measured already; ask again when that has ended.",
                retryAfterSeconds: 10)
        }
        defer { isMeasuring.withLock { $0 = false } }
        return try await Self.run(work, for: client, on: measuring)
    }

    private static func run<Value: Sendable>(
        _ work: @escaping @Sendable () throws(APIError) -> Value, for client: Int,
        on queue: WorkQueue
    ) async throws(APIError) -> Value {
        let result: Result<Value, APIError>
        do throws(WorkQueue.Refusal) {
            result = try await queue.run(for: client) {
                do throws(APIError) { return .success(try work()) } catch { return .failure(error) }
            }
        } catch {
            switch error {
            case .full: throw .unavailable(reason: "Too much of this waits already.")
            case .cancelled: throw .unavailable(reason: "The request was cancelled.")
            }
        }
        return try result.get()
    }
}
