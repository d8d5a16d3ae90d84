// SPDX-License-Identifier: Apache-2.0

import Testing
import Tokenization

struct AddedTokensTests {
    static func pieces(_ text: String, _ tokens: [AddedTokens.Token]) throws -> [String] {
        var vocabulary = TinyVocabulary.byteLevel(merges: [])
        vocabulary.addedTokens = tokens
        let tokenizer = try vocabulary.tokenizer()
        return tokenizer.encode([.templated(text)]).map {
            $0 < 256 ? tokenizer.piece(of: $0) : "\($0)"
        }
    }

    @Test func `the longest of the leftmost matches`() throws {
        let tokens = [
            AddedTokens.Token(id: 300, spelling: "ab", isControl: true),
            AddedTokens.Token(id: 301, spelling: "abcd", isControl: true),
            AddedTokens.Token(id: 302, spelling: "bcde", isControl: true),
        ]
        #expect(try Self.pieces("abcde", tokens) == ["301", "e"])
        #expect(try Self.pieces("abcxbcde", tokens) == ["300", "c", "x", "302"])
        #expect(try Self.pieces("ababab", tokens) == ["300", "300", "300"])
    }

    @Test func `a token swallows the whitespace that it strips`() throws {
        var token = AddedTokens.Token(id: 300, spelling: "<x>", isControl: true)
        token.stripsLeft = true
        #expect(try Self.pieces("a \n<x> b", [token]) == ["a", "300", "Ġ", "b"])
        token.stripsRight = true
        #expect(try Self.pieces("a <x>\t b <x> <x>", [token]) == ["a", "300", "b", "300", "300"])
    }

    @Test func `a single word does not touch letters`() throws {
        var token = AddedTokens.Token(id: 300, spelling: "ab", isControl: true)
        token.isSingleWord = true
        #expect(try Self.pieces("ab,abc", [token]) == ["300", ",", "a", "b", "c"])
    }

    @Test func `an empty or a very long spelling is never matched`() throws {
        let long = String(repeating: "a", count: 10_000)
        let tokens = [
            AddedTokens.Token(id: 300, spelling: "", isControl: true),
            AddedTokens.Token(id: 301, spelling: long, isControl: true),
        ]
        #expect(try Self.pieces(long, tokens).count == 10_000)
    }
}
