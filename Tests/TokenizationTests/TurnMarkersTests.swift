// SPDX-License-Identifier: Apache-2.0

import JSON
import ModelFiles
import Testing
import Tokenization

/// Control tokens that their files have as text.
@Suite struct TurnMarkersTests {
    private static let names = ["<|im_end|>", "<|im_start|>", "<|mine|>", "<think>"]

    private static func sentencePiece() -> SentencePieceVocabulary {
        TinyVocabulary.sentencePiece(
            ["a", "b", "▁"] + names,
            kinds: Dictionary(uniqueKeysWithValues: names.map { ($0, .userDefined) }))
    }

    /// The metadata of a GGUF file that has all four as user-defined text.
    private static func gguf(_ model: String) -> GGUFMetadata {
        var metadata = GGUFVocabularyTests.byteLevel()
        var pieces = TinyVocabulary.byteLevel().pieces + names
        var kinds = TinyVocabulary.byteLevel().kinds + names.map { _ in .userDefined }
        if model == "llama" {
            metadata = GGUFVocabularyTests.sentencePiece()
            pieces = sentencePiece().pieces
            kinds = sentencePiece().kinds
            metadata["tokenizer.ggml.scores"] = .array(
                .float32(pieces.indices.map { -Float($0) }))
        }
        metadata["tokenizer.ggml.tokens"] = .array(.string(pieces))
        metadata["tokenizer.ggml.token_type"] = .array(.int32(kinds.map { Int32($0.rawValue) }))
        return metadata
    }

    private static func huggingFace() -> JSONValue {
        var json = TinyFile.huggingFace()
        guard case .object(var object) = json, var added = object["added_tokens"]?.arrayValue
        else { return .null }
        let count = TinyVocabulary.byteLevel().pieces.count
        for (index, name) in names.enumerated() {
            added.append([
                "id": .integer(count + index), "content": .string(name), "special": false,
            ])
        }
        object["added_tokens"] = .array(added)
        json = .object(object)
        return json
    }

    private static func tokenizer(_ kind: String) throws -> any Tokenizer {
        switch kind {
        case "tokenizer.json":
            try TokenizerLoader.load(huggingFace().serializedBytes(), file: "tiny.json")
        case "tokenizer.model":
            try TokenizerLoader.load(
                TinyFile.sentencePieceModel(sentencePiece()), file: "tiny.model")
        default: try GGUFVocabulary.tokenizer(of: gguf(kind), file: "tiny.gguf")
        }
    }

    @Test(arguments: ["llama", "gpt2", "tokenizer.json", "tokenizer.model"])
    func `a turn's end that is stored as text ends an answer and has no text`(
        kind: String
    ) throws {
        let tokenizer = try Self.tokenizer(kind)
        let end = try #require(tokenizer.id(ofControl: "<|im_end|>"))
        #expect(tokenizer.eosTokenIDs.contains(end))
        #expect(tokenizer.isControl(end) && tokenizer.bytes(of: end).isEmpty)
        #expect(tokenizer.id(ofControl: "<|im_start|>") != nil)
        #expect(!tokenizer.eosTokenIDs.contains(end + 1))
    }

    @Test(arguments: ["llama", "gpt2", "tokenizer.json", "tokenizer.model"])
    func `only a template's own text names what looks like a control token`(kind: String) throws {
        let tokenizer = try Self.tokenizer(kind)
        let end = try #require(tokenizer.id(ofControl: "<|im_end|>"))
        for (offset, name) in Self.names.enumerated() {
            let id = end + Int32(offset)
            let isText = name == "<think>"
            #expect(tokenizer.encode([.templated(name)]).contains(id))
            #expect(tokenizer.encode([.text(name)]).contains(id) == isText)
            #expect(tokenizer.encode(name, addSpecial: false).contains(id) == isText)
        }
        #expect(tokenizer.decode([end + 2]) == "<|mine|>")
    }

    @Test func `ordinary text that is spelled like a marker stays text`() throws {
        var vocabulary = TinyVocabulary.sentencePiece(["<PRE>", "[EOS]", "<|im_end|>"])
        vocabulary.kinds[vocabulary.pieces.count - 1] = .normal
        let tokenizer = try TokenizerLoader.load(
            TinyFile.sentencePieceModel(vocabulary), file: "tiny.model")
        #expect(tokenizer.id(ofControl: "<PRE>") == nil)
        #expect(tokenizer.id(ofControl: "[EOS]") == nil)
        #expect(tokenizer.id(ofControl: "<|im_end|>") != nil)
    }

    @Test func `what ends a message of Harmony does not end its answer`() throws {
        var metadata = GGUFVocabularyTests.byteLevel()
        let names = ["<|return|>", "<|call|>"]
        metadata["tokenizer.ggml.tokens"] = .array(
            .string(TinyVocabulary.byteLevel().pieces + names))
        metadata["tokenizer.ggml.token_type"] = .array(
            .int32(TinyVocabulary.byteLevel().kinds.map { Int32($0.rawValue) } + [3, 3]))
        metadata["tokenizer.ggml.eos_token_id"] = nil
        let tokenizer = try GGUFVocabularyTests.load(metadata)
        #expect(
            tokenizer.eosTokenIDs == Set(names.compactMap { tokenizer.id(ofControl: $0) }))
    }

    @Test func `a prompt that begins with BOS gets no other`() throws {
        let tokenizer = try Self.sentencePiece().tokenizer()
        #expect(tokenizer.encode(prompt: "<s>a", addSpecial: true).prefix(2).count { $0 == 1 } == 1)
        #expect(
            tokenizer.encode(prompt: "<s>a", addSpecial: true)
                == tokenizer.encode(prompt: "a", addSpecial: true))
        #expect(!tokenizer.encode(prompt: "a", addSpecial: false).contains(1))
        #expect(tokenizer.encode(prompt: "a</s>", addSpecial: true).last == 2)
    }

    @Test func `decoding writes control tokens by name where asked`() throws {
        let tokenizer = try Self.sentencePiece().tokenizer()
        let ids = tokenizer.encode(prompt: "a</s>", addSpecial: true)
        #expect(tokenizer.decode(ids, namesControls: true) == "<s>a</s>")
        #expect(tokenizer.decode(ids) == "a")
    }
}
