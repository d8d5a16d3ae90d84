// SPDX-License-Identifier: Apache-2.0

import Tokenization

/// One token per listed piece; two of them are halves of a character.
struct FakeTokenizer: Tokenizer {
    static let eos: Int32 = 0
    static let bos: Int32 = 1
    static let pieces: [[UInt8]] =
        [[], []]
        + "abcdefghijklmnopqrstuvwxyz .,!?|".utf8.map { [$0] }
        + ["END", "the ", "ne", "é", "STOP", "ST", "OP"].map { Array($0.utf8) }
        + [[0xF0, 0x9F], [0x98, 0x80]]

    static var vocabularyCount: Int { pieces.count }
    static let firstHalf = Int32(pieces.count - 2)
    static let secondHalf = Int32(pieces.count - 1)

    static func id(_ piece: String) -> Int32 {
        Int32(pieces.firstIndex(of: Array(piece.utf8)) ?? 0)
    }

    static func ids(_ text: String...) -> [Int32] { text.map(id) }

    var vocabularyCount: Int { Self.vocabularyCount }
    var bosTokenID: Int32? { Self.bos }
    var eosTokenIDs: Set<Int32> { [Self.eos] }
    var addsBOS: Bool { false }
    var addsEOS: Bool { false }
    var dropsLeadingSpace: Bool { false }

    func encode(_ text: String, addSpecial: Bool) -> [Int32] { text.map { Self.id(String($0)) } }
    func encode(_ segments: [PromptSegment]) -> [Int32] { [] }
    func bytes(of token: Int32) -> [UInt8] { Self.pieces[Int(token)] }
    func isControl(_ token: Int32) -> Bool { token < 2 }
    func id(ofControl name: String) -> Int32? { nil }
    func piece(of token: Int32) -> String { "" }
}
