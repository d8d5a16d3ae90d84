// SPDX-License-Identifier: Apache-2.0

/// What is done with a text before its spaces are written as U+2581, first to last.
package struct TextNormalization: Hashable, Sendable {
    /// A step of it.
    package enum Step: Hashable, Sendable {
        /// Characters are replaced by a map's rules.
        case map(CharacterMap, CharacterMap.Choice)
        /// Two spaces or more become one space, or one U+2581, ` {2,}`.
        case collapseSpaces(mark: Bool)
        /// Whitespace at the ends is left out.
        case strip(left: Bool, right: Bool)
    }

    /// The steps.
    package var steps: [Step]

    /// Nothing is done.
    package static let none = TextNormalization(steps: [])

    /// Creates a normalization of these steps.
    package init(steps: [Step]) { self.steps = steps }

    /// Takes all steps.
    ///
    /// - Parameters:
    ///   - text: valid UTF-8.
    ///   - spared: tokens that stay as they are written.
    /// - Returns: valid UTF-8.
    func apply(to text: [UInt8], sparing spared: AddedTokens) -> [UInt8] {
        if steps.isEmpty { return text }
        var result: [UInt8] = []
        var start = 0
        for match in spared.matches(in: text, trusted: []) {
            result += apply(to: Array(text[start..<match.bytes.lowerBound]))
            result += text[match.bytes]
            start = match.bytes.upperBound
        }
        if start == 0 { return apply(to: text) }
        return result + apply(to: Array(text[start...]))
    }

    private func apply(to text: [UInt8]) -> [UInt8] {
        steps.reduce(text) { text, step in
            switch step {
            case .map(let map, let choice): map.apply(to: text, choice)
            case .collapseSpaces(let mark): Self.collapseSpaces(text, mark)
            case .strip(let left, let right): Self.strip(text, left, right)
            }
        }
    }

    private static func collapseSpaces(_ text: [UInt8], _ mark: Bool) -> [UInt8] {
        let space = UInt8(ascii: " ")
        var result: [UInt8] = []
        result.reserveCapacity(text.count)
        var index = 0
        while index < text.count {
            var end = index
            while end < text.count, text[end] == space { end += 1 }
            if end - index > 1 {
                result += mark ? SpaceRule.mark : [space]
                index = end
            } else {
                result.append(text[index])
                index += 1
            }
        }
        return result
    }

    private static func strip(_ text: [UInt8], _ left: Bool, _ right: Bool) -> [UInt8] {
        let scalars = String(decoding: text, as: UTF8.self).unicodeScalars
        var rest = scalars[...]
        if left { rest = rest.drop(while: \.properties.isWhitespace) }
        while right, let last = rest.last, last.properties.isWhitespace { rest.removeLast() }
        return Array(Substring(rest).utf8)
    }
}
