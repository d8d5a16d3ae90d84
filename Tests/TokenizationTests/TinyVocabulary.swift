// SPDX-License-Identifier: Apache-2.0

import Tokenization

/// Vocabularies small enough to follow by hand.
enum TinyVocabulary {
    static let bytePieces: [String] = (0..<256).map { byte in
        let digits = String(byte, radix: 16, uppercase: true)
        return "<0x\(byte < 16 ? "0" : "")\(digits)>"
    }

    /// SentencePiece: `<unk> <s> </s> [INST] <user>`, bytes from 5, then pieces from 261, the first
    /// merged first; single characters last.
    static func sentencePiece(
        _ pieces: [String] = [
            "ab", "abc", "▁a", "▁ab", "▁▁", "aa", "aaaa", "a", "b", "c", "d", "▁", "é",
        ],
        kinds: [String: TokenKind] = [:], hasByteFallback: Bool = true,
        spaces: SpaceRule = SpaceRule(prefix: .always)
    ) -> SentencePieceVocabulary {
        let all = ["<unk>", "<s>", "</s>", "[INST]", "<user>"] + bytePieces + pieces
        let fixed: [TokenKind] = [.unknown, .control, .control, .control, .userDefined]
        return SentencePieceVocabulary(
            file: "tiny", pieces: all, order: .scores(all.indices.map { -Float($0) }),
            kinds: fixed + Array(repeating: .byte, count: 256)
                + pieces.map { kinds[$0] ?? .normal },
            special: SpecialTokens(bos: 1, eos: 2, unknown: 0, addsBOS: true), spaces: spaces,
            hasByteFallback: hasByteFallback)
    }

    /// Byte-level BPE: the 256 bytes in the order of GPT-2's alphabet, then what is merged, then
    /// the control tokens `<|end|>` and `<|start|>` and the user-defined `<tool>`.
    static func byteLevel(
        merges: [(left: String, right: String)] = [
            ("l", "o"), ("lo", "w"), ("Ġ", "low"), ("e", "r"), ("a", "a"), ("aa", "aa"),
        ],
        preTokenizer: PreTokenizer = PreTokenizer([.words(.gpt2)])
    ) -> ByteLevelVocabulary {
        let alphabet = (0..<256).map { String(ByteLevelAlphabet.characters[$0]) }
        let pieces =
            alphabet + merges.map { $0.left + $0.right } + ["<|end|>", "<|start|>", "<tool>"]
        let kinds: [TokenKind] =
            Array(repeating: .normal, count: pieces.count - 3) + [.control, .control, .userDefined]
        let end = Int32(pieces.count - 3)
        return ByteLevelVocabulary(
            file: "tiny", pieces: pieces, kinds: kinds, merges: merges,
            special: SpecialTokens(bos: end + 1, eos: end), preTokenizer: preTokenizer)
    }

    /// Ranked: the 256 bytes and some longer tokens, behind three control tokens.
    static func ranked(
        _ tokens: [String] = ["lo", "low", " low", "er", "aa", "aaaa"]
    )
        -> RankedVocabulary
    {
        var ranked = ByteStrings()
        for byte in UInt8(0)...255 { ranked.append([byte]) }
        for token in tokens { ranked.append(token.utf8) }
        return RankedVocabulary(
            file: "tiny", specialNames: ["<unk>", "<s>", "</s>"], ranked: ranked,
            special: SpecialTokens(bos: 1, eos: 2, addsBOS: true),
            preTokenizer: PreTokenizer([.words(.tekken)]))
    }
}

extension Tokenizer {
    /// The spelling of every token of a text.
    func pieces(_ text: String) -> [String] {
        encode(text, addSpecial: false).map { piece(of: $0) }
    }
}
