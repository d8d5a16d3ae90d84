// SPDX-License-Identifier: Apache-2.0

import Foundation

/// How often, and after how long, something is tried again that may succeed the next time.
package struct Patience: Sendable {
    /// How many failures in a row are too many.
    private let limit: Int
    /// The longest wait that a server may ask for.
    private let maxSeconds: Int
    private let wait: @Sendable (Duration) -> Void
    private let say: @Sendable (String) -> Void

    /// Says how long to go on.
    ///
    /// - Parameters:
    ///   - limit: how many failures in a row are too many.
    ///   - maxSeconds: the longest wait that a server may ask for.
    ///   - wait: waits.
    ///   - say: tells people why nothing happens.
    package init(
        limit: Int = 6, maxSeconds: Int = 120,
        wait: @escaping @Sendable (Duration) -> Void = {
            Thread.sleep(forTimeInterval: $0 / .seconds(1))
        },
        say: @escaping @Sendable (String) -> Void
    ) {
        self.limit = limit
        self.maxSeconds = maxSeconds
        self.wait = wait
        self.say = say
    }

    func attempts() -> Attempts { Attempts(patience: self) }

    /// The attempts at one thing.
    struct Attempts {
        fileprivate let patience: Patience
        private var failureCount = 0
        private var allCount = 0

        fileprivate init(patience: Patience) { self.patience = patience }

        /// Something was achieved since the last failure, so that it counts as the first.
        mutating func succeed() { failureCount = 0 }

        /// Waits, after a failure that may pass.
        ///
        /// - Throws: the failure, where it will not pass or there were too many.
        mutating func wait(after error: DownloadError) throws(DownloadError) {
            failureCount += 1
            allCount += 1
            guard error.isTransient, failureCount < patience.limit, allCount < 1000 else {
                throw error
            }
            var seconds = 1 << (failureCount - 1)
            if case .limited(_, let wanted?) = error { seconds = max(seconds, wanted + 1) }
            guard seconds <= patience.maxSeconds else { throw error }
            patience.say("\(error.cause); trying again in \(seconds) s")
            patience.wait(.seconds(seconds))
        }
    }
}
