// SPDX-License-Identifier: Apache-2.0

/// A token and the natural logarithm of its probability.
package struct TokenLogprob: Hashable, Sendable {
    /// The token.
    package let id: Int32

    /// At most 0; negative infinity for a token that cannot occur.
    package let logprob: Double

    /// Creates a pair.
    package init(id: Int32, logprob: Double) {
        self.id = id
        self.logprob = logprob
    }
}

/// What the model thought of one token before any temperature, bias or penalty.
package struct TokenLogprobs: Hashable, Sendable {
    /// The token that occurs in the text.
    package let id: Int32

    /// Its natural log probability under the raw distribution.
    package let logprob: Double

    /// The most probable tokens, best first, ties to the lower id; may lack `id` itself.
    ///
    /// After them come those that the request names, `id` before them.
    package let top: [TokenLogprob]

    /// Creates the record of one token.
    package init(id: Int32, logprob: Double, top: [TokenLogprob]) {
        self.id = id
        self.logprob = logprob
        self.top = top
    }
}
