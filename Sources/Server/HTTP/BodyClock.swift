// SPDX-License-Identifier: Apache-2.0

/// How long the body of a request may still take.
///
/// A body has so much patience to begin with. Time uses it up and bytes at the least rate win it
/// back, but never more than there was: whoever sends a burst and then nothing is waited for as
/// long as one who sends nothing, and a slow but steady sender finishes.
package struct BodyClock: Sendable {
    /// When patience ends, unless more bytes come.
    package private(set) var deadline: ContinuousClock.Instant
    private let patience: Duration
    private let minBytesPerSecond: Int

    /// A clock that starts with the end of the header.
    package init(start: ContinuousClock.Instant, patience: Duration, minBytesPerSecond: Int) {
        self.patience = patience
        self.minBytesPerSecond = minBytesPerSecond
        deadline = start + patience
    }

    /// Counts bytes of the body.
    package mutating func received(_ byteCount: Int, at now: ContinuousClock.Instant) {
        let won = Duration.seconds(Double(byteCount) / Double(minBytesPerSecond))
        deadline = min(now + patience, deadline + won)
    }

    /// Leaves out a time in which nobody read what the client sent.
    package mutating func leaveOut(_ duration: Duration) { deadline += duration }
}
