// SPDX-License-Identifier: Apache-2.0

/// What a pattern says, before it is known what stands around it.
struct ExpressionSyntax: Sendable {
    indirect enum Shape: Sendable {
        case set(ScalarSet)
        case literal([UInt32])
        case sequence([ExpressionSyntax])
        case choice([ExpressionSyntax])
        case repetition(ExpressionSyntax, least: Int32, most: Int32)
        /// `^`
        case start
        /// `$`
        case end
        /// `\b`, or else `\B`
        case boundary(Bool)
        /// `(?=…)`, `(?!…)`, `(?<=…)`, `(?<!…)`, at a place of the pattern
        case look(ExpressionSyntax, isAhead: Bool, isNegative: Bool, place: Int)
        /// `\1`, at a place of the pattern.
        case backReference(place: Int)
    }

    let shape: Shape

    /// Whether it matches the same wherever it stands: there are no assertions in it.
    let isPlain: Bool

    init(_ shape: Shape) {
        self.shape = shape
        switch shape {
        case .set, .literal: isPlain = true
        case .sequence(let parts), .choice(let parts): isPlain = parts.allSatisfy(\.isPlain)
        case .repetition(let body, _, _): isPlain = body.isPlain
        case .start, .end, .boundary, .look, .backReference: isPlain = false
        }
    }

    static let empty = ExpressionSyntax(.sequence([]))
}
