// SPDX-License-Identifier: Apache-2.0

import Glibc

/// How long the current thread has had a processor, which is what work costs however loaded the
/// machine is.
///
/// Times of different threads have nothing to do with each other.
package struct ProcessorTime: Hashable, Comparable, Sendable {
    private let nanoseconds: Int

    private init(nanoseconds: Int) { self.nanoseconds = nanoseconds }

    /// The time of this thread so far.
    package static var now: ProcessorTime {
        var time = timespec()
        unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return ProcessorTime(nanoseconds: time.tv_sec * 1_000_000_000 + time.tv_nsec)
    }

    /// What has passed since another time of the same thread.
    package static func - (left: ProcessorTime, right: ProcessorTime) -> Duration {
        .nanoseconds(left.nanoseconds - right.nanoseconds)
    }

    /// A later time; durations of centuries are cut.
    package static func + (time: ProcessorTime, duration: Duration) -> ProcessorTime {
        let (seconds, rest) = duration.components
        let whole = min(max(seconds, 0), 1 << 32)
        return ProcessorTime(
            nanoseconds: time.nanoseconds + Int(whole) * 1_000_000_000 + Int(rest / 1_000_000_000))
    }

    package static func < (left: ProcessorTime, right: ProcessorTime) -> Bool {
        left.nanoseconds < right.nanoseconds
    }
}
