// SPDX-License-Identifier: Apache-2.0

import ModelFiles
import Testing
import Tokenization

struct GGUFVocabularyTests {
    static func sentencePiece() -> GGUFMetadata {
        let vocabulary = TinyVocabulary.sentencePiece()
        guard case .scores(let scores) = vocabulary.order else { return GGUFMetadata() }
        return [
            "tokenizer.ggml.model": .string("llama"),
            "tokenizer.ggml.tokens": .array(.string(vocabulary.pieces)),
            "tokenizer.ggml.scores": .array(.float32(scores)),
            "tokenizer.ggml.token_type": .array(
                .int32(vocabulary.kinds.map { Int32($0.rawValue) })),
        ]
    }

    static func byteLevel() -> GGUFMetadata {
        let vocabulary = TinyVocabulary.byteLevel()
        let end = UInt32(vocabulary.pieces.count - 3)
        return [
            "tokenizer.ggml.model": .string("gpt2"), "tokenizer.ggml.pre": .string("gpt-2"),
            "tokenizer.ggml.tokens": .array(.string(vocabulary.pieces)),
            "tokenizer.ggml.token_type": .array(
                .int32(vocabulary.kinds.map { Int32($0.rawValue) })),
            "tokenizer.ggml.merges": .array(
                .string(vocabulary.merges.map { "\($0.left) \($0.right)" })),
            "tokenizer.ggml.bos_token_id": .uint32(end + 1),
            "tokenizer.ggml.eos_token_id": .uint32(end),
        ]
    }

    static func complaint(_ metadata: GGUFMetadata) -> String {
        do {
            _ = try GGUFVocabulary.tokenizer(of: metadata, file: "tiny.gguf")
            return "none"
        } catch {
            return error.description
        }
    }

    static func load(_ metadata: GGUFMetadata) throws -> any Tokenizer {
        try GGUFVocabulary.tokenizer(of: metadata, file: "tiny.gguf")
    }

    @Test func `a llama vocabulary gives SentencePiece's ids and asks for BOS`() throws {
        let tokenizer = try Self.load(Self.sentencePiece())
        let same = try TinyVocabulary.sentencePiece().tokenizer()
        #expect(tokenizer.pieces("abc é€<user>") == same.pieces("abc é€<user>"))
        #expect(tokenizer.bosTokenID == 1 && tokenizer.addsBOS && tokenizer.eosTokenIDs == [2])
    }

    /// Merges go by their order, not by scores, and over line breaks.
    private static func gemma() -> GGUFMetadata {
        let pieces =
            ["<pad>", "<eos>", "<bos>", "<unk>", "<turn|>", "<|tool_response>", "<|\"|>"]
            + TinyVocabulary.bytePieces + ["▁", "a", "b", "\n", "ab", "▁a", "\n\n", "\n\n\n"]
        let kinds = [3, 3, 3, 3, 3, 4, 4] + TinyVocabulary.bytePieces.map { _ in 6 }
        return [
            "tokenizer.ggml.model": .string("gemma4"),
            "tokenizer.ggml.tokens": .array(.string(pieces)),
            "tokenizer.ggml.token_type": .array(
                .int32(
                    kinds.map { Int32($0) }
                        + [Int32](repeating: 1, count: pieces.count - kinds.count))),
            "tokenizer.ggml.merges": .array(
                .string(["\n\n \n", "\n \n", "▁ a", "a b"])),
            "tokenizer.ggml.add_space_prefix": .bool(false),
            "tokenizer.ggml.add_bos_token": .bool(false),
        ]
    }

    @Test func `a gemma4 vocabulary merges by its list and always asks for BOS`() throws {
        let tokenizer = try Self.load(Self.gemma())

        #expect(tokenizer.pieces("ab ab") == ["ab", "▁a", "b"])
        #expect(tokenizer.pieces("a\n\n\n\nb") == ["a", "\n\n\n", "\n", "b"])
        #expect(tokenizer.pieces("é") == ["<0xC3>", "<0xA9>"])
        // Only templates write the quotes of calls.
        #expect(tokenizer.encode([.templated("<|\"|>")]) == [6])
        #expect(!tokenizer.encode([.text("<|\"|>")]).contains(6))
        #expect(tokenizer.bosTokenID == 2 && tokenizer.addsBOS)
        // The end of the text, of a turn, and of calls.
        #expect(tokenizer.eosTokenIDs == [1, 4, 5])
        #expect(tokenizer.decode(tokenizer.encode("a é b\n", addSpecial: true)) == "a é b\n")
    }

    @Test func `a gemma4 vocabulary is written as it was read`() throws {
        var warnings: [String] = []
        let content = try GGUFVocabulary.vocabulary(
            of: Self.gemma(), file: "tiny.gguf", warnings: &warnings)
        let written = try content.ggufMetadata(size: 280, stops: [])

        #expect(written["tokenizer.ggml.model"] == .string("gemma4"))
        let tokenizer = try Self.load(written)
        #expect(tokenizer.pieces("ab ab\n\n") == ["ab", "▁a", "b", "\n\n"])
        #expect(tokenizer.eosTokenIDs == [1, 4, 5])
    }

    @Test func `a gemma4 vocabulary without merges is named`() {
        var metadata = Self.gemma()
        metadata["tokenizer.ggml.merges"] = nil
        #expect(Self.complaint(metadata).contains("tokenizer.ggml.merges: expected an array"))
        metadata["tokenizer.ggml.merges"] = .array(.string(["ab"]))
        #expect(Self.complaint(metadata).contains("merges[0]"))
    }

    @Test func `a gpt2 vocabulary splits words by its pre-tokenizer`() throws {
        var metadata = Self.byteLevel()
        #expect(try Self.load(metadata).pieces("low 12") == ["low", "Ġ", "1", "2"])
        metadata["tokenizer.ggml.pre"] = .string("smollm")
        #expect(try Self.load(metadata).pieces("low 12") == ["low", "Ġ", "1", "2"])
        #expect(try !Self.load(metadata).addsBOS)
        metadata["tokenizer.ggml.pre"] = .string("llama-bpe")
        #expect(try Self.load(metadata).addsBOS)
        metadata["tokenizer.ggml.add_bos_token"] = .bool(false)
        #expect(try !Self.load(metadata).addsBOS)
    }

    @Test func `every end that the file names ends an answer`() throws {
        var metadata = Self.byteLevel()
        metadata["tokenizer.ggml.eos_token_id"] = .uint32(7)
        metadata["tokenizer.ggml.eot_token_id"] = .uint32(8)
        metadata["tokenizer.ggml.eom_token_id"] = .uint32(.max)
        let tokenizer = try Self.load(metadata)
        let end = try #require(tokenizer.id(ofControl: "<|end|>"))
        #expect(tokenizer.eosTokenIDs == [7, 8, end])
    }

    @Test func `an id beyond the vocabulary is left out with a warning`() throws {
        var metadata = Self.byteLevel()
        metadata["tokenizer.ggml.bos_token_id"] = .uint32(265)
        metadata["tokenizer.ggml.eos_token_id"] = .uint32(1_000)
        metadata["tokenizer.ggml.eot_token_id"] = .int32(-1)
        var warnings: [String] = []
        let tokenizer = try GGUFVocabulary.vocabulary(
            of: metadata, file: "tiny.gguf", warnings: &warnings
        ).tokenizer()
        #expect(tokenizer.bosTokenID == nil)
        #expect(tokenizer.eosTokenIDs == [tokenizer.id(ofControl: "<|end|>")])
        #expect(warnings.count == 2 && warnings[0].contains("bos_token_id is 265"))
    }

    @Test(arguments: [
        ("model", GGUFValue.string("rwkv"), "model"),
        ("model", .uint32(1), "model"),
        ("model", nil, "model"),
        ("pre", .string("whitespace"), "whitespace"),
        ("tokens", nil, "tokens"),
        ("tokens", .array(.int32([1, 2])), "tokens"),
        ("tokens", .array(.string([])), "tokens"),
        ("token_type", .array(.int32([1, 2])), "token_type"),
        ("token_type", .array(.int32(Array(repeating: 9, count: 265))), "token_type[0]"),
        ("token_type", .array(.int32(Array(repeating: -1, count: 265))), "token_type[0]"),
        ("merges", nil, "merges"),
        ("merges", .array(.string(["lo"])), "merges[0]"),
        ("merges", .array(.string(["l "])), "merges[0]"),
        ("merges", .array(.string(["l q"])), "merge 0"),
        ("bos_token_id", .int64(-7), "bos_token_id"),
        ("bos_token_id", .uint64(.max), "bos_token_id"),
        ("eos_token_id", .string("2"), "eos_token_id"),
        ("add_bos_token", .uint8(1), "add_bos_token"),
    ])
    func `a damaged gpt2 vocabulary is an error that names the key`(
        key: String, value: GGUFValue?, message: String
    ) {
        var metadata = Self.byteLevel()
        metadata["tokenizer.ggml.\(key)"] = value
        #expect(Self.complaint(metadata).contains(message), "\(Self.complaint(metadata))")
    }

    @Test(arguments: [
        ("scores", nil, "scores"),
        ("scores", GGUFValue.array(.float32([1])), "scores"),
        ("scores", .array(.float32(Array(repeating: .nan, count: 274))), "score of token 0"),
        ("token_type", .array(.int32(Array(repeating: 6, count: 274))), "names no byte"),
        ("add_space_prefix", .string("yes"), "add_space_prefix"),
    ])
    func `a damaged llama vocabulary is an error that names the key`(
        key: String, value: GGUFValue?, message: String
    ) {
        var metadata = Self.sentencePiece()
        metadata["tokenizer.ggml.\(key)"] = value
        #expect(Self.complaint(metadata).contains(message), "\(Self.complaint(metadata))")
    }

    @Test func `vocabularies of nothing but doubles, empty tokens or equal scores still encode`()
        throws
    {
        var metadata = Self.sentencePiece()
        let count = TinyVocabulary.sentencePiece().pieces.count
        metadata["tokenizer.ggml.scores"] = .array(.float32(Array(repeating: 0, count: count)))
        #expect(
            try Self.load(metadata).decode(Self.load(metadata).encode("abc", addSpecial: false))
                == "abc")
        metadata["tokenizer.ggml.token_type"] = nil
        for piece in ["", "a", "▁"] {
            metadata["tokenizer.ggml.tokens"] = .array(
                .string(Array(repeating: piece, count: count)))
            _ = try Self.load(metadata).encode("a b", addSpecial: true)
        }
        metadata["tokenizer.ggml.scores"] = .array(
            .float32(Array(repeating: -.infinity, count: count)))
        _ = try Self.load(metadata).encode("a b", addSpecial: true)
    }
}
