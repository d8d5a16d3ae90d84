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
        // In SentencePiece a U+2581 is the same as a space, and SmolLM2 has no token for some bytes.
        let lost: Set<UInt8> = vocabulary.name == "smollm2" ? Self.lostBytes(tokenizer) : []
        for text in try Golden.strings() where !text.unicodeScalars.contains("\u{2581}") {
            let ids = tokenizer.encode(text, addSpecial: false)
            let kept = text.utf8.filter { !lost.contains($0) }
            #expect(
                Array(tokenizer.decode(ids).utf8)
                    == Array(String(decoding: kept, as: UTF8.self).utf8))
            var detokenizer = StreamingDetokenizer(tokenizer: tokenizer)
            let streamed = ids.map { detokenizer.append($0) }.joined() + detokenizer.flush()
            #expect(streamed == tokenizer.decode(ids))
        }
    }

    static func lostBytes(_ tokenizer: any Tokenizer) -> Set<UInt8> {
        let known = Set(
            (0..<Int32(tokenizer.vocabularyCount)).compactMap { id -> UInt8? in
                let bytes = tokenizer.bytes(of: id)
                return bytes.count == 1 ? bytes[0] : nil
            })
        return Set(UInt8.min...UInt8.max).subtracting(known)
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
