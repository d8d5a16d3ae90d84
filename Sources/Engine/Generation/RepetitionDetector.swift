// SPDX-License-Identifier: Apache-2.0

/// Notices when an answer repeats a short cycle of tokens over and over, as greedy choice makes small
/// models do until the context is full.
///
/// It takes a thousand tokens of the same cycle, and sixteen times the cycle: no table, list or
/// matrix that somebody reads is like that.
struct RepetitionDetector {
    /// The longest cycle; a power of two.
    private static let maxPeriod = 256

    /// How many tokens in succession must be of one cycle, and how many times the cycle.
    private static let tokenCount = 1_024
    private static let cycleCount = 16

    /// The last tokens, each at its index modulo the longest period.
    private var recent = Array(repeating: Int32(0), count: maxPeriod)

    /// For each period, how many of the last tokens are the same as those one period before.
    private var matched = Array(repeating: 0, count: maxPeriod)

    private var count = 0

    /// Takes the next token.
    ///
    /// - Returns: whether the answer repeats itself.
    /// - Complexity: O(1): one comparison for each period. Nothing is allocated.
    mutating func append(_ token: Int32) -> Bool {
        let place = count & (Self.maxPeriod - 1)
        var repeats = false
        for period in 1..<min(count, Self.maxPeriod) + 1 {
            guard recent[(place &- period) & (Self.maxPeriod - 1)] == token else {
                matched[period - 1] = 0
                continue
            }
            matched[period - 1] += 1
            let covered = matched[period - 1] + period
            if covered >= max(Self.tokenCount, Self.cycleCount * period) { repeats = true }
        }
        recent[place] = token
        count += 1
        return repeats
    }
}
