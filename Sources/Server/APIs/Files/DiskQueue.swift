// SPDX-License-Identifier: Apache-2.0

import Jobs

/// Threads that wait for the disk, so that no connection's thread does.
///
/// Clients take turns.
final class DiskQueue: Sendable {
    private let queue = WorkQueue(name: "cierzo-disk", maxThreads: 4, maxWaiting: 4_096)

    deinit { queue.close() }

    /// Does something on one of the threads, when it is the client's turn.
    ///
    /// - Parameters:
    ///   - client: whose turn it takes; each connection waits for one thing at a time.
    ///   - work: what to do.
    /// - Returns: what the work gives.
    /// - Throws: what the work throws, or `unavailable` for a task that was cancelled.
    func run<Value: Sendable>(
        for client: Int, _ work: @escaping @Sendable () throws(APIError) -> Value
    ) async throws(APIError) -> Value {
        // Workers are no tasks, so that they would not find it themselves.
        let ledger = FieldLedger.current
        let result: Result<Value, APIError>
        do throws(WorkQueue.Refusal) {
            result = try await queue.run(for: client, isRefusable: false) {
                do throws(APIError) {
                    return .success(
                        try FieldLedger.noting(in: ledger) { () throws(APIError) in try work() })
                } catch {
                    return .failure(error)
                }
            }
        } catch {
            throw .unavailable(reason: "The request was cancelled.")
        }
        return try result.get()
    }
}
