// SPDX-License-Identifier: Apache-2.0

package import ModelFiles

/// Which tokens of a slice get logits.
package enum LogitsRows: Hashable, Sendable {
    /// None: the slice is a part of a prompt.
    case none

    /// The last token only: the next one is sampled from it.
    case last

    /// Every token: the prompt is being scored.
    case all

    /// The last so many tokens: the end of the prompt is being scored.
    case trailing(Int)
}

/// Consecutive tokens of one sequence within a batch, and where its KV blocks are.
package struct SequenceSlice: Hashable, Sendable {
    /// The index of the first token in `ForwardBatch.tokens`.
    package var firstToken: Int

    /// The number of tokens, at least 1.
    package var tokenCount: Int

    /// The position of the first token in its sequence; all before it are in the KV cache.
    package var startPosition: Int

    /// The KV block of each `positionsPerBlock` positions, covering at least the slice's last one.
    package var blockTable: [Int32]

    /// Which of the tokens get logits.
    package var logitsRows: LogitsRows

    /// What is added to the model for these tokens; nil: nothing.
    ///
    /// The same for all tokens of a sequence, or what is in its KV cache would be another model's.
    package var adapter: AppliedAdapter?

    /// Where the sequence's state is, in models that keep some; no other slice has the same.
    package var state: Int32

    /// Creates a slice.
    package init(
        firstToken: Int, tokenCount: Int, startPosition: Int, blockTable: [Int32],
        logitsRows: LogitsRows, adapter: AppliedAdapter? = nil, state: Int32 = 0
    ) {
        self.firstToken = firstToken
        self.tokenCount = tokenCount
        self.startPosition = startPosition
        self.blockTable = blockTable
        self.logitsRows = logitsRows
        self.adapter = adapter
        self.state = state
    }

    /// How many of the tokens, the last ones, get logits.
    package var logitsRowCount: Int {
        switch logitsRows {
        case .none: 0
        case .last: 1
        case .all: tokenCount
        case .trailing(let count): count
        }
    }
}

/// The tokens of one step: any mix of sequences, prompts and decodes.
package struct ForwardBatch: Sendable {
    /// The token ids of all slices, one slice after another.
    package var tokens: [Int32]

    /// The slices in order; logits rows come in the same order.
    package var slices: [SequenceSlice]

    /// Creates a batch.
    package init(tokens: [Int32] = [], slices: [SequenceSlice] = []) {
        self.tokens = tokens
        self.slices = slices
    }

    /// The number of logits rows that the batch asks for.
    package var logitsRowCount: Int {
        slices.reduce(0) { $0 + $1.logitsRowCount }
    }

    /// Checks whether the batch can be computed.
    ///
    /// - Parameters:
    ///   - vocabularySize: V.
    ///   - limits: what a step may consist of.
    ///   - stateCount: how many states the model has; 0: it keeps none.
    /// - Throws: where token ids are outside of the vocabulary, slices do not follow one another,
    ///   block tables do not cover them, two have the same state, or there is more than the limits
    ///   allow.
    /// - Complexity: O(tokens + blocks), and O(slices²) where there are states.
    package borrowing func validate(
        vocabularySize: Int, limits: TransformerLimits, stateCount: Int = 0
    ) throws(TransformerError) {
        guard !tokens.isEmpty && tokens.count <= limits.maxBatchTokens else {
            throw .batchSize(what: "tokens", count: tokens.count, limit: limits.maxBatchTokens)
        }
        for (index, token) in tokens.enumerated() where token < 0 || token >= vocabularySize {
            throw .tokenOutOfRange(token: token, index: index, vocabularySize: vocabularySize)
        }
        var next = 0
        for (index, slice) in slices.enumerated() {
            guard slice.firstToken == next && slice.tokenCount >= 1 else {
                throw .malformedSlice(
                    index: index,
                    reason: "\(slice.tokenCount) tokens from \(slice.firstToken), expected \(next)")
            }
            guard slice.tokenCount <= tokens.count - next else {
                throw .malformedSlice(
                    index: index, reason: "ends after the last of \(tokens.count) tokens")
            }
            next += slice.tokenCount
            guard (0...slice.tokenCount).contains(slice.logitsRowCount) else {
                throw .malformedSlice(
                    index: index,
                    reason: "\(slice.logitsRowCount) rows of \(slice.tokenCount) tokens")
            }
            guard slice.startPosition >= 0 && slice.startPosition <= Int(Int32.max) / 2 else {
                throw .malformedSlice(
                    index: index, reason: "starts at position \(slice.startPosition)")
            }
            guard stateCount == 0 || hasState(index, among: stateCount) else {
                throw .malformedSlice(
                    index: index,
                    reason: "state \(slice.state) is another's, or not among \(stateCount)")
            }
            let end = slice.startPosition + slice.tokenCount
            guard slice.blockTable.count >= limits.blockCount(forPositions: end) else {
                throw .malformedSlice(
                    index: index,
                    reason: "\(slice.blockTable.count) blocks do not cover position \(end - 1)")
            }
            for block in slice.blockTable where block < 0 || block >= limits.blockCount {
                throw .malformedSlice(
                    index: index, reason: "block \(block) is not among \(limits.blockCount)")
            }
        }
        guard next == tokens.count else {
            throw .malformedSlice(
                index: slices.count,
                reason: "missing: \(tokens.count - next) tokens are in no slice")
        }
        let rows = logitsRowCount
        guard rows <= limits.maxLogitsRows else {
            throw .batchSize(what: "logits rows", count: rows, limit: limits.maxLogitsRows)
        }
    }
    /// Whether a slice has a state of its own.
    private borrowing func hasState(_ index: Int, among count: Int) -> Bool {
        let state = slices[index].state
        return state >= 0 && state < count
            && !slices[..<index].contains { $0.state == state }
    }
}
