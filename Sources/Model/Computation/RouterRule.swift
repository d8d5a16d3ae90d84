// SPDX-License-Identifier: Apache-2.0

internal import CKernels

/// How a token's experts follow from the router's logits, and what they weigh.
///
/// Mixtral's unless something is said: the softmax over the logits of the experts that were chosen.
package struct RouterRule: Sendable, Equatable {
    /// What makes scores of logits.
    package enum Scoring: Sendable, Equatable {
        /// All scores together are 1.
        case softmax
        /// Each score by itself is between 0 and 1.
        case sigmoid
    }

    /// What makes scores of logits.
    package var scoring = Scoring.softmax
    /// Experts stand in so many groups of equal size, in the order of their numbers.
    package var groupCount = 1
    /// Only the experts of the best so many groups may be chosen; a group is worth its best two.
    package var groupsPerToken = 1
    /// Whether weights are divided by the sum of the chosen ones.
    package var normalizesWeights = true
    /// What is added to that sum.
    package var epsilon: Float = 0
    /// The least that it may be.
    package var floor: Float = 0
    /// What weights are multiplied with at last.
    package var scale: Float = 1

    /// The most groups that there may be.
    package static let maxGroupCount = Int(CK_MAX_EXPERT_GROUPS)

    /// Mixtral's rule.
    package init() {}
}
