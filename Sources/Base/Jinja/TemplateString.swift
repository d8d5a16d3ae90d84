// SPDX-License-Identifier: Apache-2.0

/// A string as a template sees it: a sequence of code points, each of which knows where it is from.
///
/// Only text that the template's author wrote may later be read as control tokens; what a message
/// brought stays data through every strip, split, slice, join and format.
package struct TemplateString: Sendable {
    /// Where a character is from.
    package enum Origin: Sendable {
        /// The template's source or a value that the server vouches for, such as `bos_token`.
        case template

        /// A message, a tool, or any other part of a request.
        case data
    }

    /// Characters of one origin up to an offset.
    struct Run: Sendable {
        var end: Int
        var origin: Origin
    }

    /// The code points.
    private(set) var scalars: [Unicode.Scalar]

    /// The origins, in ascending order; neighbours differ and the last ends at `count`.
    private(set) var runs: [Run]

    /// Whether it is safe HTML to Jinja2 (`Markup`), which escapes what is added to it.
    var isMarkup = false

    /// An empty string.
    init() {
        scalars = []
        runs = []
    }

    /// A string all of whose characters are of one origin.
    init(_ scalars: [Unicode.Scalar], origin: Origin) {
        self.scalars = scalars
        self.runs = scalars.isEmpty ? [] : [Run(end: scalars.count, origin: origin)]
    }

    /// A string all of whose characters are of one origin.
    init(_ text: String, origin: Origin) {
        self.init(Array(text.unicodeScalars), origin: origin)
    }

    /// The number of code points, which is what Python's `len` counts.
    var count: Int { scalars.count }

    var isEmpty: Bool { scalars.isEmpty }

    /// The text without the origins.
    package var text: String {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count)
        for scalar in scalars {
            if scalar.isASCII {
                bytes.append(UInt8(truncatingIfNeeded: scalar.value))
            } else {
                bytes.append(contentsOf: UTF8.encode(scalar).map { Array($0) } ?? [])
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The text in parts of one origin each.
    package var parts: [(text: String, origin: Origin)] {
        var start = 0
        return runs.map { run in
            defer { start = run.end }
            return (slice(start..<run.end).text, run.origin)
        }
    }

    /// The characters in a range, with their origins.
    func slice(_ range: Range<Int>) -> TemplateString {
        if range.lowerBound == 0, range.upperBound == count { return self }
        var result = TemplateString()
        result.append(self, range)
        result.isMarkup = isMarkup
        return result
    }

    mutating func append(_ other: TemplateString) {
        append(other, 0..<other.count)
    }

    /// Appends part of another string.
    mutating func append(_ other: TemplateString, _ range: Range<Int>) {
        guard !range.isEmpty else { return }
        let base = scalars.count - range.lowerBound
        scalars.append(contentsOf: other.scalars[range])
        var index = other.runIndex(at: range.lowerBound)
        while index < other.runs.count {
            let run = other.runs[index]
            extendRuns(to: base + min(run.end, range.upperBound), run.origin)
            if run.end >= range.upperBound { break }
            index += 1
        }
    }

    mutating func append(_ text: String, origin: Origin) {
        scalars.append(contentsOf: text.unicodeScalars)
        extendRuns(to: scalars.count, origin)
    }

    mutating func append(_ scalar: Unicode.Scalar, origin: Origin) {
        scalars.append(scalar)
        extendRuns(to: scalars.count, origin)
    }

    /// Each code point replaced by others of the same origin, or kept where `transform` gives nil.
    func mapped(_ transform: (Unicode.Scalar, Int) -> String?) -> TemplateString {
        var result = TemplateString()
        result.isMarkup = isMarkup
        result.scalars.reserveCapacity(count)
        var start = 0
        for run in runs {
            for i in start..<run.end {
                if let replacement = transform(scalars[i], i) {
                    result.scalars.append(contentsOf: replacement.unicodeScalars)
                } else {
                    result.scalars.append(scalars[i])
                }
            }
            result.extendRuns(to: result.scalars.count, run.origin)
            start = run.end
        }
        return result
    }

    /// The code points at ascending or descending offsets.
    func picked(_ offsets: [Int]) -> TemplateString {
        var result = TemplateString()
        if runs.count == 1 {
            result = TemplateString(offsets.map { scalars[$0] }, origin: runs[0].origin)
        } else {
            for offset in offsets { result.append(scalars[offset], origin: origin(at: offset)) }
        }
        result.isMarkup = isMarkup
        return result
    }

    /// Where the character at `index` is from.
    func origin(at index: Int) -> Origin {
        runs[runIndex(at: index)].origin
    }

    private func runIndex(at offset: Int) -> Int {
        var low = 0
        var high = runs.count
        while low < high {
            let middle = (low + high) / 2
            if runs[middle].end <= offset { low = middle + 1 } else { high = middle }
        }
        return low
    }

    private mutating func extendRuns(to end: Int, _ origin: Origin) {
        if let last = runs.indices.last, runs[last].origin == origin {
            runs[last].end = end
        } else if end > (runs.last?.end ?? 0) {
            runs.append(Run(end: end, origin: origin))
        }
    }
}

// Searching and cutting.
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

// Upper and lower case.
extension TemplateString {
    var lowercased: TemplateString {
        mapped { scalar, index in lowercase(scalar, at: index) }
    }

    var uppercased: TemplateString {
        mapped { scalar, _ in uppercase(scalar) }
    }

    /// The first character in title case, the others in lower case.
    var capitalized: TemplateString {
        mapped { scalar, index in
            index == 0 ? scalar.properties.titlecaseMapping : lowercase(scalar, at: index)
        }
    }

    /// `str.title`: a word begins after every character that has no case.
    var titlecased: TemplateString {
        mapped { scalar, index in
            index > 0 && isCased(scalars[index - 1])
                ? lowercase(scalar, at: index) : scalar.properties.titlecaseMapping
        }
    }

    /// The `title` filter: a word begins after a hyphen, white space or an opening bracket.
    var titlecasedByFilter: TemplateString {
        func separates(_ scalar: Unicode.Scalar) -> Bool {
            switch scalar {
            case "-", "(", "{", "[", "<": true
            default: PythonText.isSpace(scalar)
            }
        }
        return mapped { scalar, index in
            index == 0 || separates(scalars[index - 1])
                ? uppercase(scalar) : lowercase(scalar, at: index)
        }
    }

    /// Whether there are cased characters and all of them are upper (or lower) case.
    func isAll(uppercase: Bool) -> Bool {
        var hasCase = false
        for scalar in scalars {
            let properties = scalar.properties
            let isTitle = properties.generalCategory == .titlecaseLetter
            if isTitle || (uppercase ? properties.isLowercase : properties.isUppercase) {
                return false
            }
            if uppercase ? properties.isUppercase : properties.isLowercase { hasCase = true }
        }
        return hasCase
    }

    private func isCased(_ scalar: Unicode.Scalar) -> Bool {
        let properties = scalar.properties
        return properties.isUppercase || properties.isLowercase
            || properties.generalCategory == .titlecaseLetter
    }

    private func uppercase(_ scalar: Unicode.Scalar) -> String? {
        if scalar.isASCII, !("a"..."z").contains(scalar) { return nil }
        return scalar.properties.uppercaseMapping
    }

    private func lowercase(_ scalar: Unicode.Scalar, at index: Int) -> String? {
        if scalar.isASCII, !("A"..."Z").contains(scalar) { return nil }
        // A capital sigma at the end of a word becomes a final sigma.
        guard scalar == "\u{03A3}" else { return scalar.properties.lowercaseMapping }
        var before = index - 1
        while before >= 0, scalars[before].properties.isCaseIgnorable { before -= 1 }
        var after = index + 1
        while after < count, scalars[after].properties.isCaseIgnorable { after += 1 }
        let isFinal =
            before >= 0 && isCased(scalars[before]) && !(after < count && isCased(scalars[after]))
        return isFinal ? "\u{03C2}" : "\u{03C3}"
    }
}

extension TemplateString: Hashable {
    package static func == (left: TemplateString, right: TemplateString) -> Bool {
        left.scalars == right.scalars
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(scalars)
    }
}

extension TemplateString: Comparable {
    package static func < (left: TemplateString, right: TemplateString) -> Bool {
        left.scalars.lexicographicallyPrecedes(right.scalars)
    }
}
