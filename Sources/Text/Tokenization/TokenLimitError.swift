// SPDX-License-Identifier: Apache-2.0

/// A text has more tokens than it may; it was not encoded to its end.
package struct TokenLimitError: Error, Hashable, Sendable, CustomStringConvertible {
    /// How many tokens it has at least.
    package let leastCount: Int

    /// Creates the error of a text with that many tokens or more.
    package init(leastCount: Int) {
        self.leastCount = leastCount
    }

    /// One line for the client.
    package var description: String { "the text has at least \(leastCount) tokens" }
}
