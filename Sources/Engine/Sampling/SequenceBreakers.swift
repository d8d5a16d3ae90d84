// SPDX-License-Identifier: Apache-2.0

/// Tokens at which DRY's repetitions end, such as a line break.
package struct SequenceBreakers: Hashable, Sendable {
    /// For the first token of each breaker, the tokens that must follow it; none for most.
    private var tails: [Int32: [[Int32]]] = [:]

    /// Breaks nothing.
    package init() {}

    /// Adds a breaker.
    ///
    /// - Parameters:
    ///   - head: its first token.
    ///   - tail: the tokens that follow it.
    package mutating func insert(_ head: Int32, then tail: [Int32] = []) {
        guard !(tails[head]?.contains(tail) ?? false) else { return }
        tails[head, default: []].append(tail)
    }

    /// Whether there is none.
    package var isEmpty: Bool { tails.isEmpty }

    /// Whether a token is a breaker by itself.
    func isBreaker(_ token: Int32) -> Bool { tails[token]?.contains([]) ?? false }

    /// How many tokens after its first one the longest breaker has that begins in a place.
    ///
    /// - Parameters:
    ///   - tokens: what was written.
    ///   - index: the place.
    /// - Returns: nil where none begins there, or where it is not complete.
    func longestTail(in tokens: [Int32], at index: Int) -> Int? {
        guard let candidates = tails[tokens[index]] else { return nil }
        var longest: Int?
        for tail in candidates where tail.count > longest ?? -1 {
            guard index + tail.count < tokens.count else { continue }
            let isThere = tail.indices.allSatisfy { tail[$0] == tokens[index + 1 + $0] }
            if isThere { longest = tail.count }
        }
        return longest
    }
}
