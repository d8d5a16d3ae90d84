// SPDX-License-Identifier: Apache-2.0

import JSON
import ModelFiles
import Testing
import Tokenization

/// Ids of one small vocabulary by tokenizers and by tiktoken; the golden is made by
/// scripts/goldens/make-pretokenizer-goldens.py.
struct SmallVocabularyTests {
    private static func golden() throws -> JSONValue { try Golden.read("small-vocabulary") }

    @Test(arguments: ["deepseek-llm", "deepseek-coder", "kimi-k2"])
    func `ids are those of Hugging Face's tokenizers`(name: String) throws {
        let golden = try Self.golden()
        let file: JSONValue = [
            "added_tokens": [], "normalizer": nil,
            "pre_tokenizer": try #require(golden["steps"]?[name]),
            "model": [
                "type": "BPE", "vocab": try #require(golden["vocab"]),
                "merges": try #require(golden["merges"]),
            ],
        ]
        let tokenizer = try TokenizerLoader.load(file.serializedBytes(), file: "tokenizer.json")
        try Self.compare(tokenizer, with: golden["hashes"]?[name])
    }

    private static func compare(_ tokenizer: any Tokenizer, with hashes: JSONValue?) throws {
        let hashes = try Golden.hashes(hashes)
        let texts = try Golden.strings()
        #expect(texts.count == hashes.count)
        for (text, hash) in zip(texts, hashes) {
            let ids = tokenizer.encode(text, addSpecial: false)
            #expect(Golden.fingerprint(ids) == hash, "\(text.debugDescription): \(ids)")
        }
    }

    /// Runs with Kimi's two files in a folder.
    private static func withFolder(
        model: String? = nil, configuration: JSONValue? = nil, _ body: (String) throws -> Void
    ) throws {
        let golden = try golden()
        let model = try #require(model ?? golden["tiktoken.model"]?.stringValue)
        let configuration = try #require(configuration ?? golden["tokenizer_config.json"])
        try TokenizerLoaderTests.withFolder(
            [
                "tiktoken.model": Array(model.utf8),
                "tokenizer_config.json": configuration.serializedBytes(),
            ], body)
    }

    @Test func `ids of tiktoken.model are those of tiktoken`() throws {
        let golden = try Self.golden()
        try Self.withFolder { folder in
            let tokenizer = try TokenizerLoader.load(path: folder)
            try Self.compare(tokenizer, with: golden["hashes"]?["tiktoken"])
            let texts = try Golden.strings()[560..<600]
            for (text, ids) in zip(texts, try #require(golden["ids"]?.arrayValue)) {
                let expected = try #require(ids.arrayValue).compactMap(\.intValue).map(Int32.init)
                #expect(tokenizer.encode(text, addSpecial: true) == expected)
            }
        }
    }

    @Test func `special tokens of tiktoken.model follow its own`() throws {
        try Self.withFolder { folder in
            let tokenizer = try TokenizerLoader.load(path: folder)
            let first = Int32(tokenizer.vocabularyCount - 258)
            #expect(tokenizer.bosTokenID == first && !tokenizer.addsBOS)
            #expect(tokenizer.eosTokenIDs == [first + 1, first + 2])
            #expect(tokenizer.piece(of: first + 3) == "<|reserved_token_\(first + 3)|>")
            #expect(tokenizer.isControl(first + 3) && !tokenizer.isControl(first + 5))
            let ids = tokenizer.encode([.templated("<|im_end|><think>"), .text("<|im_end|>")])
            #expect(ids.prefix(2) == [first + 2, first + 5])
            #expect(!ids.dropFirst(2).contains(first + 2))
            #expect(tokenizer.bytes(of: first + 5) == Array("<think>".utf8))
            #expect(tokenizer.bytes(of: first + 2) == [])
        }
    }

    @Test func `special tokens for which a model has no rows are left out`() throws {
        try Self.withFolder { folder in
            var content = try TokenizerLoader.vocabulary(in: ModelFolder(path: folder))
            let count = content.count
            #expect(content.removeAddedTokens(beyond: count - 2).last == "[PAD]")
            #expect(content.count == count - 2)
            #expect(content.removeAddedTokens(beyond: 10) == [])
            #expect(try content.tokenizer().vocabularyCount == count - 2)
        }
    }

    @Test(arguments: [
        ("IQ== 0\nIg== 2\n", "line 2"), ("IQ== 0\nIQ== 1\n", "line 2"), ("IQ= 0\n", "line 1"),
        ("IQ==\n", "line 1"), (" \n", "line 1"), ("IQ== 0\n", "byte 0"),
    ])
    func `a damaged tiktoken.model is refused with its line`(model: String, place: String) throws {
        try Self.withFolder(model: model) { folder in
            let error = #expect(throws: TokenizerError.self) {
                try TokenizerLoader.load(path: folder)
            }
            #expect(error?.description.contains(place) == true, "\(error?.description ?? "")")
        }
    }

    @Test func `tiktoken.model of a class that is not known is refused`() throws {
        let configuration: JSONValue = ["tokenizer_class": "QWenTokenizer"]
        try Self.withFolder(configuration: configuration) { folder in
            let error = #expect(throws: TokenizerError.self) {
                try TokenizerLoader.load(path: folder)
            }
            #expect(error?.description.contains("QWenTokenizer") == true)
        }
    }
}
