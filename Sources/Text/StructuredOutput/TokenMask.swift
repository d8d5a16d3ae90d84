// SPDX-License-Identifier: Apache-2.0

/// Which tokens of a vocabulary may come next.
package struct TokenMask: Hashable, Sendable {
    /// One bit for each id, the lowest id in the lowest bit of the first word.
    package private(set) var words: [UInt64]

    /// The size of the vocabulary.
    package let tokenCount: Int

    /// A mask that allows no token.
    package init(tokenCount: Int) {
        self.tokenCount = tokenCount
        words = Array(repeating: 0, count: (tokenCount + 63) / 64)
    }

    /// Whether a token is allowed; ids beyond the vocabulary are not.
    package subscript(token: Int32) -> Bool {
        get {
            guard token >= 0, Int(token) < tokenCount else { return false }
            return words[Int(token) >> 6] >> UInt64(token & 63) & 1 == 1
        }
        set {
            guard token >= 0, Int(token) < tokenCount else { return }
            let bit = UInt64(1) << UInt64(token & 63)
            if newValue {
                words[Int(token) >> 6] |= bit
            } else {
                words[Int(token) >> 6] &= ~bit
            }
        }
    }

    /// Takes back what another mask does not allow.
    package mutating func formIntersection(_ other: TokenMask) {
        for word in words.indices {
            words[word] &= word < other.words.count ? other.words[word] : 0
        }
    }

    /// How many tokens are allowed.
    package var count: Int { count(below: tokenCount) }

    /// How many tokens are allowed whose ids are below a limit.
    package func count(below limit: Int) -> Int {
        let words = words.span
        let wholeCount = min(limit >> 6, words.count)
        var count = 0
        for word in 0..<wholeCount { count &+= words[word].nonzeroBitCount }
        guard wholeCount < words.count, limit & 63 != 0 else { return count }
        return count + (words[wholeCount] & (1 << UInt64(limit & 63) - 1)).nonzeroBitCount
    }

    /// Whether no token is allowed.
    package var isEmpty: Bool { words.allSatisfy { $0 == 0 } }
}
