// SPDX-License-Identifier: Apache-2.0

/// What one step computes.
package struct ScheduledStep: Sendable {
    /// Consecutive tokens of one sequence.
    package struct Slice: Hashable, Sendable {
        /// Which tokens get logits.
        package enum Logits: Hashable, Sendable {
            /// None.
            case none

            /// The last one.
            case last

            /// All of them.
            case all

            /// The last so many: at least one and not all.
            case trailing(Int)
        }

        /// The sequence.
        package let id: SequenceID

        /// The position of the first token.
        package let startPosition: Int

        /// The number of tokens, at least 1.
        package let tokenCount: Int

        /// Which tokens get logits.
        package let logits: Logits

        /// Whether the next token is sampled from the last token's logits.
        package let samples: Bool

        /// How many of the tokens, the last ones, are only guessed; each of them, and the one before
        /// them, gets logits.
        package let draftCount: Int

        /// How many of the prompt's tokens were found in the prefix cache.
        package let cachedCount: Int

        let runningIndex: Int

        /// How many of the tokens, the last ones, get logits.
        package var logitsRowCount: Int {
            switch logits {
            case .none: 0
            case .last: 1
            case .all: tokenCount
            case .trailing(let count): count
            }
        }
    }

    /// A block whose contents another one needs too.
    package struct BlockCopy: Hashable, Sendable {
        /// The block to read.
        package let source: Int32

        /// The block to write.
        package let destination: Int32
    }

    /// A state from which another sequence goes on, or that is kept to go on from.
    package struct StateCopy: Hashable, Sendable {
        /// The state to read.
        package let source: Int32

        /// The state to write.
        package let destination: Int32
    }

    /// Which states to copy, in this order, before anything is computed.
    package internal(set) var stateCopies: [StateCopy] = []

    /// What to copy, in this order, before anything is computed.
    package internal(set) var copies: [BlockCopy] = []

    /// The slices: first the sequences that decode, then parts of prompts.
    package internal(set) var slices: [Slice] = []

    /// The number of tokens of all slices.
    package internal(set) var tokenCount = 0

    /// The number of sequences that decode.
    package internal(set) var decodeCount = 0

    /// How many tokens these have beyond one each, because several were appended at once, or guessed.
    package internal(set) var runTokenCount = 0

    /// How many tokens are only guessed.
    package internal(set) var draftTokenCount = 0

    /// Sequences that got their blocks in this step, possibly again after a preemption.
    package internal(set) var admitted: [SequenceID] = []

    /// Sequences that lost their blocks in this step and wait to be computed again.
    package internal(set) var preempted: [SequenceID] = []

    /// Sequences whose deadline has passed; they are forgotten.
    package internal(set) var expired: [SequenceID] = []

    /// Creates an empty step, to be filled by `Scheduler.schedule(into:)`.
    package init() {}

    /// The number of prompt tokens, those computed again included.
    package var prefillCount: Int { tokenCount - decodeCount - runTokenCount }

    /// Adds the next tokens of a running sequence.
    ///
    /// - Parameters:
    ///   - count: how many.
    ///   - sequence: whose.
    ///   - index: of the running sequence.
    ///   - blocks: counts what was found in the cache.
    mutating func append(
        _ count: Int, of sequence: inout ScheduledSequence, at index: Int,
        _ blocks: inout SequenceBlocks
    ) {
        let start = sequence.computedCount
        let end = start + count
        blocks.noteUse(of: &sequence, upTo: end)
        let samples = sequence.maxTokens > 0 && end == sequence.tokens.count
        var logits: Slice.Logits = samples ? .last : .none
        if sequence.isScoring, start < sequence.promptCount - 1, end > sequence.scoredCount {
            let firstScored = max(start, sequence.scoredCount)
            logits = firstScored == start ? .all : .trailing(end - firstScored)
        }
        if sequence.draftCount > 0 { logits = .all }
        slices.append(
            Slice(
                id: sequence.id, startPosition: start, tokenCount: count,
                logits: logits, samples: samples, draftCount: sequence.draftCount,
                cachedCount: sequence.cachedCount, runningIndex: index))
        tokenCount += count
        draftTokenCount += sequence.draftCount
    }

    mutating func removeAll() {
        slices.removeAll(keepingCapacity: true)
        admitted.removeAll(keepingCapacity: true)
        preempted.removeAll(keepingCapacity: true)
        expired.removeAll(keepingCapacity: true)
        copies.removeAll(keepingCapacity: true)
        stateCopies.removeAll(keepingCapacity: true)
        tokenCount = 0
        decodeCount = 0
        runTokenCount = 0
        draftTokenCount = 0
    }
}

/// What became of a slice.
package enum SliceOutcome: Hashable, Sendable {
    /// Its tokens are in the cache; more of the prompt follows.
    case progressed

    /// The next token.
    case sampled(Int32)

    /// The next tokens, at least one: one that was sampled, perhaps, and those that must follow it.
    /// The one after them is sampled from the logits of the last.
    case continued([Int32])

    /// The last tokens are taken back, so that the sequence has this many, its prompt included and
    /// at least that; the one after them is sampled again.
    case rewound(toCount: Int)

    /// The sequence has ended, for whichever reason; its tokens are in the cache.
    case finished

    /// The sequence has ended because its tokens could not be computed.
    case failed
}
