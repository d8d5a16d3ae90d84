// SPDX-License-Identifier: Apache-2.0

package import Tokenization

/// A vocabulary of control tokens, from 0, and of bytes, from 1000.
package struct ByteTokenizer: Tokenizer {
    /// The names of the control tokens, by id.
    package let controls: [String]
    package var addsBOS = false
    package let addsEOS = false
    package let dropsLeadingSpace = false

    /// A vocabulary of these control tokens.
    package init(controls: [String], addsBOS: Bool = false) {
        self.controls = controls
        self.addsBOS = addsBOS
    }

    package var vocabularyCount: Int { 1256 }
    package var bosTokenID: Int32? { id(ofControl: "<s>") }
    package var eosTokenIDs: Set<Int32> { Set([id(ofControl: "</s>")].compactMap { $0 }) }

    package func encode(_ text: String, addSpecial: Bool) -> [Int32] {
        text.utf8.map { 1000 + Int32($0) }
    }

    package func encode(_ segments: [PromptSegment]) -> [Int32] {
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

    package func bytes(of token: Int32) -> [UInt8] {
        (1000..<1256).contains(token) ? [UInt8(token - 1000)] : []
    }

    package func isControl(_ token: Int32) -> Bool { token < 1000 }

    package func id(ofControl name: String) -> Int32? {
        controls.firstIndex(of: name).map(Int32.init)
    }

    package func piece(of token: Int32) -> String {
        isControl(token) ? controls[Int(token)] : String(decoding: bytes(of: token), as: UTF8.self)
    }

    /// The ids as text, with control tokens in ⟦brackets⟧ if asked for.
    package func shown(_ ids: [Int32], marksControls: Bool = true) -> String {
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
