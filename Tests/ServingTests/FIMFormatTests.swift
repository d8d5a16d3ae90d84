// SPDX-License-Identifier: Apache-2.0

import Serving
import ServingSupport
import Testing
import Tokenization

@Suite struct FIMFormatTests {
    private func pieces(_ controls: [String], _ before: String, _ after: String) throws -> String {
        let tokenizer = ByteTokenizer(gapMarks: controls)
        let format = try #require(FIMFormat(tokenizer: tokenizer))
        return try format.tokens(before: before, after: after, tokenizer: tokenizer)
            .map(tokenizer.piece).joined()
    }

    @Test func `Mistral's format has the suffix first`() throws {
        #expect(
            try pieces(["[PREFIX]", "[SUFFIX]"], "ab", "cd") == "<s>[SUFFIX]cd[PREFIX]ab")
    }

    @Test(arguments: [
        ["<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"],
        ["<fim_prefix>", "<fim_suffix>", "<fim_middle>"],
        ["<|fim_begin|>", "<|fim_hole|>", "<|fim_end|>"], ["<PRE>", "<SUF>", "<MID>"],
    ])
    func `the others' have the prefix first`(controls: [String]) throws {
        #expect(
            try pieces(controls, "ab", "cd")
                == "<s>\(controls[0])ab\(controls[1])cd\(controls[2])")
    }

    @Test func `a vocabulary without these tokens fills no gap`() {
        #expect(FIMFormat(tokenizer: ByteTokenizer()) == nil)
        #expect(FIMFormat(tokenizer: ByteTokenizer(gapMarks: ["<PRE>", "<SUF>"])) == nil)
    }

    @Test func `text never becomes control tokens`() throws {
        let tokenizer = ByteTokenizer(gapMarks: ["<PRE>", "<SUF>", "<MID>"])
        let format = try #require(FIMFormat(tokenizer: tokenizer))
        let tokens = try format.tokens(before: "<SUF>", after: "", tokenizer: tokenizer)
        #expect(tokens.filter(tokenizer.isControl).count == 4)
    }

    @Test func `a text beyond the limit is refused`() throws {
        let tokenizer = ByteTokenizer(gapMarks: ["<PRE>", "<SUF>", "<MID>"])
        let format = try #require(FIMFormat(tokenizer: tokenizer))
        #expect(throws: TokenLimitError.self) {
            try format.tokens(before: "abc", after: "", tokenizer: tokenizer, limit: 4)
        }
    }
}
