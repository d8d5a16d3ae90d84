// SPDX-License-Identifier: Apache-2.0

import Computation
import Testing

@Suite struct ExpertTraceTests {
    /// Two layers, of which each token visits one of the experts; the second layer computes only the
    /// last token.
    private static func step(
        _ trace: ExpertTrace, _ ids: [Int32], from position: Int, number: UInt64 = 1,
        request: String = "a"
    ) {
        guard trace.begin(tokenCount: ids.count) else { return }
        trace.note(ids.map { $0 % 4 }, rowCount: ids.count, tokens: nil, inLayer: 0)
        trace.note([3], rowCount: 1, tokens: [Int32(ids.count - 1)], inLayer: 1)
        trace.end()
        trace.keep(
            number, named: request, of: 7, from: position, ids[...], firstToken: 0)
    }

    private static func trace() -> ExpertTrace {
        let trace = ExpertUsage(layerCount: 2, expertCount: 4, expertsPerToken: 1).trace
        trace.watch(true)
        return trace
    }

    @Test func `each token has its experts of each layer, where it was computed`() {
        let trace = Self.trace()
        Self.step(trace, [5, 6], from: 0)
        let tokens = trace.tokens(of: "a", of: 7) ?? []
        #expect(tokens.map(\.position) == [0, 1])
        #expect(tokens.map(\.id) == [5, 6])
        #expect(tokens.map(\.experts) == [[1, ExpertTrace.none], [2, 3]])
        #expect(trace.tokens(of: "b", of: 7) == nil)
        #expect(trace.tokens(of: "a", of: 8) == nil)
    }

    @Test func `tokens that come to the same place take that of what was guessed`() {
        let trace = Self.trace()
        Self.step(trace, [5], from: 0)
        Self.step(trace, [6, 7, 8], from: 1)
        Self.step(trace, [9], from: 2)
        #expect(trace.tokens(of: "a", of: 7)?.map(\.id) == [5, 6, 9])
        #expect(trace.tokens(of: "a", of: 7)?.map(\.position) == [0, 1, 2])
    }

    @Test func `requests that their client has named alike are not mixed`() {
        let trace = Self.trace()
        Self.step(trace, [5, 6], from: 0, number: 1)
        Self.step(trace, [9], from: 0, number: 2)
        #expect(trace.tokens(of: "a", of: 7)?.map(\.id) == [9])
        Self.step(trace, [7], from: 2, number: 1)
        #expect(trace.tokens(of: "a", of: 7)?.map(\.id) == [5, 6, 7])
    }

    @Test func `a step that ends after the last watcher has gone leaves nothing`() {
        let trace = Self.trace()
        #expect(trace.begin(tokenCount: 1))
        trace.watch(false)
        trace.end()
        trace.keep(1, named: "a", of: 7, from: 0, [5], firstToken: 0)
        #expect(trace.tokens(of: "a", of: 7) == nil)
    }

    @Test func `nothing is kept while nobody watches, nor after`() {
        let trace = ExpertUsage(layerCount: 2, expertCount: 4, expertsPerToken: 1).trace
        Self.step(trace, [5], from: 0)
        #expect(trace.tokens(of: "a", of: 7) == nil)
        trace.watch(true)
        Self.step(trace, [5], from: 0)
        #expect(trace.tokens(of: "a", of: 7) != nil)
        trace.watch(false)
        #expect(trace.tokens(of: "a", of: 7) == nil)
    }

    @Test func `a step that nobody watches from its beginning is not written down`() {
        let trace = ExpertUsage(layerCount: 2, expertCount: 4, expertsPerToken: 1).trace
        #expect(!trace.begin(tokenCount: 1))
        trace.watch(true)
        trace.note([1], rowCount: 1, tokens: nil, inLayer: 0)
        #expect(trace.tokens(of: "a", of: 7) == nil)
    }

    @Test func `the oldest of many requests, and the last tokens of a long one, are not kept`() {
        let trace = Self.trace()
        for number in 0..<17 {
            Self.step(trace, [1], from: 0, number: UInt64(number), request: "\(number)")
        }
        #expect(trace.tokens(of: "0", of: 7) == nil)
        #expect(trace.tokens(of: "1", of: 7) != nil)
        Self.step(trace, Array(repeating: 1, count: 9000), from: 0, number: 17, request: "long")
        #expect(trace.tokens(of: "long", of: 7)?.count == 8192)
    }
}
