// SPDX-License-Identifier: Apache-2.0

import JSON
import Testing
import Tokenization

struct TokenizerFileTests {
    static func load(_ json: JSONValue) throws -> any Tokenizer {
        try TokenizerLoader.load(json.serializedBytes(), file: "tiny.json")
    }

    /// The message of the error that a changed file gives.
    static func complaint(_ json: JSONValue) -> String {
        do {
            _ = try load(json)
            return "none"
        } catch {
            return "\(error)"
        }
    }

    /// A JSON value with one of its values changed; the path's parts are keys and indices.
    static func changed(_ json: JSONValue, _ path: [String], to value: JSONValue?) -> JSONValue {
        guard let key = path.first else { return value ?? .null }
        let rest = Array(path.dropFirst())
        if var object = json.objectValue {
            object[key] =
                rest.isEmpty ? value : changed(object[key] ?? .null, rest, to: value)
            return .object(object)
        }
        guard var array = json.arrayValue, let index = Int(key) else { return json }
        array[index] = changed(array[index], rest, to: value)
        return .array(array)
    }

    @Test func `a SentencePiece model gives the ids of its vocabulary`() throws {
        let vocabulary = TinyVocabulary.sentencePiece()
        let bytes = TinyFile.sentencePieceModel(vocabulary)
        let tokenizer = try TokenizerLoader.load(bytes, file: "tiny.model")
        #expect(
            tokenizer.pieces("abc é€<user>") == (try vocabulary.tokenizer()).pieces("abc é€<user>"))
        #expect(tokenizer.bosTokenID == 1 && tokenizer.eosTokenIDs == [2] && tokenizer.addsBOS)
    }

    @Test func `SentencePiece features that are not implemented are refused by name`() {
        func complaint(_ bytes: [UInt8]) -> String {
            do {
                _ = try TokenizerLoader.load(bytes, file: "tiny.model")
                return "none"
            } catch { return error.description }
        }
        let vocabulary = TinyVocabulary.sentencePiece()
        #expect(
            complaint(TinyFile.sentencePieceModel(vocabulary, modelType: 3)).contains("word"))
        #expect(
            complaint(TinyFile.sentencePieceModel(vocabulary, characterMap: "x"))
                .contains("precompiled_charsmap"))
        #expect(
            complaint(TinyFile.sentencePieceModel(vocabulary, bos: 100_000)).contains("bos_id"))
        #expect(complaint([]).contains("there are none"))
        var doubled = vocabulary
        doubled.pieces[261] = "abc"
        #expect(complaint(TinyFile.sentencePieceModel(doubled)).contains("occurs twice"))
        var nameless = vocabulary
        nameless.pieces[7] = "<0xGG>"
        #expect(complaint(TinyFile.sentencePieceModel(nameless)).contains("names no byte"))
    }

    @Test func `tekken's special tokens come first and its text tokens after them`() throws {
        let tokenizer = try Self.load(TinyFile.tekken())
        #expect(tokenizer.vocabularyCount == 282)
        #expect(tokenizer.pieces("low lower") == ["low", " low", "er"])
        #expect(tokenizer.encode("a", addSpecial: true) == [1, 22 + 0x61])
        #expect(tokenizer.id(ofControl: "[INST]") == 3)
        #expect(tokenizer.id(ofControl: "<SPECIAL_21>") == 21)
        #expect(tokenizer.bosTokenID == 1 && tokenizer.eosTokenIDs == [2])
    }

    @Test(arguments: [
        (["config", "pattern"], #""\\w+""#, "pattern"),
        (["config", "pattern"], "7", "config.pattern"),
        (["config", "default_vocab_size"], "-5", "default_vocab_size"),
        (["config", "default_vocab_size"], "99999999999", "default_vocab_size"),
        (["config", "default_vocab_size"], "283", "vocab"),
        (["config", "default_num_special_tokens"], "1e300", "default_num_special_tokens"),
        (["vocab", "3", "rank"], "4", "vocab[3].rank"),
        (["vocab", "3", "token_bytes"], #""A===""#, "vocab[3].token_bytes"),
        (["vocab", "3", "token_bytes"], #""%%%%""#, "vocab[3].token_bytes"),
        (["vocab", "3", "token_bytes"], #""AQ==""#, "byte 3 has no token"),
        (["vocab", "3"], "[]", "vocab[3].rank"),
        (["vocab"], "{}", "vocab"),
        (["special_tokens"], "[{}]", "special_tokens[0]"),
        (["special_tokens"], #"[{"rank":0,"token_str":"a"},{"rank":1,"token_str":"a"}]"#, "[1]"),
    ])
    func `a damaged tekken file is an error that names the field`(
        path: [String], value: String, message: String
    ) throws {
        let json = Self.changed(TinyFile.tekken(), path, to: try JSONParser.parse(value))
        #expect(Self.complaint(json).contains(message), "\(Self.complaint(json))")
    }

    @Test func `a tokenizer file of Hugging Face gives the ids of its vocabulary`() throws {
        let tokenizer = try Self.load(TinyFile.huggingFace())
        let same = try TinyVocabulary.byteLevel().tokenizer()
        let text = "low lower<tool>aaaa 12 €"
        #expect(
            tokenizer.encode(text, addSpecial: true) == same.encode(text, addSpecial: true))
        #expect(tokenizer.id(ofControl: "<|end|>") == same.id(ofControl: "<|end|>"))
        #expect(tokenizer.id(ofControl: "<tool>") == nil)
    }

    /// Files have the ends of lines as the characters, or as a regular expression writes them.
    @Test(arguments: [false, true])
    func `the passes of DeepSeek V3 are known`(escapes: Bool) throws {
        let end = escapes ? #"\r\n"# : "\r\n"
        let expressions = [
            #"\p{N}{1,3}"#, "[一-龥\u{3040}-ゟ゠-ヿ]+",
            ##"[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\##(end)\p{L}\p{P}\p{S}]?"##
                + #"[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\#(end)]*|\s*[\#(end)]+|\s+(?!\S)|\s+"#,
        ]
        var steps = expressions.map { expression -> JSONValue in
            [
                "type": "Split", "pattern": ["Regex": .string(expression)],
                "behavior": "Isolated", "invert": false,
            ]
        }
        steps.append(["type": "ByteLevel", "add_prefix_space": false, "use_regex": false])
        let tokenizer = try Self.load(
            Self.changed(
                TinyFile.huggingFace(), ["pre_tokenizer"],
                to: ["type": "Sequence", "pretokenizers": .array(steps)]))
        let text = "low lower1234 €中文\n"
        #expect(tokenizer.decode(tokenizer.encode(text, addSpecial: false)) == text)
    }

    @Test(arguments: [
        (["model", "vocab", "a"], "-1", #"model.vocab["a"]"#),
        (["model", "vocab", "a"], "99999999999999", #"model.vocab["a"]"#),
        (["model", "vocab", "a"], "1.5", #"model.vocab["a"]"#),
        (["model", "vocab", "a"], "66", "taken already"),
        (["model", "vocab"], "[]", "model.vocab"),
        (["model", "merges", "0"], #""lo""#, "model.merges[0]"),
        (["model", "merges", "0"], #"["l","o","w"]"#, "model.merges[0]"),
        (["model", "merges", "0"], #""l q""#, "merge 0"),
        (["model", "merges"], "7", "model.merges"),
        (["model", "type"], #""WordLevel""#, "WordLevel"),
        (["model", "end_of_word_suffix"], #""</w>""#, "end_of_word_suffix"),
        (["model"], "null", "model"),
        (["added_tokens", "0", "id"], "null", "added_tokens[0].id"),
        (["added_tokens", "0", "id"], "5", "added_tokens[0]"),
        (["added_tokens", "0", "content"], #""""#, "added_tokens[0].content"),
        (["added_tokens"], "{}", "added_tokens"),
        (["normalizer"], #"{"type":"Lowercase"}"#, "Lowercase"),
        (["normalizer"], #"{"type":"Sequence"}"#, "normalizer.normalizers"),
        (["pre_tokenizer"], #"{"type":"Whitespace"}"#, "Whitespace"),
        (["pre_tokenizer"], "null", "neither bytes nor"),
        (["post_processor"], #"{"type":"RobertaProcessing"}"#, "RobertaProcessing"),
        (["post_processor"], #"{"type":"BertProcessing"}"#, "post_processor.cls"),
        (["post_processor"], #"{"type":"TemplateProcessing"}"#, "post_processor.single"),
    ])
    func `a damaged file of Hugging Face is an error that names the field`(
        path: [String], value: String, message: String
    ) throws {
        let json = Self.changed(TinyFile.huggingFace(), path, to: try JSONParser.parse(value))
        #expect(Self.complaint(json).contains(message), "\(Self.complaint(json))")
    }

    @Test func `no damaged byte makes a trap`() throws {
        let files = [
            TinyFile.sentencePieceModel(TinyVocabulary.sentencePiece()),
            TinyFile.tekken().serializedBytes(), TinyFile.huggingFace().serializedBytes(),
        ]
        var generator = SystemRandomNumberGenerator()
        for file in files {
            for round in 0..<300 {
                var bytes = file
                if round % 3 == 0 { bytes.removeLast(Int.random(in: 1...bytes.count)) }
                for _ in 0..<(round % 4) where !bytes.isEmpty {
                    bytes[Int.random(in: 0..<bytes.count)] = generator.next()
                }
                guard let tokenizer = try? TokenizerLoader.load(bytes, file: "damaged") else {
                    continue
                }
                let text = "low lower <|end|> €"
                _ = tokenizer.decode(tokenizer.encode(text, addSpecial: true))
                _ = tokenizer.encode([.templated(text), .control("<s>")])
            }
        }
    }
}
