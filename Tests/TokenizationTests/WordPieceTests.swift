// SPDX-License-Identifier: Apache-2.0

import Foundation
import JSON
import ModelFiles
import Testing
import Tokenization

/// WordPiece against Hugging Face's tokenizers; the golden is made by
/// scripts/goldens/make-wordpiece-goldens.py.
@Suite struct WordPieceTests {
    private static func golden() throws -> JSONValue {
        let url = Bundle.module.bundleURL.appending(path: "Goldens/wordpiece.json")
        return try JSONParser.parse([UInt8](Data(contentsOf: url)))
    }

    private static func pieces() throws -> [String] {
        try #require(try golden()["vocabulary"]?.arrayValue).compactMap(\.stringValue)
    }

    private static let special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]

    private static func tokenizerFile(_ normalizer: JSONValue) throws -> JSONValue {
        var vocabulary = JSONObject()
        for (index, piece) in try pieces().enumerated() { vocabulary[piece] = .integer(index) }
        return [
            "added_tokens": .array(
                special.enumerated().map { index, name in
                    ["id": .integer(index), "content": .string(name), "special": true]
                }),
            "normalizer": normalizer, "pre_tokenizer": ["type": "BertPreTokenizer"],
            "post_processor": [
                "type": "TemplateProcessing",
                "single": [
                    ["SpecialToken": ["id": "[CLS]", "type_id": 0]], ["Sequence": ["id": "A"]],
                    ["SpecialToken": ["id": "[SEP]", "type_id": 0]],
                ],
            ],
            "model": [
                "type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                "max_input_chars_per_word": 100, "vocab": .object(vocabulary),
            ],
        ]
    }

    /// The ids that an embedding of a text is made of.
    private static func ids(_ text: String, _ tokenizer: any Tokenizer) -> [Int32] {
        let own = tokenizer.encode([.templated(text)])
        return [tokenizer.bosTokenID ?? -1] + own + [tokenizer.eosTokenID ?? -1]
    }

    @Test func `ids are those of Hugging Face's tokenizers`() throws {
        for (index, entry) in try #require(Self.golden()["cases"]?.arrayValue).enumerated() {
            var normalizer = JSONObject()
            for key in ["lowercase", "strip_accents", "handle_chinese_chars", "clean_text"] {
                normalizer[key] = entry[key] ?? .null
            }
            normalizer["type"] = "BertNormalizer"
            let tokenizer = try TokenizerLoader.load(
                Self.tokenizerFile(.object(normalizer)).serializedBytes(), file: "tiny")
            #expect(tokenizer.addsBOS && tokenizer.addsEOS)
            for text in try #require(entry["texts"]?.arrayValue) {
                let content = try #require(text["text"]?.stringValue)
                let expected = try #require(text["ids"]?.arrayValue).compactMap(\.intValue)
                #expect(
                    Self.ids(content, tokenizer).map { Int($0) } == expected,
                    "case \(index): \(content.debugDescription)")
            }
        }
    }

    @Test func `every character is removed, a space, alone or part of a word as there`() throws {
        let ranges = try #require(try Self.golden()["characters"]?.arrayValue)
        let normalizer = BertNormalizer()
        var wrong: [String] = []
        var next = 0
        var kind = ""
        for value in UInt32(0)..<0x110000 {
            var isFirst = false
            if next < ranges.count, ranges[next].arrayValue?[0].intValue == Int(value) {
                kind = ranges[next].arrayValue?[1].stringValue ?? ""
                next += 1
                isFirst = true
            }
            // All of the common scripts, the beginning of each range, and some of the others.
            guard isFirst || value < 0x3400 || value % 31 == 0 else { continue }
            guard let scalar = Unicode.Scalar(value) else {
                continue
            }
            var words: [[UInt8]] = []
            normalizer.forEachWord(of: Array("a\(Character(scalar))b".utf8)) { word, _ in
                words.append(word)
                return true
            }
            let own =
                words == [Array("ab".utf8)]
                ? "r" : words.count == 2 ? "s" : words.count == 3 ? "p" : "k"
            if own != kind { wrong.append(String(value, radix: 16) + kind + own) }
        }
        #expect(wrong.isEmpty, "\(wrong.count): \(wrong.prefix(20))")
    }

    @Test func `vocab txt and GGUF files give the same ids as tokenizer json`() throws {
        let pieces = try Self.pieces()
        let json = try TokenizerLoader.load(
            Self.tokenizerFile(["type": "BertNormalizer"]).serializedBytes(), file: "tiny")
        let lines = try WordPieceFile.vocabulary(
            ofLines: Array(pieces.joined(separator: "\r\n").utf8), configuration: .null,
            file: "vocab.txt"
        ).tokenizer()
        var metadata = GGUFMetadata()
        metadata["tokenizer.ggml.model"] = .string("bert")
        // Capital letters would make it a vocabulary of texts with them.
        let phantoms = pieces.map { piece in
            Self.special.contains(piece)
                ? piece
                : ["A", "B", "C"].contains(piece.suffix(1))
                    ? "▁unused\(piece.utf8.count)" + piece.suffix(1).lowercased()
                    : piece.hasPrefix("##") ? String(piece.dropFirst(2)) : "▁" + piece
        }
        metadata["tokenizer.ggml.tokens"] = .array(.string(phantoms))
        let gguf = try GGUFVocabulary.tokenizer(of: metadata, file: "tiny.gguf")
        for text in ["Hello, unaffable tokenizers!", "Café 日本語", "[MASK] zz¿", ""] {
            let expected = Self.ids(text, json)
            #expect(Self.ids(text, lines) == expected)
            #expect(Self.ids(text, gguf) == expected)
        }
    }

    @Test func `a text of many long words takes time by its length`() throws {
        let tokenizer = try TokenizerLoader.load(
            Self.tokenizerFile(["type": "BertNormalizer"]).serializedBytes(), file: "tiny")
        let text = String(repeating: "a", count: 200_000)
        #expect(tokenizer.encode([.templated(text)]) == [1])
        let words = String(repeating: String(repeating: "a", count: 99) + " ", count: 2000)
        #expect(tokenizer.encode([.templated(words)]).count == 198_000)
        #expect(throws: TokenLimitError.self) {
            try tokenizer.encode([.templated(words)], limit: 100)
        }
    }

    @Test func `a file is refused that wants what is not known`() throws {
        func fails(_ change: (inout JSONObject) -> Void) throws -> Bool {
            var file = try #require(
                try Self.tokenizerFile(["type": "BertNormalizer"]).objectValue)
            change(&file)
            do {
                _ = try TokenizerLoader.load(
                    JSONValue.object(file).serializedBytes(), file: "tiny")
                return false
            } catch {
                return true
            }
        }
        #expect(try fails { $0["pre_tokenizer"] = ["type": "Whitespace"] })
        #expect(try fails { $0["normalizer"] = ["type": "NFKC"] })
        #expect(
            try fails { file in
                file["model"] = ["type": "WordPiece", "unk_token": "<none>", "vocab": ["a": 0]]
                file["added_tokens"] = []
                file["post_processor"] = .null
            })
        #expect(try fails { $0["model"] = ["type": "Unigram", "vocab": []] })
    }

    @Test func `ids decode to words with spaces between`() throws {
        let tokenizer = try TokenizerLoader.load(
            Self.tokenizerFile(["type": "BertNormalizer"]).serializedBytes(), file: "tiny")
        let ids = tokenizer.encode("the tokenizers run", addSpecial: true)
        #expect(tokenizer.decode(ids) == "the tokenizers run")
    }
}
