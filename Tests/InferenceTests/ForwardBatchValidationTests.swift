// SPDX-License-Identifier: Apache-2.0

import Inference
import Testing

@Suite struct ForwardBatchValidationTests {
    private static let limits = TransformerLimits(
        maxBatchTokens: 8, blockCount: 4, positionsPerBlock: 16, maxLogitsRows: 3)

    private static func slice(
        first: Int = 0, count: Int = 2, start: Int = 0, blocks: [Int32] = [0],
        rows: LogitsRows = .last
    ) -> SequenceSlice {
        SequenceSlice(
            firstToken: first, tokenCount: count, startPosition: start, blockTable: blocks,
            logitsRows: rows)
    }

    private func error(_ tokens: [Int32], _ slices: [SequenceSlice]) -> TransformerError? {
        do {
            try ForwardBatch(tokens: tokens, slices: slices).validate(
                vocabularySize: 10, limits: Self.limits)
            return nil
        } catch {
            return error
        }
    }

    @Test func `a batch within the limits is accepted`() {
        #expect(error([0, 9], [Self.slice()]) == nil)
        #expect(error([1, 2, 3], [Self.slice(), Self.slice(first: 2, count: 1)]) == nil)
        #expect(error([1, 2], [Self.slice(start: 62, blocks: [0, 3, 1, 2])]) == nil)
    }

    @Test(arguments: [-1, 10, Int32.max, Int32.min])
    func `a token outside of the vocabulary is named`(token: Int32) {
        let expected = TransformerError.tokenOutOfRange(token: token, index: 1, vocabularySize: 10)
        #expect(error([3, token], [Self.slice()]) == expected)
    }

    @Test(arguments: [[0, 0], [1, 2], [-1, 0]] as [[Int32]])
    func `each slice must have a state of its own, where there are any`(states: [Int32]) {
        var slices = [Self.slice(), Self.slice(first: 2, count: 1)]
        for index in slices.indices { slices[index].state = states[index] }
        let batch = ForwardBatch(tokens: [1, 2, 3], slices: slices)

        #expect(throws: TransformerError.self) {
            try batch.validate(vocabularySize: 10, limits: Self.limits, stateCount: 2)
        }
        #expect(throws: Never.self) {
            try batch.validate(vocabularySize: 10, limits: Self.limits)
        }
    }

    @Test func `no tokens and too many tokens are refused`() {
        #expect(error([], []) == .batchSize(what: "tokens", count: 0, limit: 8))
        #expect(
            error([Int32](repeating: 1, count: 9), [Self.slice(count: 9)])
                == .batchSize(what: "tokens", count: 9, limit: 8))
    }

    @Test(arguments: [
        [slice(first: 1)], [slice(count: 0)], [slice(count: 3)], [slice(count: .max)],
        [slice(count: 1)], [slice(start: -1)], [slice(start: .max)], [slice(blocks: [])],
        [slice(start: 15)], [slice(blocks: [4])], [slice(blocks: [-1])],
        [slice(count: 1), slice(first: 0, count: 1)], [],
    ])
    func `a slice that does not fit is refused`(slices: [SequenceSlice]) {
        guard case .malformedSlice = error([1, 2], slices) else {
            Issue.record("accepted \(slices)")
            return
        }
    }

    @Test func `more logits rows than there is room for are refused`() {
        #expect(error([1, 2, 3], [Self.slice(count: 3, rows: .all)]) == nil)
        #expect(
            error([1, 2, 3, 4], [Self.slice(count: 4, rows: .all)])
                == .batchSize(what: "logits rows", count: 4, limit: 3))
    }

    @Test func `errors read as one line`() {
        let text = TransformerError.tokenOutOfRange(token: 10, index: 1, vocabularySize: 10)
            .description
        #expect(text == "token 10 at index 1 is not in the vocabulary of 10")
    }
}
