// SPDX-License-Identifier: Apache-2.0

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

    @Test(arguments: GoldenVocabulary.smollm2)
    func `the default model's tokenizer comes out of its GGUF file`(
        vocabulary: GoldenVocabulary
    ) throws {
        let tokenizer = try TokenizerLoader.load(try ModelFile.open(path: vocabulary.path))
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
}
