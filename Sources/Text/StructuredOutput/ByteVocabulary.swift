// SPDX-License-Identifier: Apache-2.0

package import Tokenization

/// The vocabulary of texts without a model: each byte is a token, and one more ends an answer.
package struct ByteVocabulary: Tokenizer {
    /// The id that ends an answer.
    package static let end: Int32 = 256

    package let vocabularyCount = 257
    package let bosTokenID: Int32? = nil
    package let eosTokenIDs: Set<Int32> = [end]
    package let addsBOS = false
    package let addsEOS = false
    package let dropsLeadingSpace = false

    /// The vocabulary.
    package init() {}

    package func encode(_ text: String, addSpecial: Bool) -> [Int32] { text.utf8.map(Int32.init) }

    package func encode(_ segments: [PromptSegment]) -> [Int32] {
        segments.flatMap { segment in
            switch segment {
            case .text(let text), .templated(let text), .control(let text):
                encode(text, addSpecial: false)
            }
        }
    }

    package func bytes(of token: Int32) -> [UInt8] {
        (0..<256).contains(token) ? [UInt8(token)] : []
    }

    package func isControl(_ token: Int32) -> Bool { token == Self.end }

    package func id(ofControl name: String) -> Int32? { nil }

    package func piece(of token: Int32) -> String {
        isControl(token) ? "<end>" : String(decoding: bytes(of: token), as: UTF8.self)
    }
}
