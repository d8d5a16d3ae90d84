// SPDX-License-Identifier: Apache-2.0

extension ForwardBatch {
    /// Throws where the batch cannot be computed: token ids outside of the vocabulary, slices that
    /// do not follow one another, block tables that do not cover them, more than the limits allow.
    ///
    /// - Complexity: O(tokens + blocks).
    package borrowing func validate(
        vocabularySize: Int, limits: TransformerLimits
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
            guard slice.startPosition >= 0 && slice.startPosition <= Int(Int32.max) / 2 else {
                throw .malformedSlice(
                    index: index, reason: "starts at position \(slice.startPosition)")
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
}
