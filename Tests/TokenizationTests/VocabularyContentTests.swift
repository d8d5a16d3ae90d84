// SPDX-License-Identifier: Apache-2.0

import Foundation
import JSON
import ModelFiles
import Testing
import Tokenization

/// Vocabularies written as GGUF's keys and read again.
@Suite struct VocabularyContentTests {
    private static let texts = [
        "", "Hello world", "  two  spaces", "a b c", "naïve 日本語 🙂", "1234567\n\nx's",
        "the cat sat on the mat",
    ]

    private static func expectSameTokens(_ content: VocabularyContent, spare: Int = 3) throws {
        let tokenizer = try content.tokenizer()
        let size = tokenizer.vocabularyCount + spare
        let metadata = try content.ggufMetadata(size: size, stops: [])
        let written = try GGUFVocabulary.tokenizer(of: metadata, file: "written")
        #expect(written.vocabularyCount == size)
        #expect(written.bosTokenID == tokenizer.bosTokenID)
        #expect(tokenizer.eosTokenID == nil || written.eosTokenID == tokenizer.eosTokenID)
        #expect(written.addsBOS == tokenizer.addsBOS)
        #expect(written.addsEOS == tokenizer.addsEOS)
        for text in texts {
            let expected = tokenizer.encode(text, addSpecial: true)
            #expect(written.encode(text, addSpecial: true) == expected, "\(text)")
        }
        for token in 0..<Int32(tokenizer.vocabularyCount) {
            #expect(written.bytes(of: token) == tokenizer.bytes(of: token))
            #expect(written.isControl(token) == tokenizer.isControl(token))
        }
    }

    @Test func `a vocabulary of characters survives`() throws {
        try Self.expectSameTokens(.sentencePiece(TinyVocabulary.sentencePiece()))
    }

    @Test func `a vocabulary of bytes survives`() throws {
        try Self.expectSameTokens(.byteLevel(TinyVocabulary.byteLevel()))
    }

    @Test func `listed merges become scores that merge the same`() throws {
        for name in ["tokenizer.json", "config.json"] {
            let folder = FileManager.default.temporaryDirectory
                .appendingPathComponent("cierzo-\(UUID().uuidString)")
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            defer { try? FileManager.default.removeItem(at: folder) }
            let json = HuggingFaceCharacterTests.file([
                "normalizer": HuggingFaceCharacterTests.prepend
            ])
            try Data(json.serializedBytes()).write(to: folder.appendingPathComponent(name))
            let model = ModelFolder(path: folder.path)
            if name == "tokenizer.json" {
                try Self.expectSameTokens(TokenizerLoader.vocabulary(in: model))
            } else {
                #expect(throws: TokenizerError.missing(path: folder.path)) {
                    try TokenizerLoader.vocabulary(in: model)
                }
            }
        }
    }

    @Test func `merges that no scores bring about are refused`() {
        var vocabulary = TinyVocabulary.sentencePiece()
        // abc is a token, and a with bc would be, were it listed.
        vocabulary.order = .merges([("a", "b"), ("ab", "c"), ("▁", "a"), ("▁a", "b")])
        vocabulary.pieces.append("bc")
        vocabulary.kinds.append(.normal)
        #expect(throws: TokenizerError.self) {
            try VocabularyContent.sentencePiece(vocabulary).ggufMetadata(size: 300, stops: [])
        }
    }

    @Test func `a vocabulary by ranks alone is refused with advice`() {
        #expect {
            try VocabularyContent.ranked(TinyVocabulary.ranked()).ggufMetadata(size: 300, stops: [])
        } throws: {
            "\($0)".contains("tokenizer.json")
        }
    }

    @Test func `ids without a spelling get names, and further stops are kept`() throws {
        let content = VocabularyContent.byteLevel(TinyVocabulary.byteLevel())
        let metadata = try content.ggufMetadata(size: 270, stops: [7])
        let names = metadata["tokenizer.ggml.tokens"]?.arrayValue?.strings ?? []
        #expect(names.count == 270)
        #expect(Set(names).count == 270)
        #expect(names.last == "[PAD269]")
        #expect(metadata["tokenizer.ggml.eot_token_id"] == .uint32(7))
    }
}
