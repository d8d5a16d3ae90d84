// SPDX-License-Identifier: Apache-2.0

/// What the scheduler is asked to run.
package struct SequenceRequest: Sendable {
    /// At least one token.
    package var promptTokens: [Int32]

    /// The most tokens that the sequence may generate; 0 only scores the prompt.
    package var maxTokens: Int

    /// Whether the prompt's own logits are wanted.
    package var scoresPrompt: Bool

    /// The first position whose logits are wanted where the prompt is scored; what comes before it
    /// may be found in the cache.
    package var scoredFrom: Int

    /// How many sequences will be forked from this one when its prompt is computed.
    package var forkCount: Int

    /// Lower ones come first, always; 0 is for those that say nothing.
    package var priority: Int

    /// From this priority on, a sequence is in the background: it is computed only in steps that
    /// nobody else has a sequence for, and keeps its blocks meanwhile unless others need them.
    package static let backgroundPriority = 1 << 20

    /// Who asks; different clients get the same share of the work, each according to its weight.
    package var client: ClientID

    /// The client's weight, greater than 0; the last one given counts.
    package var weight: Double

    /// Whose prefix cache to use.
    package var scope: CacheScope

    /// When nobody wants the result any more.
    package var deadline: ContinuousClock.Instant?

    /// Creates a request of nobody in particular.
    package init(
        promptTokens: [Int32], maxTokens: Int, scoresPrompt: Bool = false,
        scoredFrom: Int = 0, forkCount: Int = 0,
        priority: Int = 0, client: ClientID = ClientID(rawValue: 0), weight: Double = 1,
        scope: CacheScope = CacheScope(), deadline: ContinuousClock.Instant? = nil
    ) {
        self.promptTokens = promptTokens
        self.maxTokens = maxTokens
        self.scoresPrompt = scoresPrompt
        self.scoredFrom = scoredFrom
        self.forkCount = forkCount
        self.priority = priority
        self.client = client
        self.weight = weight
        self.scope = scope
        self.deadline = deadline
    }
}
