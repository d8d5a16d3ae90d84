// SPDX-License-Identifier: Apache-2.0

/// What a request calls a repetition that is to end its answers.
package struct RepetitionLimit: Hashable, Sendable {
    /// The longest pattern that a request may name.
    package static let longestPattern = 4_096

    /// The most tokens of a pattern, at least 1 and at most ``longestPattern``.
    package var maxPatternSize: Int

    /// The fewest tokens of a pattern.
    package var minPatternSize: Int

    /// How many times the pattern must stand at the end of the answer, without a gap; at least 2.
    package var minCount: Int

    /// Creates a limit.
    package init(maxPatternSize: Int, minPatternSize: Int = 1, minCount: Int) {
        self.maxPatternSize = maxPatternSize
        self.minPatternSize = minPatternSize
        self.minCount = minCount
    }
}
