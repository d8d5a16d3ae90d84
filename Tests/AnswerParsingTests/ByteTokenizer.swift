// SPDX-License-Identifier: Apache-2.0

import Tokenization

/// A vocabulary of control tokens, from 0, and of bytes, from 1000.
struct ByteTokenizer: Tokenizer {
    let controls: [String]
    var addsBOS = false
    let addsEOS = false
    let dropsLeadingSpace = false

    var vocabularyCount: Int { 1256 }
    var bosTokenID: Int32? { id(ofControl: "<s>") }
    var eosTokenIDs: Set<Int32> { Set([id(ofControl: "</s>")].compactMap { $0 }) }

    func encode(_ text: String, addSpecial: Bool) -> [Int32] {
        text.utf8.map { 1000 + Int32($0) }
    }

    func encode(_ segments: [PromptSegment]) -> [Int32] {
        var ids: [Int32] = []
        for segment in segments {
            switch segment {
            case .text(let text): ids += encode(text, addSpecial: false)
            case .control(let name): ids += id(ofControl: name).map { [$0] } ?? []
            case .templated(let text): ids += encode(templated: text[...])
            }
        }
        return ids
    }

    private func encode(templated text: Substring) -> [Int32] {
        var ids: [Int32] = []
        var rest = text
        while let first = rest.first {
            if let index = controls.firstIndex(where: { rest.hasPrefix($0) }) {
                ids.append(Int32(index))
                rest = rest.dropFirst(controls[index].count)
            } else {
                ids += encode(String(first), addSpecial: false)
                rest = rest.dropFirst()
            }
        }
        return ids
    }

    func bytes(of token: Int32) -> [UInt8] {
        (1000..<1256).contains(token) ? [UInt8(token - 1000)] : []
    }

    func isControl(_ token: Int32) -> Bool { token < 1000 }

    func id(ofControl name: String) -> Int32? { controls.firstIndex(of: name).map(Int32.init) }

    func piece(of token: Int32) -> String {
        isControl(token) ? controls[Int(token)] : String(decoding: bytes(of: token), as: UTF8.self)
    }

    /// The ids as text, with control tokens in ⟦brackets⟧ if asked for.
    func shown(_ ids: [Int32], marksControls: Bool = true) -> String {
        var bytes: [UInt8] = []
        for id in ids {
            if isControl(id) {
                let name = controls[Int(id)]
                bytes += Array((marksControls ? "⟦\(name)⟧" : name).utf8)
            } else {
                bytes += self.bytes(of: id)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
