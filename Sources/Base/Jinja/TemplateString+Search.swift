// SPDX-License-Identifier: Apache-2.0

extension TemplateString {
    /// Offsets at which `needle` occurs without overlap, in linear time (Knuth–Morris–Pratt).
    ///
    /// - Parameters:
    ///   - needle: what to look for; not empty.
    ///   - range: where to look.
    ///   - limit: how many occurrences are enough.
    ///   - overlapping: whether an occurrence may begin inside the one before.
    /// - Returns: the offsets, ascending.
    func occurrences(
        of needle: TemplateString, in range: Range<Int>, limit: Int = .max,
        overlapping: Bool = false
    ) -> [Int] {
        let pattern = needle.scalars
        guard !pattern.isEmpty, pattern.count <= range.count, limit > 0 else { return [] }
        var failure = [Int](repeating: 0, count: pattern.count)
        var matched = 0
        for i in 1..<max(1, pattern.count) {
            while matched > 0, pattern[i] != pattern[matched] { matched = failure[matched - 1] }
            if pattern[i] == pattern[matched] { matched += 1 }
            failure[i] = matched
        }
        var found: [Int] = []
        matched = 0
        for i in range {
            while matched > 0, scalars[i] != pattern[matched] { matched = failure[matched - 1] }
            if scalars[i] == pattern[matched] { matched += 1 }
            if matched == pattern.count {
                found.append(i + 1 - matched)
                if found.count == limit { break }
                matched = overlapping ? failure[matched - 1] : 0
            }
        }
        return found
    }

    func firstOffset(of needle: TemplateString, in range: Range<Int>) -> Int? {
        if needle.isEmpty { return range.lowerBound }
        return occurrences(of: needle, in: range, limit: 1).first
    }

    func lastOffset(of needle: TemplateString, in range: Range<Int>) -> Int? {
        if needle.isEmpty { return range.upperBound }
        return occurrences(of: needle, in: range, overlapping: true).last
    }

    func contains(_ needle: TemplateString) -> Bool {
        firstOffset(of: needle, in: 0..<count) != nil
    }

    func hasPrefix(_ prefix: TemplateString, in range: Range<Int>) -> Bool {
        prefix.count <= range.count
            && scalars[range.lowerBound..<range.lowerBound + prefix.count]
                .elementsEqual(prefix.scalars)
    }

    func hasSuffix(_ suffix: TemplateString, in range: Range<Int>) -> Bool {
        suffix.count <= range.count
            && scalars[range.upperBound - suffix.count..<range.upperBound]
                .elementsEqual(suffix.scalars)
    }

    /// Without leading and trailing characters of a set; white space when there is no set.
    func stripped(_ characters: TemplateString?, left: Bool, right: Bool) -> TemplateString {
        let set = characters.map { Set($0.scalars) }
        func isStripped(_ scalar: Unicode.Scalar) -> Bool {
            set?.contains(scalar) ?? PythonText.isSpace(scalar)
        }
        var start = 0
        var end = count
        while left, start < end, isStripped(scalars[start]) { start += 1 }
        while right, end > start, isStripped(scalars[end - 1]) { end -= 1 }
        return slice(start..<end)
    }

    /// Ranges of the parts between occurrences of a separator.
    func parts(separatedBy separator: TemplateString, limit: Int, fromEnd: Bool) -> [Range<Int>] {
        var cuts: [Int]
        if fromEnd {
            cuts = reversedOccurrences(of: separator, limit: limit)
        } else {
            cuts = occurrences(of: separator, in: 0..<count, limit: limit)
        }
        var parts: [Range<Int>] = []
        var start = 0
        cuts.append(count)
        for (i, cut) in cuts.enumerated() {
            parts.append(start..<cut)
            start = i == cuts.count - 1 ? count : cut + separator.count
        }
        return parts
    }

    /// Ranges of the words between white space.
    func words(limit: Int, fromEnd: Bool) -> [Range<Int>] {
        fromEnd ? wordsFromEnd(limit: limit) : wordsFromStart(limit: limit)
    }

    /// Ranges of the lines, without or with what ends them.
    func lines(keepsEnds: Bool) -> [Range<Int>] {
        var lines: [Range<Int>] = []
        var start = 0
        var i = 0
        while i < count {
            guard PythonText.isLineBreak(scalars[i]) else {
                i += 1
                continue
            }
            let end = i
            i += scalars[i] == "\r" && i + 1 < count && scalars[i + 1] == "\n" ? 2 : 1
            lines.append(start..<(keepsEnds ? i : end))
            start = i
        }
        if start < count { lines.append(start..<count) }
        return lines
    }

    private func reversedOccurrences(of needle: TemplateString, limit: Int) -> [Int] {
        // Every occurrence, then the greedy choice from the end.
        let all = occurrences(of: needle, in: 0..<count, overlapping: true)
        var chosen: [Int] = []
        var bound = count
        for offset in all.reversed() where offset + needle.count <= bound {
            guard chosen.count < limit else { break }
            chosen.append(offset)
            bound = offset
        }
        return chosen.reversed()
    }

    private func wordsFromStart(limit: Int) -> [Range<Int>] {
        var words: [Range<Int>] = []
        var i = 0
        while true {
            while i < count, PythonText.isSpace(scalars[i]) { i += 1 }
            guard i < count else { return words }
            if words.count == limit {
                words.append(i..<count)
                return words
            }
            let start = i
            while i < count, !PythonText.isSpace(scalars[i]) { i += 1 }
            words.append(start..<i)
        }
    }

    private func wordsFromEnd(limit: Int) -> [Range<Int>] {
        var words: [Range<Int>] = []
        var i = count
        while true {
            while i > 0, PythonText.isSpace(scalars[i - 1]) { i -= 1 }
            guard i > 0 else { break }
            if words.count == limit {
                words.append(0..<i)
                break
            }
            let end = i
            while i > 0, !PythonText.isSpace(scalars[i - 1]) { i -= 1 }
            words.append(i..<end)
        }
        return words.reversed()
    }
}
