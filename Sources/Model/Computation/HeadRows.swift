// SPDX-License-Identifier: Apache-2.0

/// Which rows belong to each head where every head of every token has a row of its own: row t·H + h is
/// head h of token t.
package struct HeadRows: Sendable {
    /// H.
    package let headCount: Int
    /// The most tokens.
    package let maxTokenCount: Int
    /// The rows of the first head, token by token, then those of the second, and so on.
    let rows: [Int32]

    /// Lists the rows.
    ///
    /// - Parameters:
    ///   - headCount: H.
    ///   - maxTokenCount: the most tokens.
    /// - Precondition: there are fewer than 2³¹ rows.
    package init(headCount: Int, maxTokenCount: Int) {
        precondition(
            headCount > 0 && maxTokenCount > 0 && headCount * maxTokenCount <= Int32.max,
            "\(maxTokenCount) tokens of \(headCount) heads")
        self.headCount = headCount
        self.maxTokenCount = maxTokenCount
        rows = (0..<headCount).flatMap { head in
            (0..<maxTokenCount).map { Int32($0 * headCount + head) }
        }
    }
}
