// SPDX-License-Identifier: Apache-2.0

package import Tokenization

/// The ids that a model would begin an answer with to say exactly some text.
package struct LabelTokens: Sendable {
    private let tokenizer: any Tokenizer

    /// What was found before; prompts of one format end alike.
    private var known: [Key: [Int32]] = [:]

    private struct Key: Hashable, Sendable {
        let tail: [Int32]
        let label: String
    }

    /// How far back text may change how the label is written.
    private static let tailLength = 16

    /// The labels of one vocabulary.
    package init(_ tokenizer: any Tokenizer) { self.tokenizer = tokenizer }

    /// The ids of some labels after a prompt.
    ///
    /// Where one of them would begin another, each goes on to the token that ends an answer, so
    /// that they can be told apart.
    ///
    /// - Parameters:
    ///   - labels: different texts, none empty.
    ///   - prompt: what they follow.
    /// - Returns: different ids for each, none of which begin another's.
    package mutating func tokens(of labels: [String], after prompt: [Int32]) -> [[Int32]] {
        let text = prompt.suffix(Self.tailLength)
        let start = text.lastIndex { tokenizer.isControl($0) }.map { $0 + 1 } ?? text.startIndex
        let tail = Array(text[start...])
        var tokens: [[Int32]] = []
        for label in labels { tokens.append(self.tokens(of: label, afterText: tail)) }
        guard let end = tokenizer.eosTokenID, Self.haveCommonBeginnings(tokens) else {
            return tokens
        }
        return tokens.map { $0 + [end] }
    }

    /// The ids of a label within the text that it goes on, if that text keeps its own; or else those
    /// of the label by itself, as answers in a conversation are written.
    private mutating func tokens(of label: String, afterText tail: [Int32]) -> [Int32] {
        let key = Key(tail: tail, label: label)
        if let tokens = known[key] { return tokens }
        let alone = tokenizer.encode(label, addSpecial: false)
        var tokens = alone
        if !tail.isEmpty {
            let joined = tokenizer.encode(tokenizer.decode(tail) + label, addSpecial: false)
            if joined.count > tail.count, joined.starts(with: tail) {
                tokens = Array(joined.dropFirst(tail.count))
            }
        }
        known[key] = tokens
        return tokens
    }

    /// Whether any of them is the beginning of another, or the same.
    private static func haveCommonBeginnings(_ tokens: [[Int32]]) -> Bool {
        let sorted = tokens.sorted { $0.lexicographicallyPrecedes($1) }
        return zip(sorted, sorted.dropFirst()).contains { $1.starts(with: $0) }
    }
}
