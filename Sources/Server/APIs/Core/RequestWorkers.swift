// SPDX-License-Identifier: Apache-2.0

import Foundation

/// Where bodies are read, conversations rendered and texts tokenized, and long answers written:
/// never where streams are served, for a client chooses how long it takes.
///
/// Small requests have threads of their own, so that no large one stands before them. The threads
/// for large ones stand back for the engine's.
final class RequestWorkers: Sendable {
    /// Work over more bytes than that is large.
    static let largestSmallByteCount = 64 << 10

    private let small: WorkQueue
    private let large: WorkQueue

    /// Creates workers.
    ///
    /// - Parameters:
    ///   - threadCount: the threads for requests of each size; a quarter of the processors.
    ///   - maxWaiting: how many requests of each size may wait.
    init(
        threadCount: Int = max(1, ProcessInfo.processInfo.activeProcessorCount / 4),
        maxWaiting: Int = 1024
    ) {
        small = WorkQueue(name: "cierzo-small", maxThreads: threadCount, maxWaiting: maxWaiting)
        large = WorkQueue(
            name: "cierzo-large", maxThreads: threadCount, maxWaiting: maxWaiting, niceness: 5)
    }

    deinit {
        small.close()
        large.close()
    }

    /// Does the work when it is the client's turn.
    ///
    /// - Parameters:
    ///   - byteCount: how much there is to read or write.
    ///   - client: whose turn it takes.
    ///   - isRefusable: whether it may be refused because too much waits; what ends an answer that
    ///     was generated may not.
    ///   - work: what to do.
    /// - Returns: what the work gives.
    /// - Throws: what the work throws, `overloaded`, or `unavailable` for a task that was cancelled.
    func run<Value: Sendable>(
        _ byteCount: Int, for client: Int, isRefusable: Bool = true,
        _ work: @escaping @Sendable () throws(APIError) -> Value
    ) async throws(APIError) -> Value {
        let queue = byteCount > Self.largestSmallByteCount ? large : small
        let result: Result<Value, APIError>
        do throws(WorkQueue.Refusal) {
            result = try await queue.run(for: client, isRefusable: isRefusable) {
                do throws(APIError) { return .success(try work()) } catch { return .failure(error) }
            }
        } catch {
            switch error {
            case .full: throw .overloaded(retryAfterSeconds: 1)
            case .cancelled: throw .unavailable(reason: "The request was cancelled.")
            }
        }
        return try result.get()
    }
}
