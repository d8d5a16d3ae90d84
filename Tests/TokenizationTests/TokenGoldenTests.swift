// SPDX-License-Identifier: Apache-2.0

import JSON
import Testing
import Tokenization

/// The ids of mistral-common and tokenizers, on the vocabularies that this machine has.
@Suite(.enabled(if: !GoldenVocabulary.all.isEmpty))
struct TokenGoldenTests {
    @Test(arguments: GoldenVocabulary.all)
    func `ids equal the reference's on the strings of the tree`(
        vocabulary: GoldenVocabulary
    ) throws {
        let golden = try Golden.read("tokens")
        let texts = try Golden.strings()
        let hashes = try Golden.hashes(golden["hashes"]?[vocabulary.name])
        let tokenizer = try vocabulary.load()
        #expect(texts.count == hashes.count)
        for (text, hash) in zip(texts, hashes) {
            #expect(
                Golden.fingerprint(tokenizer.encode(text, addSpecial: false)) == hash,
                "\(text.debugDescription)")
        }
        let first = try #require(golden["firstString"]?.intValue)
        let lists = try #require(golden["ids"]?[vocabulary.name]?.arrayValue)
        for (text, ids) in zip(texts[first...], lists) {
            let expected = try #require(ids.arrayValue).compactMap { $0.intValue.map(Int32.init) }
            #expect(tokenizer.encode(text, addSpecial: false) == expected)
        }
    }

    @Test(arguments: GoldenVocabulary.all)
    func `text comes back from its ids, whole and streamed`(vocabulary: GoldenVocabulary) throws {
        let tokenizer = try vocabulary.load()
        // In SentencePiece a U+2581 is the same as a space.
        for text in try Golden.strings() where !text.unicodeScalars.contains("\u{2581}") {
            let ids = tokenizer.encode(text, addSpecial: false)
            #expect(tokenizer.decode(ids) == text)
            var detokenizer = StreamingDetokenizer(tokenizer: tokenizer)
            var streamed: [UInt8] = []
            for id in ids { streamed += detokenizer.append(id).utf8 }
            #expect(streamed == Array(text.utf8))
            #expect(detokenizer.flush() == "")
        }
    }

    @Test(arguments: GoldenVocabulary.all)
    func `names of control tokens in a text are text`(vocabulary: GoldenVocabulary) throws {
        let tokenizer = try vocabulary.load()
        for id in 0..<Int32(min(1000, tokenizer.vocabularyCount)) where tokenizer.isControl(id) {
            let name = tokenizer.piece(of: id)
            #expect(tokenizer.id(ofControl: name) == id)
            #expect(!tokenizer.encode("a\(name)b", addSpecial: false).contains(id))
            #expect(!tokenizer.encode([.text(name)]).contains(id))
            #expect(tokenizer.encode([.control(name)]) == [id])
            #expect(tokenizer.encode([.templated(name)]) == [id])
            #expect(tokenizer.bytes(of: id) == [])
        }
    }
}
