// SPDX-License-Identifier: Apache-2.0

/// Decides how many tokens of an answer are worth guessing, and keeps wrong guesses from making it
/// slower by more than a fiftieth.
///
/// A guessed token makes the next step longer, above all in a mixture of experts, where it has other
/// experts read. It saves a step if it is right. The account pays for the former and is paid for the
/// latter, in seconds; every step pays a small part in. While it is empty nothing is guessed.
package struct DraftAccount {
    /// The most tokens that are guessed at once.
    package static let mostTokens = 16

    /// What part of its time a step may lose to guesses.
    private static let allowance = 0.02

    /// How much the latest guess counts for how often they are right.
    private static let weight = 0.15

    /// How fast the rate of guesses goes back to what it was at first, in each step.
    private static let recovery = 0.002

    /// How often guesses are right before there were any, by where they come from.
    private static let firstRates: [DraftSource.Origin: Double] = [.text: 0.5, .prediction: 0.8]

    private var balance = 0.0
    private var textRate = Self.firstRates[.text] ?? 0
    private var predictionRate = Self.firstRates[.prediction] ?? 0

    /// An account of an answer's own, which nothing was paid from.
    package init() {}

    /// Pays in for a step.
    ///
    /// - Parameter seconds: what the choice's part of the step took.
    package mutating func note(stepSeconds seconds: Double) {
        // What was gained long ago is no reason to lose as much now.
        balance = min(balance + Self.allowance * seconds, max(balance, seconds))
        // What was wrong for long is worth a try again at some time.
        textRate += Self.recovery * ((Self.firstRates[.text] ?? 0) - textRate)
        predictionRate += Self.recovery * ((Self.firstRates[.prediction] ?? 0) - predictionRate)
    }

    /// Settles a guess.
    ///
    /// - Parameters:
    ///   - count: how many tokens were guessed.
    ///   - keptCount: how many of them were right.
    ///   - origin: where they came from.
    ///   - cost: the seconds that they have made the step longer by.
    ///   - stepSeconds: what the step would have taken without them, which each right one saves.
    package mutating func settle(
        _ count: Int, keptCount: Int, from origin: DraftSource.Origin, cost: Double,
        stepSeconds: Double
    ) {
        balance = min(balance + Double(keptCount) * stepSeconds - cost, 4 * stepSeconds)
        // A wrong token says nothing of those after it.
        for index in 0..<min(count, keptCount + 1) {
            let outcome = index < keptCount ? 1.0 : 0.0
            switch origin {
            case .text: textRate += Self.weight * (outcome - textRate)
            case .prediction: predictionRate += Self.weight * (outcome - predictionRate)
            }
        }
    }

    /// How many tokens to guess.
    ///
    /// - Parameters:
    ///   - origin: where they come from.
    ///   - available: how many there are.
    ///   - tokenCount: how many tokens the next step has without them.
    ///   - sequenceCount: how many sequences share the step.
    ///   - costs: of steps.
    /// - Returns: the number that saves most, as far as is known; 0 where none saves anything.
    package func count(
        from origin: DraftSource.Origin, available: Int, tokenCount: Int, sequenceCount: Int,
        _ costs: StepCosts
    ) -> Int {
        guard balance >= 0, available > 0, let plain = costs.estimate(tokenCount: tokenCount),
            let single = costs.estimate(tokenCount: sequenceCount)
        else { return 0 }
        let rate = origin == .text ? textRate : predictionRate
        let saved = single / Double(sequenceCount)
        var (best, bestGain) = (0, 0.0)
        var (chance, expected) = (1.0, 0.0)
        for count in 1...min(available, Self.mostTokens) {
            chance *= rate
            expected += chance
            guard let longer = costs.estimate(tokenCount: tokenCount + count) else { break }
            let gain = expected * saved - (longer - plain)
            if gain > bestGain { (best, bestGain) = (count, gain) }
        }
        return best
    }
}
