// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// A clock that stands still until a test moves it.
final class TestClock: Sendable {
    private let milliseconds: Mutex<Int>

    init(_ seconds: Int = 1_800_000_000) { milliseconds = Mutex(seconds * 1000) }

    var now: Int { milliseconds.withLock { $0 / 1000 } }

    var nowMilliseconds: Int { milliseconds.withLock { $0 } }

    func pass(_ seconds: Int) { milliseconds.withLock { $0 += seconds * 1000 } }

    func pass(milliseconds count: Int) { milliseconds.withLock { $0 += count } }
}
