// SPDX-License-Identifier: Apache-2.0

import Testing
import Tokenization

@Suite struct TokenLimitTests {
    private static func tokenizers() throws -> [any Tokenizer] {
        var composing = TinyVocabulary.byteLevel()
        composing.composes = true
        // Without tokens for the bytes 4 and 0xC3.
        var sparse = TinyVocabulary.byteLevel()
        sparse.pieces[4] = "none"
        sparse.pieces[0xC3] = "nothing"
        var sparseComposing = sparse
        sparseComposing.composes = true
        var collapsing = SpaceRule(prefix: .always)
        collapsing.removesExtraSpaces = true
        return [
            try TinyVocabulary.sentencePiece().tokenizer(),
            try TinyVocabulary.sentencePiece(hasByteFallback: false).tokenizer(),
            try TinyVocabulary.sentencePiece(spaces: collapsing).tokenizer(),
            try TinyVocabulary.byteLevel().tokenizer(), try composing.tokenizer(),
            try TinyVocabulary.ranked().tokenizer(), try sparse.tokenizer(),
            try sparseComposing.tokenizer(),
        ]
    }

    private static let texts = [
        "", "a", "low lower", "aaaaaaaaaaaaaaaa", "▁▁▁▁▁▁▁▁", "        a        ", "<tool><tool>",
        "ééééé", "e\u{301}e\u{301}e\u{301}", "\u{212A}\u{212A}\u{212A}", "中中中中", "<|end|><user>",
        String(repeating: "\u{4}", count: 40) + "a",
        "\u{3B1}\u{313}\u{301}\u{345}\u{3B1}\u{313}\u{301}\u{345}", "\u{1112}\u{1161}\u{11AB}",
    ]

    @Test(arguments: texts)
    func `a text of as many tokens as it may have is encoded as without a limit`(
        text: String
    ) throws {
        for tokenizer in try Self.tokenizers() {
            let tokens = tokenizer.encode(text, addSpecial: true)
            #expect(try tokenizer.encode(text, addSpecial: true, limit: tokens.count) == tokens)
            let segments: [PromptSegment] = [.templated(text), .control("[INST]"), .text(text)]
            let prompt = tokenizer.encode(segments)
            #expect(try tokenizer.encode(segments, limit: prompt.count) == prompt)
        }
    }

    @Test(arguments: texts)
    func `a text of one token more is refused, and no more tokens are claimed than it has`(
        text: String
    ) throws {
        for tokenizer in try Self.tokenizers() {
            for limit in 0..<tokenizer.encode(text, addSpecial: true).count {
                let error = #expect(throws: TokenLimitError.self) {
                    try tokenizer.encode(text, addSpecial: true, limit: limit)
                }
                let count = try #require(error?.leastCount)
                #expect(count > limit)
                #expect(count <= tokenizer.encode(text, addSpecial: true).count)
            }
        }
    }

    @Test func `words beyond the limit are not encoded`() throws {
        let text = String(repeating: "low er ", count: 1000)
        let tokenizer = try TinyVocabulary.byteLevel().tokenizer()
        // By its bytes alone the text might have 1,000 tokens; it is encoded up to the limit.
        let error = #expect(throws: TokenLimitError.self) {
            try tokenizer.encode(text, addSpecial: false, limit: 1500)
        }
        #expect(error?.leastCount == 1501)
        let pieces = try TinyVocabulary.sentencePiece().tokenizer()
        let other = #expect(throws: TokenLimitError.self) {
            try pieces.encode(
                String(repeating: "d\u{7F}", count: 1000), addSpecial: false, limit: 900)
        }
        #expect((other?.leastCount ?? 0) < 910)
    }
}
