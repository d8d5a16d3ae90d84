// SPDX-License-Identifier: Apache-2.0

import Foundation
import JSON
import ModelFiles
import Testing
import Tokenization

/// Unigram models and maps of characters, against SentencePiece and tokenizers; the golden is made by
/// scripts/goldens/make-unigram-goldens.py.
struct UnigramTests {
    private static let golden = Result { try Golden.read("unigram") }

    private static func bytes(_ group: String, _ name: String) throws -> [UInt8] {
        let text = try #require(try golden.get()[group]?[name]?.stringValue)
        return [UInt8](try #require(Data(base64Encoded: text)))
    }

    /// Compares the ids of all strings, but for those that spell special tokens: no text of a client
    /// may name these here.
    private static func compare(
        _ tokenizer: any Tokenizer, with name: String, sparing spared: [String] = []
    ) throws {
        let hashes = try Golden.hashes(golden.get()["hashes"]?[name])
        let texts = try Golden.strings()
        #expect(texts.count == hashes.count)
        for (text, hash) in zip(texts, hashes)
        where !spared.contains(where: { text.utf8.firstRange(of: $0.utf8) != nil }) {
            let ids = tokenizer.encode(text, addSpecial: false)
            #expect(Golden.fingerprint(ids) == hash, "\(name) \(text.debugDescription): \(ids)")
        }
    }

    @Test(arguments: ["unigram", "bytes", "pairs"])
    func `ids of a model file are those of SentencePiece`(name: String) throws {
        let model = try Self.bytes("models", name)
        try Self.compare(try TokenizerLoader.load(model, file: "tokenizer.model"), with: name)
    }

    /// The content of a model file, for files of other formats.
    private static func content(_ name: String) throws -> SentencePieceVocabulary {
        let model = try bytes("models", name)
        var content: SentencePieceVocabulary?
        try TokenizerLoaderTests.withFolder(["tokenizer.model": model]) { folder in
            let read = try TokenizerLoader.vocabulary(in: ModelFolder(path: folder))
            if case .sentencePiece(let vocabulary) = read { content = vocabulary }
        }
        return try #require(content)
    }

    @Test(arguments: ["unigram", "bytes"])
    func `ids of a GGUF file are those of SentencePiece`(name: String) throws {
        let vocabulary = try Self.content(name)
        guard case .unigram(let scores, true) = vocabulary.order else { return }
        var metadata = GGUFMetadata()
        func set(_ key: String, _ value: GGUFValue) { metadata["tokenizer.ggml.\(key)"] = value }
        set("model", .string("t5"))
        set("tokens", .array(.string(vocabulary.pieces)))
        set("scores", .array(.float32(scores.map { Float($0) })))
        set("token_type", .array(.int32(vocabulary.kinds.map { Int32($0.rawValue) })))
        set("precompiled_charsmap", .array(.uint8(try Self.bytes("maps", name))))
        set("unknown_token_id", .uint32(0))
        set("remove_extra_whitespaces", .bool(vocabulary.spaces.removesExtraSpaces))
        try Self.compare(try GGUFVocabulary.tokenizer(of: metadata, file: "tiny.gguf"), with: name)
        set("precompiled_charsmap", .array(.int8([1, 0, 0, 0])))
        let error = #expect(throws: TokenizerError.self) {
            try GGUFVocabulary.tokenizer(of: metadata, file: "tiny.gguf")
        }
        #expect(error?.description.contains("tokenizer.ggml.precompiled_charsmap") == true)
    }

    /// A tokenizer.json of a model's pieces, with a pipeline of published files.
    private static func file(_ name: String, _ steps: String) throws -> JSONValue {
        let vocabulary = try content(name)
        guard case .unigram(let scores, _) = vocabulary.order else { return nil }
        let pieces = zip(vocabulary.pieces, scores).map { piece, score -> JSONValue in
            [.string(piece), .number(score)]
        }
        let map = try #require(try golden.get()["maps"]?[name]?.stringValue)
        let pipeline = try #require(try golden.get()["steps"]?[steps]).serialized()
        let filled = try JSONParser.parse(
            Array(pipeline.replacingOccurrences(of: "MAP", with: map).utf8))
        return [
            "added_tokens": [], "normalizer": try #require(filled["normalizer"]),
            "pre_tokenizer": try #require(filled["pre_tokenizer"]),
            "model": [
                "type": "Unigram", "unk_id": 0, "vocab": .array(pieces),
                "byte_fallback": .bool(name == "bytes"),
            ],
        ]
    }

    @Test(
        arguments: ["unigram", "bytes"], ["words", "collapsed", "stripped", "whole"])
    func `ids of a tokenizer file are those of tokenizers`(name: String, steps: String) throws {
        let file = try Self.file(name, steps)
        let tokenizer = try TokenizerLoader.load(file.serializedBytes(), file: "tokenizer.json")
        try Self.compare(tokenizer, with: "\(name)-\(steps)", sparing: ["<unk>", "<0x"])
    }

    @Test func `a map that does not fit together is refused`() throws {
        let map = try Self.bytes("maps", "unigram")
        #expect(throws: Never.self) { try CharacterMap(map) }
        for count in [0, 4, 8, 100] {
            #expect(throws: CharacterMap.Failure.self) { try CharacterMap(Array(map[..<count])) }
        }
        var other = map
        other[0] ^= 1
        #expect(throws: CharacterMap.Failure.self) { try CharacterMap(other) }
        other = map
        other[map.count - 2] = 0xFF
        #expect(throws: CharacterMap.Failure.self) { try CharacterMap(other) }
        other = map.dropLast() + [UInt8](repeating: 0x61, count: 300)
        #expect(throws: CharacterMap.Failure.self) { try CharacterMap(other) }
    }

    @Test func `a map whose trie has a loop is left after some bytes`() throws {
        // From the first node an `a` leads back to it; the rule is for any number of them.
        var units = [UInt32](repeating: 0, count: 0x162)
        units[0] = 0x100 << 10
        units[0x161] = 0x61 | 0x61 << 10 | 0x100
        units[0x100] = 0x8000_0000
        var bytes: [UInt8] = []
        for word in [UInt32(units.count * 4)] + units {
            for shift in [0, 8, 16, 24] { bytes.append(UInt8(truncatingIfNeeded: word >> shift)) }
        }
        let map = try CharacterMap(bytes + [0x62, 0])
        let text = [UInt8](repeating: 0x61, count: 1000)
        #expect(map.apply(to: text, .longest) == [0x62, 0x62, 0x62, 0x62])
    }

    @Test
    func `the longest rule counts in one way, the shortest of a cluster in the other`() throws {
        let map = try CharacterMap(try Self.bytes("maps", "unigram"))
        func apply(_ text: String, _ choice: CharacterMap.Choice) -> String {
            String(decoding: map.apply(to: Array(text.utf8), choice), as: UTF8.self)
        }
        #expect(apply("a\u{FF76}\u{FF9E}b", .longest) == "a\u{30AC}b")
        #expect(
            apply("a\u{FF76}\u{FF9E}b", .shortestOfCluster).unicodeScalars.contains("\u{30AB}"))
        #expect(apply("½\u{301}", .shortestOfCluster) == "1\u{2044}2")
        #expect(apply("x\u{FEFF}y", .longest) == "xy")
    }

    @Test func `scores that are missing or no numbers are refused`() throws {
        var vocabulary = try Self.content("unigram")
        guard case .unigram(var scores, _) = vocabulary.order else { return }
        scores[7] = .nan
        vocabulary.order = .unigram(scores, roundsSums: true)
        #expect(throws: TokenizerError.self) { try vocabulary.tokenizer() }
        vocabulary.order = .unigram([], roundsSums: true)
        #expect(throws: TokenizerError.self) { try vocabulary.tokenizer() }
    }

    private static let damages: [(key: String, value: JSONValue, place: String)] = [
        ("vocab", [:], "model.vocab"), ("vocab", [["a", "b"]], "model.vocab[0]"),
        ("vocab", [["a"]], "model.vocab[0]"), ("unk_id", 999_999, "model.unk_id"),
        ("unk_id", -1, "model.unk_id"),
    ]

    @Test(arguments: damages)
    func `a damaged Unigram model is an error that names the field`(
        key: String, value: JSONValue, place: String
    ) throws {
        guard case .object(var file) = try Self.file("unigram", "words"),
            case .object(var model)? = file["model"]
        else { return }
        model[key] = value
        file["model"] = .object(model)
        let error = #expect(throws: TokenizerError.self) {
            try TokenizerLoader.load(JSONValue.object(file).serializedBytes(), file: "t.json")
        }
        #expect(error?.description.contains(place) == true, "\(error?.description ?? "")")
    }
}
