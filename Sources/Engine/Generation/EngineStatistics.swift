// SPDX-License-Identifier: Apache-2.0

package import Computation

/// How the engine is doing, as of its last step.
package struct EngineStatistics: Hashable, Sendable {
    /// Sequences with KV blocks.
    package var runningSequences = 0

    /// Sequences in the queue.
    package var waitingSequences = 0

    /// Those of them that give way to all others.
    package var runningBackground = 0
    package var waitingBackground = 0

    /// Those that do not.
    package var runningForeground: Int { runningSequences - runningBackground }
    package var waitingForeground: Int { waitingSequences - waitingBackground }

    /// KV blocks in use.
    package var usedBlocks = 0

    /// KV blocks free, those that hold a cached prefix included.
    package var freeBlocks = 0

    /// KV blocks that hold a cached prefix and belong to no sequence.
    package var cachedBlocks = 0

    /// Prompt tokens found in the prefix cache since the start.
    package var cacheHitTokens: UInt64 = 0

    /// Prompt tokens that had to be computed since the start, each prompt's once.
    package var cacheMissTokens: UInt64 = 0

    /// Cached KV blocks that were needed for something else since the start.
    package var evictedBlocks: UInt64 = 0

    /// Steps since the start.
    package var steps: UInt64 = 0

    /// Prompt tokens computed since the start, those computed again after a preemption included.
    package var prefillTokens: UInt64 = 0

    /// Tokens generated since the start.
    package var generatedTokens: UInt64 = 0

    /// Those of them that were appended without being sampled, since only they could follow.
    package var forcedTokens: UInt64 = 0

    /// How often the next tokens of an answer were guessed since the start, how many tokens, and how
    /// many of them were right.
    package var drafts: UInt64 = 0
    package var draftTokens: UInt64 = 0
    package var acceptedDraftTokens: UInt64 = 0

    /// Masks that constrained answers were sampled with since the start, and how long steps waited
    /// for them after the model had its logits.
    package var masks: UInt64 = 0
    package var maskWait = Duration.zero

    /// How often an answer came to a dead end and went back, since the start.
    package var rewinds: UInt64 = 0

    /// What steps without prompts did since the start: how many tokens they computed, how many bytes
    /// of weights, keys and values they read for them, and how long the model took.
    package var decodedTokens: UInt64 = 0
    package var decodingReadBytes: UInt64 = 0
    package var decodingDuration = Duration.zero

    /// How many tokens each expert has computed; nil where there are none.
    package var expertUsage: ExpertUsage?

    /// Preemptions since the start.
    package var preemptions: UInt64 = 0

    /// Steps of the background that were given up since the start, for others came.
    package var abandonedSteps: UInt64 = 0

    /// Requests that have ended since the start.
    package var finishedRequests: UInt64 = 0

    /// How often the engine woke up from having nothing to do.
    package var wakeUps: UInt64 = 0

    /// When the last step ended or work last arrived at an idle engine.
    package var lastProgress: ContinuousClock.Instant = .now

    /// Creates the statistics of an engine that has done nothing.
    package init() {}

    /// `[layers][E]`: how many tokens each expert has computed since the model was loaded; nil where
    /// there are none.
    package var expertTokens: [[UInt64]]? { expertUsage?.tokenCounts }

    /// Whether there is work and no step has ended for longer than the limit.
    package func isStalled(
        at now: ContinuousClock.Instant = .now, limit: Duration
    ) -> Bool {
        runningSequences + waitingSequences > 0 && lastProgress.duration(to: now) > limit
    }
}
