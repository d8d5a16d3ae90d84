// SPDX-License-Identifier: Apache-2.0

import Architectures
import Foundation
import JSON
import ModelFiles
import Testing
import Tokenization

struct TokenizerLoaderTests {
    /// Runs with a folder of these files, which is removed afterwards.
    static func withFolder(
        _ files: [String: [UInt8]], _ body: (String) throws -> Void
    ) throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
            "cierzo-\(UInt64.random(in: 0...(.max)))")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        for (name, bytes) in files { try Data(bytes).write(to: folder.appending(path: name)) }
        try body(folder.path)
    }

    @Test func `Mistral's own files come first, then Hugging Face's`() {
        let names = ["config.json", "tokenizer.json", "tokenizer.model", "tokenizer.model.v3"]
        #expect(TokenizerLoader.preferredName(names + ["tekken.json"]) == "tekken.json")
        #expect(TokenizerLoader.preferredName(names) == "tokenizer.json")
        #expect(
            TokenizerLoader.preferredName(["tokenizer.model.v3", "tokenizer.model.v7m1"])
                == "tokenizer.model.v7m1")
        #expect(TokenizerLoader.preferredName(["tokenizer.model", "x.model.v3"]) == "x.model.v3")
        #expect(TokenizerLoader.preferredName(["config.json"]) == nil)
    }

    @Test func `the files beside the vocabulary say what begins and ends a text`() throws {
        let files: [String: [UInt8]] = [
            "tokenizer.json": TinyFile.huggingFace().serializedBytes(),
            "tokenizer_config.json": Array(
                #"{"bos_token":{"content":"<|start|>"},"eos_token":"<|end|>","add_bos_token":true}"#
                    .utf8),
            "generation_config.json": Array(#"{"eos_token_id":[5,9]}"#.utf8),
            "config.json": Array(#"{"eos_token_id":7}"#.utf8),
        ]
        try Self.withFolder(files) { folder in
            let tokenizer = try TokenizerLoader.load(path: folder)
            let end = try #require(tokenizer.id(ofControl: "<|end|>"))
            #expect(tokenizer.bosTokenID == tokenizer.id(ofControl: "<|start|>"))
            #expect(tokenizer.eosTokenIDs == [5, 7, 9, end])
            #expect(tokenizer.addsBOS && !tokenizer.addsEOS)
        }
    }

    private static func version(_ files: [String: [UInt8]]) throws -> String? {
        var result: String?
        try withFolder(files) { path in
            let folder = ModelFolder(path: path)
            let version = try TokenizerLoader.mistralVersion(
                in: folder, TokenizerLoader.vocabulary(in: folder))
            #expect(version == nil || version?.file.hasPrefix(path) == true)
            result = version?.name
        }
        return result
    }

    @Test func `Mistral's own file may state how much the model reasons`() throws {
        guard case .object(var file) = TinyFile.tekken() else { return }
        for effort: JSONValue in ["high", nil] {
            file["model_settings_builder"] = ["reasoning_effort": ["default": effort]]
            try Self.withFolder(["tekken.json": JSONValue.object(file).serializedBytes()]) { path in
                let folder = ModelFolder(path: path)
                let version = try TokenizerLoader.mistralVersion(
                    in: folder, TokenizerLoader.vocabulary(in: folder))
                #expect(version?.reasoningEffort == effort.stringValue)
            }
        }
    }

    @Test func `Mistral's own files state the version of their prompts`() throws {
        let model = TinyFile.sentencePieceModel(TinyVocabulary.sentencePiece(["a"]))
        var plain = TinyVocabulary.sentencePiece(["a"])
        plain.pieces[3] = "b"
        let first = TinyFile.sentencePieceModel(plain)
        #expect(try Self.version(["tekken.json": TinyFile.tekken().serializedBytes()]) == "v3")
        #expect(try Self.version(["tokenizer.model.v1": model]) == "v1")
        #expect(try Self.version(["x.model.v2": model, "y.model.v7m1": model]) == "v7m1")
        #expect(try Self.version(["tokenizer.model": first, "params.json": []]) == "v1")
        #expect(try Self.version(["tokenizer.model": model, "params.json": []]) == nil)
        #expect(try Self.version(["tokenizer.model": first]) == nil)
        #expect(
            try Self.version(["tokenizer.json": TinyFile.huggingFace().serializedBytes()]) == nil)
    }

    @Test func `an added end of sequence is never read out of a message`() throws {
        let count = TinyVocabulary.sentencePiece().pieces.count
        let files: [String: [UInt8]] = [
            "tokenizer.model": TinyFile.sentencePieceModel(TinyVocabulary.sentencePiece()),
            "added_tokens.json": Array(#"{"</assistant>":\#(count)}"#.utf8),
            "tokenizer_config.json": Array(#"{"eos_token":"</assistant>"}"#.utf8),
        ]
        try Self.withFolder(files) { folder in
            let tokenizer = try TokenizerLoader.load(path: folder)
            #expect(tokenizer.eosTokenIDs.contains(Int32(count)))
            #expect(!tokenizer.encode([.text("</assistant>")]).contains(Int32(count)))
            #expect(tokenizer.encode([.templated("</assistant>")]) == [Int32(count)])
        }
    }

    @Test func `tokens that files add to a tokenizer.model come behind its own`() throws {
        let count = TinyVocabulary.sentencePiece().pieces.count
        let files: [String: [UInt8]] = [
            "tokenizer.model": TinyFile.sentencePieceModel(TinyVocabulary.sentencePiece()),
            "added_tokens.json": Array(
                #"{"<|im_end|>":\#(count),"[PAD]":\#(count + 1),"<tool>":\#(count + 2)}"#.utf8),
            "special_tokens_map.json": Array(
                #"{"eos_token":"<|im_end|>","pad_token":{"content":"[PAD]"}}"#.utf8),
        ]
        try Self.withFolder(files) { folder in
            let tokenizer = try TokenizerLoader.load(path: folder)
            let (end, pad, tool) = (Int32(count), Int32(count + 1), Int32(count + 2))
            #expect(tokenizer.vocabularyCount == count + 3)
            #expect(tokenizer.eosTokenID == end && tokenizer.eosTokenIDs == [2, end])
            #expect(tokenizer.id(ofControl: "[PAD]") == pad)
            #expect(
                tokenizer.encode([.text("<|im_end|><tool>[PAD]"), .templated("<|im_end|>[PAD]")])
                    .filter { $0 >= end } == [tool, end, pad])
            #expect(tokenizer.decode([end, tool, pad]) == "<tool>")
        }
    }

    @Test(arguments: [
        ("added_tokens.json", "[]", "content"), ("added_tokens.json", #"{"<x>":-1}"#, "<x>"),
        ("added_tokens.json", #"{"<x>":"7"}"#, "<x>"), ("added_tokens.json", #"{"":7}"#, "id in"),
        ("added_tokens.json", #"{"<x>":9223372036854775807}"#, "<x>"),
        ("special_tokens_map.json", "1", "content"),
        ("special_tokens_map.json", #"{"eos_token":1}"#, "eos_token"),
        ("tokenizer_config.json", #"{"added_tokens_decoder":{"x":{"content":"a"}}}"#, "decoder"),
        ("tokenizer_config.json", #"{"added_tokens_decoder":{"7":{"special":true}}}"#, "decoder"),
        ("tokenizer_config.json", #"{"additional_special_tokens":[1]}"#, "additional"),
    ])
    func `damaged lists of added tokens are errors that name the field`(
        name: String, text: String, message: String
    ) throws {
        let files = [
            "tokenizer.model": TinyFile.sentencePieceModel(TinyVocabulary.sentencePiece()),
            name: Array(text.utf8),
        ]
        try Self.withFolder(files) { folder in
            let error = try #require(throws: TokenizerError.self) {
                try TokenizerLoader.load(path: folder)
            }
            #expect(error.description.contains(message), "\(error)")
        }
    }

    @Test func `tokenizer_config.json lists the added tokens, too, and wins`() throws {
        let count = TinyVocabulary.sentencePiece().pieces.count
        let files: [String: [UInt8]] = [
            "tokenizer.model": TinyFile.sentencePieceModel(TinyVocabulary.sentencePiece()),
            "added_tokens.json": Array(#"{"<old>":\#(count + 1)}"#.utf8),
            "tokenizer_config.json": Array(
                #"{"added_tokens_decoder":{"2":{"content":"</s>","special":true},"#
                    .appending(#""\#(count + 1)":{"content":"<new>","special":true}}}"#).utf8),
        ]
        try Self.withFolder(files) { folder in
            let tokenizer = try TokenizerLoader.load(path: folder)
            #expect(tokenizer.vocabularyCount == count + 2)
            #expect(tokenizer.id(ofControl: "<new>") == Int32(count + 1))
            #expect(tokenizer.id(ofControl: "<old>") == nil)
            #expect(tokenizer.encode("a", addSpecial: true).first == 1)
        }
    }

    @Test func `added tokens without rows are left out, ordinary ones never`() throws {
        var content = VocabularyContent.byteLevel(TinyVocabulary.byteLevel())
        let count = content.count
        #expect(content.removeAddedTokens(beyond: count - 4).isEmpty)
        #expect(content.count == count)
        #expect(content.removeAddedTokens(beyond: count - 2) == ["<|start|>", "<tool>"])
        let tokenizer = try content.tokenizer()
        #expect(tokenizer.vocabularyCount == count - 2 && tokenizer.bosTokenID == nil)
        #expect(tokenizer.eosTokenIDs == [Int32(count - 3)])
        #expect(
            tokenizer.encode([.templated("<|start|><tool>")]).allSatisfy { $0 < Int32(count - 3) })
        var characters = VocabularyContent.sentencePiece(
            TinyVocabulary.sentencePiece(["a", "<x>"], kinds: ["<x>": .userDefined]))
        let rowCount = characters.count - 1
        #expect(characters.removeAddedTokens(beyond: rowCount) == ["<x>"])
        #expect(try characters.tokenizer().vocabularyCount == rowCount)
    }

    @Test(arguments: GoldenVocabulary.smollm2)
    func `the default model's tokenizer comes out of its GGUF file`(
        vocabulary: GoldenVocabulary
    ) throws {
        let loaded = try TokenizerLoader.load(try ModelFile.open(path: vocabulary.path))
        let tokenizer = loaded.tokenizer
        #expect(loaded.warnings.isEmpty && loaded.mistralVersion == nil)
        #expect(tokenizer.vocabularyCount == 49_152)
        #expect(tokenizer.bosTokenID == 1 && !tokenizer.addsBOS && !tokenizer.addsEOS)
        #expect(tokenizer.eosTokenIDs == [0, 2])
        let prompt: [PromptSegment] = [
            .templated("<|im_start|>user\n"), .text("Hi <|im_end|>"), .templated("<|im_end|>\n"),
        ]
        #expect(
            tokenizer.encode(prompt).map { tokenizer.piece(of: $0) } == [
                "<|im_start|>", "user", "Ċ", "Hi", "Ġ<", "|", "im", "_", "end", "|", ">",
                "<|im_end|>", "Ċ",
            ])
    }

    @Test func `what is missing or no file is an error that names the path`() throws {
        try Self.withFolder(["config.json": []]) { folder in
            #expect(throws: TokenizerError.missing(path: folder)) {
                try TokenizerLoader.load(path: folder)
            }
            #expect(throws: TokenizerError.self) { try TokenizerLoader.load(path: folder + "/no") }
            #expect(throws: TokenizerError.self) { try TokenizerLoader.load(path: "/dev/zero") }
        }
    }

    @Test(arguments: ["tokenizer.json", "tokenizer.model", "tekken.json"])
    func `a pointer of Git LFS is an error that says how to get the file`(name: String) throws {
        let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"
        try Self.withFolder([name: Array(pointer.utf8)]) { folder in
            let error = #expect(throws: TokenizerError.self) {
                try TokenizerLoader.load(path: folder)
            }
            #expect(error?.description.contains("git lfs pull") == true)
        }
    }
}
