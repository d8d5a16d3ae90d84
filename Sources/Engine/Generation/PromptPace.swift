// SPDX-License-Identifier: Apache-2.0

/// How long a token of a prompt takes in steps that compute nothing else.
struct PromptPace {
    private var average: Duration?

    /// Counts the tokens of a step, by the time of each.
    mutating func note(_ tokenTime: Duration) {
        // An exponential average over about ten steps.
        average = average.map { $0 * 9 / 10 + tokenTime / 10 } ?? tokenTime
    }

    /// What a token takes at least: half the average, since the machine may have been disturbed.
    var promptTokenTime: Duration { (average ?? .zero) / 2 }
}
