// SPDX-License-Identifier: Apache-2.0

import JSON
import Recognition
import StructuredOutput
import Testing

struct ForcedTokenTests {
    private static let pieces = [
        "<end>", "<call>", "a", "b", "c", "ab", "abc", "\"", ":", " ", "{", "}", "{\"", "\":",
        " \"", "na", "me", "name", " \"a", "1", "2", ",", "\n", "é",
    ]

    private func forced(
        _ structure: Structure, dropsLeadingSpace: Bool = false, after: [Int32] = [],
        continuesText: Bool = false, limit: Int = 100
    ) throws -> [String] {
        let tokenizer = ListTokenizer(pieces: Self.pieces, dropsLeadingSpace: dropsLeadingSpace)
        let constraint = try Constraint(
            structure, vocabulary: ConstraintVocabulary(tokenizer))
        let matcher = constraint.makeMatcher(continuesText: continuesText)
        for token in after { #expect(matcher.accept(token)) }
        let tokens = matcher.forcedTokens(limit: limit)
        for token in tokens { #expect(matcher.accept(token)) }
        return tokens.map { tokenizer.piece(of: $0) }
    }

    @Test func `what can be said in one way only is spelled as the tokenizer would`() throws {
        #expect(try forced(.literal("abcab")) == ["abc", "ab"])
        #expect(try forced(.literal("abcab"), limit: 1) == ["abc"])
        #expect(try forced(.choice([.literal("a"), .literal("b")])) == [])
        #expect(
            try forced(.sequence([.literal("cc"), .control(1), .literal("c")])) == [
                "c", "c", "<call>", "c",
            ])
    }

    @Test func `a token that could join what follows is left out`() throws {
        // "ab" could become "abc".
        let joined: Structure = .sequence([
            .literal("cab"), .choice([.literal("c"), .literal("1")]),
        ])
        #expect(try forced(joined) == ["c"])
        let apart: Structure = .sequence([
            .literal("cab"), .choice([.literal("2"), .literal("1")]),
        ])
        #expect(try forced(apart) == ["c", "ab"])
    }

    @Test func `keys of an object are forced up to their value`() throws {
        let schema: Structure = .schema([
            "type": "object", "properties": ["name": ["enum": [1, 2]]], "required": ["name"],
            "additionalProperties": false,
        ])
        #expect(try forced(schema) == ["{\"", "name", "\":", " "])
        #expect(try forced(schema, after: [12, 17, 13, 9, 19]) == ["}"])
    }

    @Test func `the space before a text of SentencePiece is spelled once`() throws {
        let text: Structure = .literal("ab c")
        #expect(try forced(text, dropsLeadingSpace: true) == [" ", "ab", " ", "c"])
        #expect(try forced(text, dropsLeadingSpace: true, after: [9, 2]) == ["b", " ", "c"])
        #expect(
            try forced(text, dropsLeadingSpace: true, continuesText: true) == ["ab", " ", "c"])
    }

    @Test func `nothing is forced where the answer may end`() throws {
        #expect(try forced(.repetition(.literal("a"), least: 0, most: nil)) == [])
        #expect(try forced(.literal("")) == [])
    }
}
