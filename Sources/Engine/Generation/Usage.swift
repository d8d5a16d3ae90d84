// SPDX-License-Identifier: Apache-2.0

package import Scheduling

/// What a request consumed.
package struct Usage: Hashable, Sendable {
    /// The tokens of the prompt, counted once however many choices there are.
    package var promptTokens: Int

    /// The generated tokens of all choices, those that ended them included.
    ///
    /// Tokens that must follow by a constraint count as any other. Those that were taken back do not
    /// count, nor do those that an error kept from coming out.
    package var completionTokens: Int

    /// How many of the generated tokens the model has thought with; whoever reads the answer counts
    /// them, for the engine does not know.
    package var thinkingTokens = 0

    /// How many tokens of the client's prediction were tried in their place: those that were right,
    /// which are among the generated ones, and those that were not.
    package var acceptedPredictionTokens = 0
    package var rejectedPredictionTokens = 0

    /// How many of the prompt's tokens were found in the cache and not computed.
    package var cachedPromptTokens: Int

    /// How many of the prompt's tokens were computed and then kept in the cache for whoever begins
    /// alike: those of whole blocks.
    ///
    /// Together with ``cachedPromptTokens`` they are never more than the prompt has.
    package var cacheWriteTokens: Int

    /// Why not more of the prompt was found, if the request asks and it was computed to its end.
    package var cacheDiagnosis: CacheDiagnosis?

    /// From submission until the first token was in a batch; nil if none ever was.
    package var queueDuration: Duration?

    /// From submission until the first generated token; nil if there was none.
    package var firstTokenDuration: Duration?

    /// From submission until the last choice ended.
    package var totalDuration: Duration

    /// Creates a record.
    package init(
        promptTokens: Int = 0, completionTokens: Int = 0, cachedPromptTokens: Int = 0,
        cacheWriteTokens: Int = 0,
        queueDuration: Duration? = nil, firstTokenDuration: Duration? = nil,
        totalDuration: Duration = .zero
    ) {
        self.promptTokens = promptTokens
        self.completionTokens = completionTokens
        self.cachedPromptTokens = cachedPromptTokens
        self.cacheWriteTokens = cacheWriteTokens
        self.queueDuration = queueDuration
        self.firstTokenDuration = firstTokenDuration
        self.totalDuration = totalDuration
    }

    /// Notes how far the prompt is in the cache.
    ///
    /// - Parameters:
    ///   - foundCount: how many of its tokens were found there.
    ///   - end: where the tokens end that are computed so far.
    ///   - blockSize: how many tokens a block holds; only whole ones are found again.
    mutating func notePrompt(foundCount: Int, computedTo end: Int, blockSize: Int) {
        cachedPromptTokens = foundCount
        let keptCount = min(end, promptTokens) / blockSize * blockSize
        cacheWriteTokens = max(0, keptCount - foundCount)
    }
}
