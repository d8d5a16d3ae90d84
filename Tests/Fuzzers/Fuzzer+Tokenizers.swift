// SPDX-License-Identifier: Apache-2.0

import JSON
import Tokenization

extension Fuzzer {
    static let tokenizers =
        ["tekken", "tokenizer-json", "sentencepiece"].map { name in
            Fuzzer(name) { input in problem(of: try TokenizerLoader.load(input, file: name)) }
        } + [wordPiece, characterMap, tiktoken, text, detokenizer]

    /// What must hold of a vocabulary that was accepted.
    static func problem(of tokenizer: any Tokenizer) -> String? {
        let count = tokenizer.vocabularyCount
        for id in tokenizer.encode("He\u{301}llo  wörld 😀\n\u{0}42", addSpecial: true)
        where id < 0 || id >= count {
            return "the token \(id) is none of \(count)"
        }
        for id in (tokenizer.eosTokenIDs.map { $0 } + [tokenizer.bosTokenID].compactMap { $0 })
        where id < 0 || id >= count {
            return "the special token \(id) is none of \(count)"
        }
        for id in [0, Int32(count / 2), Int32(count - 1)] where id >= 0 && count > 0 {
            _ = (tokenizer.bytes(of: id), tokenizer.piece(of: id), tokenizer.isControl(id))
        }
        return nil
    }

    private static let wordPiece = Fuzzer("wordpiece") { input in
        let parts = input.parts(2)
        let settings = try JSONParser.parse(parts[1].isEmpty ? Array("null".utf8) : parts[1])
        let vocabulary = try WordPieceFile.vocabulary(
            ofLines: parts[0], configuration: settings, file: "vocab.txt")
        return problem(of: try vocabulary.tokenizer())
    }

    /// A text, and a map: what the map makes of the text is text, and no longer than rules allow.
    private static let characterMap = Fuzzer("character-map") { input in
        let parts = input.parts(2)
        let text = Array(parts[0].text.utf8)
        let map = try CharacterMap(parts[1])
        for choice in [CharacterMap.Choice.longest, .shortestOfCluster] {
            let result = map.apply(to: text, choice)
            if String(validating: result, as: UTF8.self) == nil { return "made no UTF-8" }
            if result.count > 256 * text.count {
                return "\(text.count) bytes became \(result.count)"
            }
        }
        return nil
    }

    private static let tiktoken = Fuzzer("tiktoken") { input in
        problem(of: try TiktokenFile.tokenizer(of: input, file: "tiktoken.model"))
    }

    private static let byteVocabulary: Result<VocabularyTokenizer, TokenizerError> = {
        var ranked = ByteStrings()
        for byte in UInt8(0)...255 { ranked.append([byte]) }
        for token in ["lo", "low", " low", "er", "aa", "aaaa", "  ", "\n\n", "é"] {
            ranked.append(token.utf8)
        }
        return Result { () throws(TokenizerError) in
            try RankedVocabulary(
                file: "tiny", specialNames: ["<unk>", "<s>", "</s>"], ranked: ranked,
                special: SpecialTokens(bos: 1, eos: 2, addsBOS: true),
                preTokenizer: PreTokenizer([.words(.tekken)])
            ).tokenizer()
        }
    }()

    /// Texts: their tokens have their bytes.
    private static let text = Fuzzer("text") { input in
        let tokenizer = try byteVocabulary.get()
        let text = input.text
        var bytes: [UInt8] = []
        for token in tokenizer.encode(text, addSpecial: false) {
            tokenizer.append(bytesOf: token, to: &bytes)
        }
        guard bytes.elementsEqual(text.utf8) else { return "its tokens have other bytes" }
        let composed = CanonicalComposition.compose(bytes)
        guard String(validating: composed, as: UTF8.self) != nil else {
            return "composed, it is no UTF-8"
        }
        return composed.text == text ? nil : "composed, it is another text"
    }

    /// Tokens whose bytes are any: what streams is what the bytes read as.
    private static let detokenizer = Fuzzer("detokenizer") { input in
        let tokenizer = try byteVocabulary.get()
        var stream = StreamingDetokenizer(tokenizer: tokenizer)
        var text = ""
        for byte in input { text += stream.append(3 + Int32(byte)) }
        text += stream.flush()
        return text.utf8.elementsEqual(input.text.utf8) ? nil : "streams another text"
    }
}
