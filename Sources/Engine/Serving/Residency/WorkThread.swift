// SPDX-License-Identifier: Apache-2.0

import Foundation

/// Does long work on a thread of its own, so that none of those which serve sockets waits.
package enum WorkThread {
    /// Runs the work, and returns when it is done.
    ///
    /// - Parameters:
    ///   - name: the thread's.
    ///   - work: what to do.
    /// - Returns: what the work returns.
    /// - Throws: what the work throws.
    package static func run<Result: Sendable>(
        _ name: String, _ work: @escaping @Sendable () throws -> Result
    ) async throws -> Result {
        try await withCheckedThrowingContinuation { continuation in
            let thread = Thread {
                continuation.resume(with: Swift.Result { try work() })
            }
            thread.name = name
            thread.stackSize = 8 << 20
            thread.start()
        }
    }
}
