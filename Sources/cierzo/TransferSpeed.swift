// SPDX-License-Identifier: Apache-2.0

import Console

/// How fast bytes arrive: the mean since the beginning, in which what was there before is no speed.
package final class TransferSpeed {
    private let now: () -> ContinuousClock.Instant
    private var began: (time: ContinuousClock.Instant, byteCount: Int)?

    /// Begins with the first number of bytes that it is told.
    ///
    /// - Parameter now: the clock.
    package init(now: @escaping () -> ContinuousClock.Instant = { .now }) { self.now = now }

    /// The bytes that are there, the speed, and how long the rest takes at that.
    package func text(_ byteCount: Int, of all: Int) -> String {
        let amount = "\(byteText(byteCount)) of \(byteText(all))"
        let time = now()
        guard let began, byteCount >= began.byteCount else {
            self.began = (time, byteCount)
            return amount
        }
        let seconds = (time - began.time) / .seconds(1)
        guard seconds > 1, byteCount > began.byteCount else { return amount }
        let speed = Double(byteCount - began.byteCount) / seconds
        let left = Int(min(Double(max(0, all - byteCount)) / speed, 1e7))
        let clock =
            left >= 3600
            ? "\(left / 3600) h \(left / 60 % 60) min"
            : left >= 60 ? "\(left / 60) min \(left % 60) s" : "\(left) s"
        return "\(amount), \(byteText(Int(speed)))/s, \(clock) left,"
    }
}
