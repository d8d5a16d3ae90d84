// SPDX-License-Identifier: Apache-2.0

import JSON
import Testing
import Tokenization

/// `tokenizer.json` of models of characters, as Llama 2, Mistral and Gemma have them.
struct HuggingFaceCharacterTests {
    static func file(_ changes: [String: JSONValue]) -> JSONValue {
        var pieces = JSONObject()
        let all =
            ["<unk>", "<s>", "[INST]"] + TinyVocabulary.bytePieces + ["▁", "a", "b", "▁a", "▁ab"]
        for (index, piece) in all.enumerated() { pieces[piece] = .integer(index) }
        var file: JSONObject = [
            "added_tokens": [
                ["id": 0, "content": "<unk>", "special": true],
                ["id": 1, "content": "<s>", "special": true],
                ["id": 2, "content": "[INST]", "special": true, "rstrip": true],
            ],
            "model": [
                "type": "BPE", "vocab": .object(pieces), "merges": [["▁", "a"], ["▁a", "b"]],
                "unk_token": "<unk>", "byte_fallback": true, "fuse_unk": true,
            ],
            "post_processor": [
                "type": "TemplateProcessing",
                "single": [
                    ["SpecialToken": ["id": "<s>", "type_id": 0]], ["Sequence": ["id": "A"]],
                ],
            ],
        ]
        for (key, value) in changes { file[key] = value }
        return .object(file)
    }

    static func pieces(
        _ segments: [PromptSegment], _ changes: [String: JSONValue]
    ) throws
        -> [String]
    {
        let tokenizer = try TokenizerLoader.load(file(changes).serializedBytes(), file: "tiny")
        return tokenizer.encode(segments).map { tokenizer.piece(of: $0) }
    }

    static let replace: JSONValue = [
        "type": "Replace", "pattern": ["String": " "], "content": "▁",
    ]

    static let prepend: JSONValue = [
        "type": "Sequence", "normalizers": [["type": "Prepend", "prepend": "▁"], replace],
    ]

    static func metaspace(_ scheme: String, split: Bool = false) -> JSONValue {
        [
            "type": "Metaspace", "replacement": "▁", "prepend_scheme": .string(scheme),
            "split": .bool(split),
        ]
    }

    @Test func `Prepend puts a space before every text`() throws {
        let changes = ["normalizer": Self.prepend]
        #expect(try Self.pieces([.text("ab ab")], changes) == ["▁ab", "▁ab"])
        #expect(try Self.pieces([.text(" ab")], changes) == ["▁", "▁ab"])
        #expect(
            try Self.pieces([.templated("[INST]ab")], changes) == ["[INST]", "▁ab"])
    }

    @Test func `Replace alone puts none`() throws {
        #expect(
            try Self.pieces([.text("ab ab")], ["normalizer": Self.replace]) == ["a", "b", "▁ab"])
    }

    @Test func `Metaspace puts a space where its scheme says and there is none`() throws {
        let text: [PromptSegment] = [.templated("ab[INST]  ab")]
        func pieces(_ scheme: String) throws -> [String] {
            try Self.pieces(text, ["pre_tokenizer": Self.metaspace(scheme)])
        }
        #expect(try pieces("always") == ["▁ab", "[INST]", "▁ab"])
        #expect(try pieces("first") == ["▁ab", "[INST]", "a", "b"])
        #expect(try pieces("never") == ["a", "b", "[INST]", "a", "b"])
        #expect(
            try Self.pieces([.text(" ab")], ["pre_tokenizer": Self.metaspace("always")]) == ["▁ab"])
    }

    @Test func `what has no token becomes bytes, and BOS comes from the post-processor`() throws {
        let json = Self.file(["normalizer": Self.prepend])
        let tokenizer = try TokenizerLoader.load(json.serializedBytes(), file: "tiny")
        let ids = tokenizer.encode("aé", addSpecial: true)
        #expect(ids.map { tokenizer.piece(of: $0) } == ["<s>", "▁a", "<0xC3>", "<0xA9>"])
        #expect(tokenizer.decode(ids) == "aé")
        #expect(tokenizer.bosTokenID == 1 && tokenizer.addsBOS)
    }
}
