// SPDX-License-Identifier: Apache-2.0

import Testing
import Tokenization

struct StreamingDetokenizerTests {
    static func stream(_ tokenizer: any Tokenizer, _ tokens: [Int32]) -> [String] {
        var detokenizer = StreamingDetokenizer(tokenizer: tokenizer)
        return tokens.map { detokenizer.append($0) } + [detokenizer.flush()]
    }

    @Test func `a character comes out with its last byte`() throws {
        let tokenizer = try TinyVocabulary.byteLevel(merges: []).tokenizer()
        let tokens = tokenizer.encode("a€😀é", addSpecial: false)
        #expect(
            Self.stream(tokenizer, tokens)
                == ["a", "", "", "€", "", "", "", "😀", "", "é", ""])
    }

    @Test func `the bytes of a character that is never finished become U+FFFD at the end`() throws {
        let tokenizer = try TinyVocabulary.byteLevel(merges: []).tokenizer()
        #expect(Self.stream(tokenizer, [0x61, 0xE2, 0x82]) == ["a", "", "", "\u{FFFD}"])
    }

    @Test func `bytes that can be no character become U+FFFD at once`() throws {
        let tokenizer = try TinyVocabulary.byteLevel(merges: []).tokenizer()
        #expect(Self.stream(tokenizer, [0xFF, 0x61]) == ["\u{FFFD}", "a", ""])
        #expect(Self.stream(tokenizer, [0x80, 0x61]) == ["\u{FFFD}", "a", ""])
        #expect(Self.stream(tokenizer, [0xE2, 0x61]) == ["", "\u{FFFD}a", ""])
        #expect(Self.stream(tokenizer, [0xED, 0xA0]) == ["", "\u{FFFD}\u{FFFD}", ""])
        #expect(Self.stream(tokenizer, [0xF4, 0x90]) == ["", "\u{FFFD}\u{FFFD}", ""])
    }

    @Test func `any bytes stream to what they decode to as a whole`() throws {
        let tokenizer = try TinyVocabulary.byteLevel(merges: []).tokenizer()
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<3000 {
            let leads: [UInt8] = [0x41, 0x80, 0xBF, 0xC2, 0xE0, 0xE2, 0xED, 0xF0, 0xF4, 0xFF, 0xA0]
            let bytes = (0..<8).map { _ in leads.randomElement(using: &generator) ?? 0 }
            let streamed = Self.stream(tokenizer, bytes.map { Int32($0) }).joined()
            #expect(
                Array(streamed.utf8) == Array(String(decoding: bytes, as: UTF8.self).utf8),
                "\(bytes)")
        }
    }

    @Test func `SentencePiece's first space is dropped once`() throws {
        let tokenizer = try TinyVocabulary.sentencePiece().tokenizer()
        let tokens = tokenizer.encode(" ab ab", addSpecial: true)
        #expect(Self.stream(tokenizer, tokens).joined() == " ab ab")
        #expect(tokenizer.decode(tokenizer.encode("ab", addSpecial: false)) == "ab")
        var detokenizer = StreamingDetokenizer(tokenizer: tokenizer, continuesText: true)
        #expect(detokenizer.append(tokenizer.encode("ab", addSpecial: false)[0]) == " ab")
    }

    @Test func `control tokens have no text`() throws {
        let tokenizer = try TinyVocabulary.byteLevel().tokenizer()
        let end = try #require(tokenizer.id(ofControl: "<|end|>"))
        #expect(
            Self.stream(tokenizer, [0x61, end, 0x62, -5, 99_999]) == ["a", "", "b", "", "", ""])
    }
}
