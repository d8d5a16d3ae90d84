// SPDX-License-Identifier: Apache-2.0

/// The vocabulary of a model that came without one.
///
/// Clients send and receive ids as numbers; token 12 reads `<12>`, and no text has ids but such
/// names.
package struct TokenIDVocabulary: Tokenizer {
    package let vocabularyCount: Int
    package let eosTokenIDs: Set<Int32>

    package var bosTokenID: Int32? { nil }
    package var addsBOS: Bool { false }
    package var addsEOS: Bool { false }
    package var dropsLeadingSpace: Bool { false }

    /// Creates the vocabulary.
    ///
    /// - Parameters:
    ///   - count: the number of ids.
    ///   - endTokenIDs: the ids that end an answer; those beyond `count` are left out.
    package init(count: Int, endTokenIDs: [Int32] = []) {
        vocabularyCount = count
        eosTokenIDs = Set(endTokenIDs.filter { $0 >= 0 && Int($0) < count })
    }

    package func encode(_ text: String, addSpecial: Bool) -> [Int32] {
        text.split(separator: "<").compactMap { part in
            part.hasSuffix(">") ? Int32(part.dropLast()) : nil
        }.filter { $0 >= 0 && Int($0) < vocabularyCount }
    }

    package func encode(_ segments: [PromptSegment]) -> [Int32] {
        segments.flatMap { segment in
            switch segment {
            case .text(let text), .templated(let text), .control(let text):
                encode(text, addSpecial: false)
            }
        }
    }

    package func bytes(of token: Int32) -> [UInt8] {
        isControl(token) ? [] : Array(piece(of: token).utf8)
    }

    package func isControl(_ token: Int32) -> Bool { eosTokenIDs.contains(token) }

    package func id(ofControl name: String) -> Int32? { nil }

    package func piece(of token: Int32) -> String {
        token >= 0 && Int(token) < vocabularyCount ? "<\(token)>" : ""
    }
}
