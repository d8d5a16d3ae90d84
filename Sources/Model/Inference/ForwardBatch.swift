// SPDX-License-Identifier: Apache-2.0

/// Which tokens of a slice get logits.
package enum LogitsRows: Hashable, Sendable {
    /// None: the slice is a part of a prompt.
    case none

    /// The last token only: the next one is sampled from it.
    case last

    /// Every token: the prompt is being scored.
    case all
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

    /// Creates a slice.
    package init(
        firstToken: Int, tokenCount: Int, startPosition: Int, blockTable: [Int32],
        logitsRows: LogitsRows
    ) {
        self.firstToken = firstToken
        self.tokenCount = tokenCount
        self.startPosition = startPosition
        self.blockTable = blockTable
        self.logitsRows = logitsRows
    }

    /// How many of the tokens, the last ones, get logits.
    package var logitsRowCount: Int {
        switch logitsRows {
        case .none: 0
        case .last: 1
        case .all: tokenCount
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
}
