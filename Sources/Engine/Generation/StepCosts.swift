// SPDX-License-Identifier: Apache-2.0

/// How long a step without prompts takes by the number of its tokens, as far as steps have shown.
package struct StepCosts {
    /// The seconds of a step by its number of tokens; 0 where none has been seen.
    private var seconds: [Double] = []

    /// How much a further token adds to a step, where nothing else is known: a part of what the
    /// tokens that it has take each.
    private static let unknownShare = 0.25

    /// How much the latest step counts.
    private static let weight = 0.2

    /// The most tokens of a step that are told apart.
    private static let limit = 512

    /// Nothing has been seen.
    package init() { seconds.reserveCapacity(Self.limit + 1) }

    /// Notes a step.
    ///
    /// - Parameters:
    ///   - tokenCount: of all its sequences.
    ///   - time: what it took.
    package mutating func note(tokenCount: Int, seconds time: Double) {
        guard (1...Self.limit).contains(tokenCount), time > 0 else { return }
        while seconds.count <= tokenCount { seconds.append(0) }
        let known = seconds[tokenCount]
        seconds[tokenCount] = known == 0 ? time : known + Self.weight * (time - known)
    }

    /// How long a step takes.
    ///
    /// - Parameter tokenCount: of all its sequences.
    /// - Returns: seconds: between two numbers that were seen by a straight line, beyond them by a
    ///   guess; nil before any was seen.
    package func estimate(tokenCount: Int) -> Double? {
        if tokenCount < seconds.count, seconds[tokenCount] > 0 { return seconds[tokenCount] }
        let below = seconds.indices.last { $0 < tokenCount && seconds[$0] > 0 }
        let above = seconds.indices.first { $0 > tokenCount && seconds[$0] > 0 }
        switch (below, above) {
        case (let below?, let above?):
            let slope = (seconds[above] - seconds[below]) / Double(above - below)
            return seconds[below] + slope * Double(tokenCount - below)
        case (let below?, nil):
            let share = Self.unknownShare * seconds[below] / Double(below)
            return seconds[below] + share * Double(tokenCount - below)
        case (nil, let above?): return seconds[above]
        case (nil, nil): return nil
        }
    }
}
