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
