// SPDX-License-Identifier: Apache-2.0

/// SentencePiece's table of normalizations, `precompiled_charsmap`: what stands in for which
/// characters.
///
/// The first four bytes are the size of a trie, whose units follow; then come the replacements, each
/// ended by a zero. The trie is a double array: the units of the characters that may follow a place
/// are found by exclusive or. Whatever the bytes are, a look-up ends and stays within them.
///
/// - Source: `normalizer.cc` of SentencePiece, `darts.h`; spm_precompiled, which tokenizers uses.
package struct CharacterMap: Hashable, Sendable {
    /// What is wrong with the bytes of a map.
    package struct Failure: Error, Equatable {
        /// Says it in a few words.
        package var reason: String
    }

    /// Which of the rules that fit counts.
    package enum Choice: Hashable, Sendable {
        /// The longest from a place on, as SentencePiece has it.
        case longest
        /// The shortest for all of a cluster of less than six bytes, else the shortest for each of
        /// its characters, as tokenizers has it.
        case shortestOfCluster
    }

    /// The most bytes that may stand in for something; published maps have up to 36.
    private static let longestReplacement = 256

    /// How far a rule is looked for, since a trie may have loops; published maps have rules of 20 bytes.
    private static let longestRule = 256

    private let units: [UInt32]
    private let replacements: [UInt8]

    /// Reads a map.
    ///
    /// - Parameter bytes: as a model file has them.
    /// - Throws: `Failure` if the parts do not fit in, are no text or are too long.
    package init(_ bytes: [UInt8]) throws(Failure) {
        func word(_ index: Int) -> UInt32 {
            (0..<4).reduce(0) { $0 | UInt32(bytes[index + $1]) << UInt32(8 * $1) }
        }
        guard bytes.count > 8 else {
            throw Failure(reason: "\(bytes.count) bytes, too few for a trie and its replacements")
        }
        let trieByteCount = Int(word(0))
        guard trieByteCount > 0, trieByteCount % 4 == 0, trieByteCount < bytes.count - 4 else {
            throw Failure(
                reason: "its trie of \(trieByteCount) bytes does not fit into \(bytes.count)")
        }
        units = stride(from: 4, to: 4 + trieByteCount, by: 4).map(word)
        replacements = Array(bytes[(4 + trieByteCount)...])
        guard String(validating: replacements, as: UTF8.self) != nil else {
            throw Failure(reason: "its replacements are not in UTF-8")
        }
        let longest = replacements.split(separator: 0).lazy.map(\.count).max() ?? 0
        guard longest <= Self.longestReplacement else {
            throw Failure(
                reason: "a replacement of \(longest) bytes, more than \(Self.longestReplacement)")
        }
    }

    /// The text with what the map has for it.
    ///
    /// - Parameters:
    ///   - text: valid UTF-8.
    ///   - choice: which rules count.
    /// - Returns: valid UTF-8.
    /// - Complexity: O(n·m) for the longest rule of m bytes.
    package func apply(to text: [UInt8], _ choice: Choice) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(text.count + text.count / 8)
        switch choice {
        case .longest: append(text, 0..<text.count, longest: true, to: &result)
        case .shortestOfCluster:
            var start = 0
            for cluster in String(decoding: text, as: UTF8.self) {
                let end = start + cluster.utf8.count
                if end - start < 6, let rule = rule(for: text, start..<end, longest: false) {
                    result += replacements[rule.replacement]
                } else {
                    append(text, start..<end, longest: false, to: &result)
                }
                start = end
            }
        }
        return result
    }

    /// Appends a range character by character, or by longer rules.
    private func append(
        _ text: [UInt8], _ range: Range<Int>, longest: Bool, to result: inout [UInt8]
    ) {
        var index = range.lowerBound
        while index < range.upperBound {
            var next = index + 1
            while next < range.upperBound, text[next] & 0xC0 == 0x80 { next += 1 }
            let end = longest ? range.upperBound : next
            if let rule = rule(for: text, index..<end, longest: longest) {
                result += replacements[rule.replacement]
                index = longest ? index + rule.byteCount : next
            } else {
                result += text[index..<next]
                index = next
            }
        }
    }

    /// The shortest or the longest rule for what a range begins with.
    private func rule(
        for text: [UInt8], _ range: Range<Int>, longest: Bool
    ) -> (byteCount: Int, replacement: Range<Int>)? {
        var best: (byteCount: Int, replacement: Range<Int>)?
        var node = Self.offset(units[0])
        for index in range.prefix(Self.longestRule) {
            let byte = text[index]
            node ^= Int(byte)
            guard byte != 0, node < units.count,
                units[node] & 0x8000_00FF == UInt32(byte)
            else { break }
            let unit = units[node]
            node ^= Self.offset(unit)
            guard node < units.count else { break }
            // A rule that ended within a character would leave half of it.
            let isWhole = index + 1 == range.upperBound || text[index + 1] & 0xC0 != 0x80
            guard unit & 0x100 != 0, isWhole,
                let replacement = replacement(at: Int(units[node] & 0x7FFF_FFFF))
            else { continue }
            best = (index + 1 - range.lowerBound, replacement)
            if !longest { break }
        }
        return best
    }

    private static func offset(_ unit: UInt32) -> Int {
        Int(unit >> 10) << Int((unit & 0x200) >> 6)
    }

    private func replacement(at start: Int) -> Range<Int>? {
        guard start < replacements.count, replacements[start] & 0xC0 != 0x80 else { return nil }
        var end = start
        while end < replacements.count, replacements[end] != 0 { end += 1 }
        return start..<end
    }
}
