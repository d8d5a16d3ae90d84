// SPDX-License-Identifier: Apache-2.0

/// Which experts each token visits, with which weights, and the visits sorted by expert.
package struct ExpertRouting {
    /// E.
    package let expertCount: Int
    /// A.
    package let expertsPerToken: Int
    /// `[T, A]`: the experts of each token, best first.
    package internal(set) var selection: [Int32]
    /// `[T, A]`: their mixing weights; where a rule normalises them, each token's sum to 1 within 1e-6
    /// before they are scaled.
    package internal(set) var weights: [Float]
    /// The visits by expert; slot t·A + a is token t's visit to its a-th best.
    package internal(set) var groups: RowGroups

    /// Creates an empty routing with room for so many tokens.
    ///
    /// - Precondition: `1 <= expertsPerToken && expertsPerToken <= expertCount`.
    package init(expertCount: Int, expertsPerToken: Int, maxTokenCount: Int) {
        precondition(
            1 <= expertsPerToken && expertsPerToken <= expertCount,
            "\(expertsPerToken) of \(expertCount) experts")
        self.expertCount = expertCount
        self.expertsPerToken = expertsPerToken
        selection = Array(repeating: 0, count: maxTokenCount * expertsPerToken)
        weights = Array(repeating: 0, count: maxTokenCount * expertsPerToken)
        groups = RowGroups(groupCount: expertCount)
    }

    /// Multiplies the weights of each expert by a factor of its own.
    ///
    /// - Parameters:
    ///   - factors: `[E]`.
    ///   - rowCount: of how many tokens.
    package mutating func scaleWeights(by factors: [Float], rowCount: Int) {
        precondition(
            factors.count == expertCount, "\(factors.count) factors for \(expertCount) experts")
        for visit in 0..<rowCount * expertsPerToken {
            weights[visit] *= factors[Int(selection[visit])]
        }
    }

    /// Sorts the visits of the first `tokenCount` tokens.
    mutating func sort(tokenCount: Int) {
        let selection = self.selection
        groups.assign(
            selection.span.extracting(first: tokenCount * expertsPerToken),
            choiceCount: expertsPerToken)
    }
}
