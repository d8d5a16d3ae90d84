// SPDX-License-Identifier: Apache-2.0

/// How answers are looked for whose tokens together are as probable as can be.
package struct BeamSearchLimits: Hashable, Sendable {
    /// How many continuations are followed at the same time; at least the number of choices.
    package var width: Int

    /// To which power of its length an answer's log probability is divided by it: above 0, longer
    /// answers do better.
    package var lengthPenalty: Double

    /// Whether the search ends when as many answers as it is wide have ended; else it goes on until
    /// none that has not can be better than those.
    package var stopsEarly: Bool

    /// Creates limits.
    package init(width: Int, lengthPenalty: Double = 1, stopsEarly: Bool = false) {
        self.width = width
        self.lengthPenalty = lengthPenalty
        self.stopsEarly = stopsEarly
    }
}
