// SPDX-License-Identifier: Apache-2.0

/// Notices when an answer repeats a short cycle of tokens over and over, as greedy choice makes small
/// models do until the context is full.
///
/// A request may say itself what a repetition is.
struct RepetitionDetector {
    /// Which cycles count.
    private let limit: RepetitionLimit

    /// How many tokens in succession must be of one cycle, besides a number of cycles.
    private let tokenCount: Int

    /// The last tokens, each at its index modulo their number, which is a power of two.
    private var recent: [Int32]

    /// For each period, how many of the last tokens are the same as those one period before.
    private var matched: [Int]

    private var count = 0

    /// A detector for answers whose length nobody has limited.
    ///
    /// It takes a thousand tokens of the same cycle, and sixteen times the cycle: no table, list or
    /// matrix that somebody reads is like that.
    init() {
        self.init(RepetitionLimit(maxPatternSize: 256, minCount: 16), tokenCount: 1_024)
    }

    /// A detector of what a request calls a repetition.
    init(_ limit: RepetitionLimit, tokenCount: Int = 0) {
        self.limit = limit
        self.tokenCount = tokenCount
        var size = 1
        while size < limit.maxPatternSize { size *= 2 }
        recent = Array(repeating: 0, count: size)
        matched = Array(repeating: 0, count: limit.maxPatternSize)
    }

    /// Takes the next token.
    ///
    /// - Returns: whether the answer repeats itself.
    /// - Complexity: O(1): one comparison for each period. Nothing is allocated.
    mutating func append(_ token: Int32) -> Bool {
        let mask = recent.count - 1
        let place = count & mask
        var repeats = false
        for period in 1..<min(count, matched.count) + 1 {
            guard recent[(place &- period) & mask] == token else {
                matched[period - 1] = 0
                continue
            }
            matched[period - 1] += 1
            let covered = matched[period - 1] + period
            if period >= limit.minPatternSize,
                covered >= max(tokenCount, limit.minCount * period)
            {
                repeats = true
            }
        }
        recent[place] = token
        count += 1
        return repeats
    }
}
