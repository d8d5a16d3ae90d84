// SPDX-License-Identifier: Apache-2.0

/// What the scheduler knows of one sequence.
struct ScheduledSequence: Sendable {
    let id: SequenceID

    /// Rises with each sequence added; the greatest is the youngest.
    let arrival: UInt64

    let promptCount: Int
    let maxTokens: Int
    let scoresPrompt: Bool
    let priority: Int
    let client: Int
    let scope: CacheScope

    /// When nobody wants the result any more.
    let deadline: ContinuousClock.Instant?

    /// When it should be admitted at the latest, which orders the sequences of a client.
    let dueTime: ContinuousClock.Instant

    /// How many sequences are still to be forked from this one.
    var forkCount: Int

    /// The prompt, then what was generated; the last one's keys and values may not be computed yet.
    var tokens: [Int32]

    /// How many of the tokens are in the KV cache.
    var computedCount = 0

    /// Where the tokens begin that were appended last, if they were several.
    var runStart = Int.max

    /// How many of the tokens, the last ones, are only guessed.
    ///
    /// One that was sampled stands before them and is not computed yet, nor are they.
    private(set) var draftCount = 0

    /// What is guessed of the tokens after the one that the open step samples.
    private(set) var proposed: [Int32] = []

    /// How many of the guessed tokens the open step has confirmed.
    var keptCount = 0

    /// How many of the prompt's tokens have had their logits, or need none, whatever was preempted
    /// since.
    var scoredCount = 0

    /// The blocks that hold the positions from 0 on.
    var blockTable: [Int32] = []

    /// How many of these blocks are published, and what the last of them ends.
    var publishedCount = 0
    var prefix = PrefixID.empty

    /// How many of these blocks have left the attention window and belong to the sequence no more.
    var leftCount = 0

    /// Where its state is, while it runs, in models that keep one.
    var state: Int32?

    /// How many tokens are before the last position whose state is kept, as far as it concerns the
    /// sequence.
    var keptStateEnd = 0

    /// How many tokens it has in common with what others have computed; 0: no more than it found.
    var commonEnd = 0

    /// How many of the prompt's tokens were found in the cache, preemptions aside.
    var cachedCount = 0
    var wasPreempted = false

    /// How many of the prompt's tokens are in the statistics of the cache.
    var countedCount = 0

    /// How many tokens must be in the cache before the sequence samples or, if it only scores its
    /// prompt, ends; nothing follows the prompt's last token then, so its logits are not needed.
    var targetCount: Int { maxTokens == 0 ? max(promptCount - 1, 0) : tokens.count }

    var remainingCount: Int { targetCount - computedCount }

    /// Whether a running sequence goes on by the tokens that were appended last, mostly one, which
    /// give the next one.
    var isDecoding: Bool {
        maxTokens > 0 && computedCount > 0 && (remainingCount == 1 || computedCount >= runStart)
    }

    /// Whether the logits of the next tokens are wanted for the prompt's own sake.
    var isScoring: Bool { scoresPrompt && scoredCount < promptCount - 1 }

    /// The most tokens that are ever in the cache; the last one sampled never needs to be.
    var worstCaseCount: Int { promptCount + max(maxTokens - 1, 0) }

    /// The most tokens that may be taken from the cache: at least one is computed for its logits,
    /// and every one whose logits are wanted.
    var cacheableCount: Int { min(targetCount - 1, isScoring ? scoredCount : targetCount) }

    /// Adds a generated token.
    mutating func append(_ token: Int32) {
        tokens.append(token)
        runStart = .max
    }

    /// Adds generated tokens.
    mutating func append(contentsOf newTokens: [Int32]) {
        runStart = newTokens.count > 1 ? tokens.count : .max
        tokens += newTokens
    }

    // MARK: Guesses

    /// Guesses the tokens that come after the next one.
    mutating func propose(_ tokens: some Sequence<Int32>) {
        proposed.removeAll(keepingCapacity: true)
        proposed += tokens
    }

    /// Puts what was proposed after the token that was just appended, as far as there is room.
    mutating func takeProposal() {
        let count = min(proposed.count, worstCaseCount - tokens.count)
        if count > 0 {
            runStart = tokens.count - 1
            tokens += proposed[..<count]
            draftCount = count
        }
        proposed.removeAll(keepingCapacity: true)
    }

    /// Forgets guessed tokens, the last ones.
    ///
    /// - Parameter count: how many of them stay.
    mutating func shortenDraft(to count: Int = 0) {
        if draftCount <= count { return }
        tokens.removeLast(draftCount - count)
        draftCount = count
        if count == 0 { runStart = .max }
    }

    /// Makes tokens of those guesses that were confirmed, and forgets the others.
    ///
    /// - Returns: how many were wrong.
    mutating func settleDraft() -> Int {
        let wrongCount = draftCount - keptCount
        shortenDraft(to: keptCount)
        (draftCount, keptCount) = (0, 0)
        return wrongCount
    }

    /// Whether it is computed only while nobody else has a sequence.
    var isBackground: Bool { priority >= SequenceRequest.backgroundPriority }

    /// Whether it comes before another when both have blocks.
    func isSenior(to other: ScheduledSequence) -> Bool {
        (priority, arrival) < (other.priority, other.arrival)
    }
}
