// SPDX-License-Identifier: Apache-2.0

import JSON
import Tokenization

/// Tokenizer files with the content of tiny vocabularies.
enum TinyFile {
    // MARK: tokenizer.model

    /// A SentencePiece model: pieces, then trainer_spec and normalizer_spec.
    static func sentencePieceModel(
        _ vocabulary: SentencePieceVocabulary, modelType: Int = 2, characterMap: String = "",
        bos: Int = 1
    ) -> [UInt8] {
        guard case .scores(let scores) = vocabulary.order else { return [] }
        var bytes: [UInt8] = []
        for (index, piece) in vocabulary.pieces.enumerated() {
            var message = field(1, Array(piece.utf8))
            message += [2 << 3 | 5] + littleEndian(scores[index].bitPattern)
            message += field(3, varint: UInt64(vocabulary.kinds[index].rawValue))
            bytes += field(1, message)
        }
        let unknown = UInt64(bitPattern: -1)
        bytes += field(
            2,
            field(3, varint: UInt64(modelType)) + field(35, varint: 1) + field(40, varint: 0)
                + field(41, varint: UInt64(bos)) + field(42, varint: 2)
                + field(43, varint: unknown))
        bytes += field(
            3,
            field(1, Array("identity".utf8)) + field(2, Array(characterMap.utf8))
                + field(3, varint: 1) + field(4, varint: 0))
        return bytes
    }

    static func field(_ number: UInt64, _ content: [UInt8]) -> [UInt8] {
        varint(number << 3 | 2) + varint(UInt64(content.count)) + content
    }

    static func field(_ number: UInt64, varint value: UInt64) -> [UInt8] {
        varint(number << 3) + varint(value)
    }

    static func varint(_ value: UInt64) -> [UInt8] {
        var rest = value
        var bytes: [UInt8] = []
        while rest >= 0x80 {
            bytes.append(UInt8(rest & 0x7F) | 0x80)
            rest >>= 7
        }
        return bytes + [UInt8(rest)]
    }

    private static func littleEndian(_ value: UInt32) -> [UInt8] {
        (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
    }

    // MARK: tekken.json

    static func tekken() -> JSONValue {
        let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
        func base64(_ bytes: [UInt8]) -> String {
            var text = ""
            for start in stride(from: 0, to: bytes.count, by: 3) {
                let part = bytes[start..<min(start + 3, bytes.count)]
                let padded = Array(part) + Array(repeating: 0, count: 3 - part.count)
                let value = Int(padded[0]) << 16 | Int(padded[1]) << 8 | Int(padded[2])
                for index in 0..<4 {
                    text.append(
                        index <= part.count ? digits[value >> (18 - 6 * index) & 63] : "=")
                }
            }
            return text
        }
        let tokens =
            (UInt8(0)...255).map { [$0] } + ["lo", "low", " low", "er"].map { Array($0.utf8) }
        let vocabulary = tokens.enumerated().map { rank, bytes -> JSONValue in
            .object([
                "rank": .integer(rank), "token_bytes": .string(base64(bytes)), "token_str": .null,
            ])
        }
        return [
            "config": [
                "pattern": .string(WordPatternTests.tekkenExpression),
                "num_vocab_tokens": 260, "default_vocab_size": 282,
                "default_num_special_tokens": 22, "version": "v3",
            ],
            "vocab": .array(vocabulary),
        ]
    }

    // MARK: tokenizer.json

    /// A Hugging Face file of the byte-level vocabulary.
    static func huggingFace() -> JSONValue {
        let vocabulary = TinyVocabulary.byteLevel()
        var pieces = JSONObject()
        for (index, piece) in vocabulary.pieces.dropLast(3).enumerated() {
            pieces[piece] = .integer(index)
        }
        let merges = vocabulary.merges.map { JSONValue.string("\($0.left) \($0.right)") }
        let end = vocabulary.pieces.count - 3
        return [
            "added_tokens": [
                ["id": .integer(end), "content": "<|end|>", "special": true],
                ["id": .integer(end + 1), "content": "<|start|>", "special": true],
                ["id": .integer(end + 2), "content": "<tool>", "special": false],
            ],
            "normalizer": nil,
            "pre_tokenizer": [
                "type": "ByteLevel", "add_prefix_space": false, "use_regex": true,
            ],
            "post_processor": nil,
            "model": ["type": "BPE", "vocab": .object(pieces), "merges": .array(merges)],
        ]
    }
}
