// SPDX-License-Identifier: Apache-2.0

/// Finds stop strings in a text that arrives in pieces, and holds back what may become one.
///
/// Stop strings match across pieces, byte by byte: no normalisation of Unicode. The one that ends
/// first wins; of those that end together, the longest. A piece must be whole characters, as the
/// streaming detokenizer gives them; so is what comes out.
package struct StopMatcher: Sendable {
    /// What became certain with a piece of text.
    package struct Output: Hashable, Sendable {
        /// Text that is part of the answer whatever follows.
        package let text: String

        /// The stop string that ended the answer; everything after it is dropped.
        package let match: String?
    }

    /// A stop string and its prefix function (Knuth, Morris, Pratt).
    private struct Pattern: Sendable {
        let string: String
        let bytes: [UInt8]

        /// For each prefix, the length of its longest proper suffix that is a prefix too.
        let borders: [Int]

        init(_ string: String) {
            self.string = string
            bytes = Array(string.utf8)
            var borders = Array(repeating: 0, count: bytes.count)
            var length = 0
            for index in bytes.indices.dropFirst() {
                while length > 0, bytes[index] != bytes[length] { length = borders[length - 1] }
                if bytes[index] == bytes[length] { length += 1 }
                borders[index] = length
            }
            self.borders = borders
        }

        /// The length of the match after one more byte.
        func advance(_ matched: Int, by byte: UInt8) -> Int {
            var length = matched == bytes.count ? borders[matched - 1] : matched
            while length > 0, bytes[length] != byte { length = borders[length - 1] }
            return bytes[length] == byte ? length + 1 : 0
        }
    }

    private let patterns: [Pattern]
    private let includesStopString: Bool

    /// How many bytes of each pattern the end of the text matches.
    private var matched: [Int]

    /// The end of the text that has not come out.
    private var pending: [UInt8] = []

    /// Creates a matcher at the beginning of a text.
    ///
    /// - Parameters:
    ///   - stopStrings: none of them empty.
    ///   - includesStopString: whether a stop string that matched comes out as text.
    package init(stopStrings: [String], includesStopString: Bool = false) {
        precondition(stopStrings.allSatisfy { !$0.isEmpty }, "an empty stop string")
        patterns = stopStrings.map(Pattern.init)
        self.includesStopString = includesStopString
        matched = Array(repeating: 0, count: stopStrings.count)
    }

    /// Takes the next piece of the text.
    ///
    /// - Complexity: O(bytes × stop strings), amortised over the text.
    package mutating func append(_ text: String) -> Output {
        if patterns.isEmpty { return Output(text: text, match: nil) }
        for byte in text.utf8 {
            pending.append(byte)
            var match: Pattern?
            for index in patterns.indices {
                matched[index] = patterns[index].advance(matched[index], by: byte)
                let isWhole = matched[index] == patterns[index].bytes.count
                if isWhole, patterns[index].bytes.count > match?.bytes.count ?? 0 {
                    match = patterns[index]
                }
            }
            if let match {
                let text = takePending(except: includesStopString ? 0 : match.bytes.count)
                pending.removeAll()
                return Output(text: text, match: match.string)
            }
        }
        return Output(text: takePending(except: matched.max() ?? 0), match: nil)
    }

    /// The text that was held back, when no more follows.
    package mutating func flush() -> String {
        for index in matched.indices { matched[index] = 0 }
        return takePending(except: 0)
    }

    /// Takes all but the last bytes, which begin a character as the stop strings do.
    private mutating func takePending(except heldCount: Int) -> String {
        let count = pending.count - heldCount
        if count == 0 { return "" }
        let text = String(decoding: pending[..<count], as: UTF8.self)
        pending.removeFirst(count)
        return text
    }
}
