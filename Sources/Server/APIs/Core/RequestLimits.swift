// SPDX-License-Identifier: Apache-2.0

/// How much a request may ask for before anything is computed for it.
package struct RequestLimits: Hashable, Sendable {
    /// The most messages of a conversation.
    package let maxMessages: Int

    /// The most parts of a message's content.
    package let maxContentParts: Int

    /// The most choices, be they `n` or `best_of`.
    package let maxChoices: Int

    /// The most prompts of a completion request, each counted once for each of its choices.
    package let maxPrompts: Int

    /// The most stop strings, and the most stop token ids.
    package let maxStops: Int

    /// The most bytes of a stop string.
    package let maxStopBytes: Int

    /// The most entries of `logit_bias`.
    package let maxLogitBiases: Int

    /// The most tools.
    package let maxTools: Int

    /// Whether answers without a limit of tokens end that repeat themselves, unless a request says
    /// otherwise.
    package var stopsOnRepetition: Bool

    /// Whether Mistral requests with fields that its API does not have are refused.
    package var isStrictMistral: Bool

    /// Creates limits.
    package init(
        maxMessages: Int = 4096, maxContentParts: Int = 256, maxChoices: Int = 64,
        maxPrompts: Int = 256, maxStops: Int = 256, maxStopBytes: Int = 1024,
        maxLogitBiases: Int = 1024, maxTools: Int = 128, stopsOnRepetition: Bool = true,
        isStrictMistral: Bool = false
    ) {
        self.maxMessages = maxMessages
        self.maxContentParts = maxContentParts
        self.maxChoices = maxChoices
        self.maxPrompts = maxPrompts
        self.maxStops = maxStops
        self.maxStopBytes = maxStopBytes
        self.maxLogitBiases = maxLogitBiases
        self.maxTools = maxTools
        self.stopsOnRepetition = stopsOnRepetition
        self.isStrictMistral = isStrictMistral
    }
}
