// SPDX-License-Identifier: Apache-2.0

import Testing
import Tokenization

struct SentencePieceTests {
    @Test func `the best score merges first and the leftmost among equals`() throws {
        let tokenizer = try TinyVocabulary.sentencePiece().tokenizer()
        // "ab" comes before "▁a", so "▁ab" is only reached through ▁ + ab.
        #expect(tokenizer.pieces("ab") == ["▁ab"])
        #expect(tokenizer.pieces("abc") == ["▁", "abc"])
        #expect(tokenizer.pieces("aaa") == ["▁a", "aa"])
        #expect(tokenizer.pieces("daaaaa") == ["▁", "d", "aaaa", "a"])
    }

    @Test func `a character without a token becomes its bytes`() throws {
        let tokenizer = try TinyVocabulary.sentencePiece().tokenizer()
        #expect(tokenizer.pieces("é€") == ["▁", "é", "<0xE2>", "<0x82>", "<0xAC>"])
        #expect(tokenizer.decode(tokenizer.encode("é€", addSpecial: false)) == "é€")
    }

    @Test func `without byte fallback a run of unknown characters is one token`() throws {
        let vocabulary = TinyVocabulary.sentencePiece(hasByteFallback: false)
        let tokenizer = try vocabulary.tokenizer()
        #expect(tokenizer.pieces("a€€b€") == ["▁a", "<unk>", "b", "<unk>"])
        #expect(tokenizer.decode(tokenizer.encode("€", addSpecial: false)) == " ⁇ ")
    }

    @Test func `a user-defined token is found first and never merges`() throws {
        let tokenizer = try TinyVocabulary.sentencePiece().tokenizer()
        #expect(tokenizer.pieces("a<user>b") == ["▁a", "<user>", "b"])
        #expect(tokenizer.pieces("<user>") == ["▁", "<user>"])
        #expect(tokenizer.decode(tokenizer.encode("a<user>b", addSpecial: false)) == "a<user>b")
    }

    @Test func `an unused token is split into what it was made of`() throws {
        let vocabulary = TinyVocabulary.sentencePiece(kinds: ["abc": .unused, "▁ab": .unused])
        let tokenizer = try vocabulary.tokenizer()
        #expect(tokenizer.pieces("dabc") == ["▁", "d", "ab", "c"])
        #expect(tokenizer.pieces("ab") == ["▁", "ab"])
    }

    @Test func `spaces follow the vocabulary's rule`() throws {
        func pieces(_ text: String, _ change: (inout SpaceRule) -> Void) throws -> [String] {
            var spaces = SpaceRule(prefix: .always)
            change(&spaces)
            return try TinyVocabulary.sentencePiece(spaces: spaces).tokenizer().pieces(text)
        }
        #expect(try pieces(" b") { _ in } == ["▁▁", "b"])
        #expect(try pieces("b") { $0.prefix = .never } == ["b"])
        #expect(try pieces(" b") { $0.sparesLeadingSpace = true } == ["▁", "b"])
        #expect(
            try pieces("  b   b ") { $0.removesExtraSpaces = true } == ["▁", "b", "▁", "b"])
        #expect(try pieces("   ") { $0.removesExtraSpaces = true } == [])
        #expect(try pieces("b  b") { $0.splitsWords = true } == ["▁", "b", "▁", "▁", "b"])
        #expect(try pieces("") { _ in } == [])
    }

    @Test func `the prefix comes after control tokens only where the rule says so`() throws {
        let segments: [PromptSegment] = [.text("b"), .control("[INST]"), .text("b")]
        func pieces(_ prefix: SpaceRule.Prefix) throws -> [String] {
            let spaces = SpaceRule(prefix: prefix)
            let tokenizer = try TinyVocabulary.sentencePiece(spaces: spaces).tokenizer()
            return tokenizer.encode(segments).map { tokenizer.piece(of: $0) }
        }
        #expect(try pieces(.always) == ["▁", "b", "[INST]", "▁", "b"])
        #expect(try pieces(.first) == ["▁", "b", "[INST]", "b"])
        #expect(try pieces(.never) == ["b", "[INST]", "b"])
    }

    @Test func `BOS comes only when it is asked for and the vocabulary wants it`() throws {
        var vocabulary = TinyVocabulary.sentencePiece()
        #expect(try vocabulary.tokenizer().encode("b", addSpecial: true).first == 1)
        #expect(try vocabulary.tokenizer().encode("b", addSpecial: false).first != 1)
        vocabulary.special.addsBOS = false
        vocabulary.special.addsEOS = true
        #expect(try vocabulary.tokenizer().encode("b", addSpecial: true).first != 1)
        #expect(try vocabulary.tokenizer().encode("b", addSpecial: true).last == 2)
    }
}
