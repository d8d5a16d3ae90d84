// SPDX-License-Identifier: Apache-2.0

/// Finds the tokens that are matched in a text as a whole, before it is split into words.
///
/// A trie is walked from every position, so that a text of n bytes takes O(n·m) for a longest
/// spelling of m bytes; m is bounded by `longestByteCount`.
package struct AddedTokens: Sendable {
    /// One of these tokens.
    package struct Token: Hashable, Sendable {
        /// Its id.
        package var id: Int32
        /// Its text.
        package var spelling: String
        /// Whether it may only be read out of a template's own text.
        package var isControl: Bool
        /// Whether it swallows the whitespace before it.
        package var stripsLeft = false
        /// Whether it swallows the whitespace after it.
        package var stripsRight = false
        /// Whether it must not touch a letter, a digit or `_`.
        package var isSingleWord = false

        /// Creates a token that is matched as it is spelled.
        package init(id: Int32, spelling: String, isControl: Bool) {
            self.id = id
            self.spelling = spelling
            self.isControl = isControl
        }
    }

    /// A token found in a text.
    struct Match: Equatable {
        var token: Int32
        var bytes: Range<Int>
    }

    /// Longer spellings are not matched.
    static let longestByteCount = 512

    private let tokens: [Token]

    /// Children of each node as (byte, node), sorted by byte.
    private var children: [[(byte: UInt8, node: Int32)]] = [[]]

    /// The token that ends at each node, as an index.
    private var endings: [Int32] = [-1]

    /// Whether any token begins with the byte.
    private var isFirst = [Bool](repeating: false, count: 256)

    /// Creates a matcher; of tokens spelled alike the first is found.
    package init(_ tokens: [Token]) {
        self.tokens = tokens
        for (index, token) in tokens.enumerated() {
            let bytes = Array(token.spelling.utf8)
            if bytes.isEmpty || bytes.count > Self.longestByteCount { continue }
            isFirst[Int(bytes[0])] = true
            var node = 0
            for byte in bytes { node = child(of: node, byte) ?? addChild(to: node, byte) }
            if endings[node] < 0 { endings[node] = Int32(index) }
        }
    }

    /// The most bytes of a text that one of the tokens stands for; nil if white space around it
    /// belongs to it, however much there is.
    var longestMatchByteCount: Int? {
        if tokens.contains(where: { $0.stripsLeft || $0.stripsRight }) { return nil }
        return tokens.lazy.map(\.spelling.utf8.count).max() ?? 0
    }

    private func child(of node: Int, _ byte: UInt8) -> Int? {
        let list = children[node]
        var low = 0
        var high = list.count
        while low < high {
            let middle = (low + high) / 2
            if list[middle].byte < byte { low = middle + 1 } else { high = middle }
        }
        return low < list.count && list[low].byte == byte ? Int(list[low].node) : nil
    }

    private mutating func addChild(to node: Int, _ byte: UInt8) -> Int {
        let new = children.count
        children.append([])
        endings.append(-1)
        let place = children[node].firstIndex { $0.byte > byte } ?? children[node].count
        children[node].insert((byte, Int32(new)), at: place)
        return new
    }

    /// The tokens in a text, leftmost and then longest first, without overlap.
    ///
    /// - Parameters:
    ///   - text: UTF-8.
    ///   - trusted: ascending ranges of the text that are the template's own; a control token must
    ///     lie within one of them.
    /// - Returns: the tokens and where they are, in order.
    func matches(in text: [UInt8], trusted: [Range<Int>]) -> [Match] {
        if tokens.isEmpty { return [] }
        var matches: [Match] = []
        var trustedIndex = 0
        var consumed = 0
        var start = 0
        while start < text.count {
            while trustedIndex < trusted.count, trusted[trustedIndex].upperBound <= start {
                trustedIndex += 1
            }
            guard isFirst[Int(text[start])] else {
                start += 1
                continue
            }
            var trustedEnd = 0
            if trustedIndex < trusted.count, trusted[trustedIndex].contains(start) {
                trustedEnd = trusted[trustedIndex].upperBound
            }
            guard let (token, end) = longest(in: text, from: start, trustedEnd) else {
                start += 1
                continue
            }
            var range = start..<end
            if token.stripsLeft { range = stripLeft(range, of: text, downTo: consumed) }
            if token.stripsRight { range = stripRight(range, of: text) }
            matches.append(Match(token: token.id, bytes: range))
            consumed = range.upperBound
            start = consumed
        }
        return matches
    }

    private func longest(in text: [UInt8], from start: Int, _ trustedEnd: Int) -> (Token, Int)? {
        var found: (Token, Int)?
        var node = 0
        var index = start
        while index < text.count, let next = child(of: node, text[index]) {
            node = next
            index += 1
            if endings[node] >= 0 {
                let token = tokens[Int(endings[node])]
                let isAllowed = !token.isControl || index <= trustedEnd
                if isAllowed, !token.isSingleWord || standsAlone(start..<index, in: text) {
                    found = (token, index)
                }
            }
        }
        return found
    }

    private func standsAlone(_ range: Range<Int>, in text: [UInt8]) -> Bool {
        func isWord(_ index: Int) -> Bool {
            guard text.indices.contains(index) else { return false }
            let byte = text[index]
            return byte >= 0x80 || byte == 0x5F || (0x30...0x39) ~= byte
                || (0x41...0x5A) ~= byte & 0xDF
        }
        return !isWord(range.lowerBound - 1) && !isWord(range.upperBound)
    }

    private func stripLeft(_ range: Range<Int>, of text: [UInt8], downTo limit: Int) -> Range<Int> {
        var start = range.lowerBound
        while start > limit, Self.isSpace(text[start - 1]) { start -= 1 }
        return start..<range.upperBound
    }

    private func stripRight(_ range: Range<Int>, of text: [UInt8]) -> Range<Int> {
        var end = range.upperBound
        while end < text.count, Self.isSpace(text[end]) { end += 1 }
        return range.lowerBound..<end
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D) ~= byte }
}
