// SPDX-License-Identifier: Apache-2.0

/// Which tokens a sequence has, as far as penalties ask.
package struct TokenHistory: Sendable {
    /// How often each token was generated; 0 for tokens of the prompt only.
    private(set) var generatedCounts: [Int32: Int32]

    /// Counts the tokens of a prompt.
    package init(promptTokens: [Int32]) {
        generatedCounts = [:]
        for token in promptTokens { generatedCounts[token] = 0 }
    }

    /// Counts a generated token.
    package mutating func append(_ token: Int32) {
        generatedCounts[token, default: 0] += 1
    }
}
