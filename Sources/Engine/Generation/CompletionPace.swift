// SPDX-License-Identifier: Apache-2.0

/// How long it takes, on average of the recent past, until a sequence ends and its place is free.
struct CompletionPace {
    /// The average interval between two ends while the engine had work.
    private(set) var interval = Duration.seconds(1)

    private var lastEnd: ContinuousClock.Instant?

    /// Counts the end of a sequence.
    mutating func noteEnd(at now: ContinuousClock.Instant) {
        if let lastEnd {
            // An exponential average over about ten ends.
            interval = interval * 9 / 10 + lastEnd.duration(to: now) / 10
        }
        lastEnd = now
    }

    /// Leaves the time without work out of the average.
    mutating func resume(at now: ContinuousClock.Instant) { lastEnd = now }
}
