// SPDX-License-Identifier: Apache-2.0

import Tokenization

/// A vocabulary of these spellings, which encodes by the longest that fits.
///
/// Those like `<name>` are control tokens, of which `<end>` ends an answer.
struct ListTokenizer: Tokenizer {
    let pieces: [String]
    var dropsLeadingSpace = false
    let addsBOS = false
    let addsEOS = false
    let bosTokenID: Int32? = nil

    var vocabularyCount: Int { pieces.count }
    var eosTokenIDs: Set<Int32> { Set([id(ofControl: "<end>")].compactMap { $0 }) }

    func encode(_ text: String, addSpecial: Bool) -> [Int32] {
        var rest = Array(((dropsLeadingSpace ? " " : "") + text).utf8)[...]
        var ids: [Int32] = []
        while !rest.isEmpty {
            let fitting = pieces.indices.filter {
                !isControl(Int32($0)) && !pieces[$0].isEmpty && rest.starts(with: pieces[$0].utf8)
            }
            guard let id = fitting.max(by: { pieces[$0].utf8.count < pieces[$1].utf8.count })
            else { return ids }
            ids.append(Int32(id))
            rest = rest.dropFirst(pieces[id].utf8.count)
        }
        return ids
    }

    func encode(_ segments: [PromptSegment]) -> [Int32] {
        segments.flatMap { segment in
            switch segment {
            case .text(let text), .templated(let text): encode(text, addSpecial: false)
            case .control(let name): id(ofControl: name).map { [$0] } ?? []
            }
        }
    }

    func bytes(of token: Int32) -> [UInt8] {
        isControl(token) ? [] : Array(piece(of: token).utf8)
    }

    func isControl(_ token: Int32) -> Bool {
        piece(of: token).hasPrefix("<") && piece(of: token).hasSuffix(">")
    }

    func id(ofControl name: String) -> Int32? { pieces.firstIndex(of: name).map(Int32.init) }

    func piece(of token: Int32) -> String {
        pieces.indices.contains(Int(token)) ? pieces[Int(token)] : ""
    }
}
