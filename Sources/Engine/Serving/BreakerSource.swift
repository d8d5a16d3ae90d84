// SPDX-License-Identifier: Apache-2.0

package import Sampling
import Synchronization
package import Tokenization

/// Finds the tokens with which the texts begin that end repetitions, and keeps what was used lately.
///
/// A text may begin within a token or go on after it, so the whole vocabulary is looked at, once for
/// each list of texts.
package final class BreakerSource: Sendable {
    private let tokenizer: any Tokenizer
    private let recent = Mutex<[(texts: [String], breakers: SequenceBreakers)]>([])

    /// How many lists are kept, and how many tokens of a text are compared after the first.
    private static let mostLists = 8
    private static let longestTail = 20

    /// A source for a model.
    package init(_ tokenizer: any Tokenizer) { self.tokenizer = tokenizer }

    /// The tokens of some texts.
    package func breakers(_ texts: [String]) -> SequenceBreakers {
        if texts.isEmpty { return SequenceBreakers() }
        if let known = recent.withLock({ lists in lists.first { $0.texts == texts } }) {
            return known.breakers
        }
        let breakers = find(texts.map { Array($0.utf8) })
        recent.withLock { lists in
            if lists.count >= Self.mostLists { lists.removeFirst() }
            lists.append((texts, breakers))
        }
        return breakers
    }

    private func find(_ texts: [[UInt8]]) -> SequenceBreakers {
        var breakers = SequenceBreakers()
        var bytes: [UInt8] = []
        // The tokens of what is left of a text, by its length: many tokens end with the same beginning.
        var tails: [[Int: [Int32]]] = Array(repeating: [:], count: texts.count)
        for token in 0..<Int32(clamping: tokenizer.vocabularyCount) {
            bytes.removeAll(keepingCapacity: true)
            tokenizer.append(bytesOf: token, to: &bytes)
            if bytes.isEmpty { continue }
            for (place, text) in texts.enumerated() {
                insert(token, bytes, text, &tails[place], into: &breakers)
            }
        }
        return breakers
    }

    /// Adds a token that has a text, or ends with the beginning of one.
    private func insert(
        _ token: Int32, _ bytes: [UInt8], _ text: [UInt8], _ tails: inout [Int: [Int32]],
        into breakers: inout SequenceBreakers
    ) {
        for start in bytes.indices where bytes[start] == text[0] {
            let rest = bytes[start...]
            if rest.starts(with: text) { return breakers.insert(token) }
            guard text.starts(with: rest) else { continue }
            let tail =
                tails[rest.count]
                ?? Array(
                    tokenizer.encode(
                        String(decoding: text.dropFirst(rest.count), as: UTF8.self),
                        addSpecial: false
                    ).prefix(Self.longestTail))
            tails[rest.count] = tail
            breakers.insert(token, then: tail)
        }
    }
}
