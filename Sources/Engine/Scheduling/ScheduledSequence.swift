// SPDX-License-Identifier: Apache-2.0

/// What the scheduler knows of one sequence.
struct ScheduledSequence: Sendable {
    let id: SequenceID

    /// Rises with each sequence added; the greatest is the youngest.
    let arrival: UInt64

    let promptCount: Int
    let maxTokens: Int
    let scoresPrompt: Bool

    /// The prompt, then what was generated; the last one's keys and values may not be computed yet.
    var tokens: [Int32]

    /// How many of the tokens are in the KV cache.
    var computedCount = 0

    /// How many of the prompt's tokens have had their logits, whatever was preempted since.
    var scoredCount = 0

    /// The blocks that hold the positions from 0 on.
    var blockTable: [Int32] = []

    /// How many tokens must be in the cache before the sequence samples or, if it only scores its
    /// prompt, ends; nothing follows the prompt's last token then, so its logits are not needed.
    var targetCount: Int { maxTokens == 0 ? max(promptCount - 1, 0) : tokens.count }

    var remainingCount: Int { targetCount - computedCount }

    /// Whether a running sequence goes on by one token, which gives the next one.
    var isDecoding: Bool { maxTokens > 0 && computedCount > 0 && remainingCount == 1 }

    /// Whether the logits of the next tokens are wanted for the prompt's own sake.
    var isScoring: Bool { scoresPrompt && scoredCount < promptCount - 1 }

    /// The most tokens that are ever in the cache; the last one sampled never needs to be.
    var worstCaseCount: Int { promptCount + max(maxTokens - 1, 0) }
}
