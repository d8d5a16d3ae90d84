// SPDX-License-Identifier: Apache-2.0

/// A range of code points, both ends included.
package struct ScalarRange: Hashable, Sendable {
    /// The first code point.
    package var lower: UInt32

    /// The last code point.
    package var upper: UInt32

    /// A range; empty ones cannot be made.
    package init(_ lower: UInt32, _ upper: UInt32) {
        self.lower = min(lower, upper)
        self.upper = max(lower, upper)
    }
}

/// A set of code points.
///
/// UTF-8 cannot write surrogates, so whether they are members means nothing; they follow U+D7FF,
/// so that equal sets of writable code points are equal values.
package struct ScalarSet: Hashable, Sendable {
    /// The largest code point.
    package static let maximum: UInt32 = 0x10_FFFF

    /// Sorted, with a gap between each two.
    package private(set) var ranges: [ScalarRange]

    /// The set of these ranges, in any order.
    package init(_ ranges: [ScalarRange]) {
        self.ranges = ranges
        normalize()
    }

    /// The set of one code point.
    package init(_ scalar: UInt32) {
        ranges = [ScalarRange(scalar, scalar)]
        if scalar >= 0xD7FF, scalar < 0xE000 { normalize() }
    }

    /// The set of these characters.
    package init(_ members: String) {
        self.init(members.unicodeScalars.map { ScalarRange($0.value, $0.value) })
    }

    /// Every code point.
    package static let all = ScalarSet([ScalarRange(0, maximum)])

    /// No code point.
    package static let none = ScalarSet([])

    /// Whether there is none.
    package var isEmpty: Bool { ranges.isEmpty }

    /// The only member; nil where there is not exactly one.
    package var single: UInt32? {
        guard ranges.count == 1, ranges[0].lower == ranges[0].upper else { return nil }
        return ranges[0].lower
    }

    /// Whether a code point is a member.
    package func contains(_ scalar: UInt32) -> Bool {
        var low = 0
        var high = ranges.count
        while low < high {
            let middle = (low + high) / 2
            if ranges[middle].upper < scalar { low = middle + 1 } else { high = middle }
        }
        return low < ranges.count && ranges[low].lower <= scalar
    }

    /// The members of either.
    package func union(_ other: ScalarSet) -> ScalarSet { ScalarSet(ranges + other.ranges) }

    /// All code points but the members.
    package var complement: ScalarSet {
        var result: [ScalarRange] = []
        result.reserveCapacity(ranges.count + 1)
        var next: UInt32 = 0
        for range in ranges {
            if range.lower > next { result.append(ScalarRange(next, range.lower - 1)) }
            next = range.upper + 1
        }
        if next <= Self.maximum { result.append(ScalarRange(next, Self.maximum)) }
        return ScalarSet(result)
    }

    /// The members of both.
    package func intersection(_ other: ScalarSet) -> ScalarSet {
        var result: [ScalarRange] = []
        var left = 0
        var right = 0
        while left < ranges.count, right < other.ranges.count {
            let lower = max(ranges[left].lower, other.ranges[right].lower)
            let upper = min(ranges[left].upper, other.ranges[right].upper)
            if lower <= upper { result.append(ScalarRange(lower, upper)) }
            if ranges[left].upper < other.ranges[right].upper { left += 1 } else { right += 1 }
        }
        return ScalarSet(result)
    }

    /// The members and all that are equal to one of them but for case.
    package var ignoringCase: ScalarSet {
        var result = self
        // Twice, since three may be alike: k, K and the sign of kelvins.
        for _ in 0..<2 {
            var others: [ScalarRange] = []
            for (upper, lower) in Self.casePairs {
                if result.contains(upper) != result.contains(lower) {
                    others.append(ScalarRange(upper, upper))
                    others.append(ScalarRange(lower, lower))
                }
            }
            if others.isEmpty { break }
            result = ScalarSet(result.ranges + others)
        }
        return result
    }

    /// Each code point that has one other in the other case, with that.
    private static let casePairs: [(UInt32, UInt32)] = {
        var pairs: [(UInt32, UInt32)] = []
        for code in 0x41...0x1_E943 as ClosedRange<UInt32> {
            guard let scalar = Unicode.Scalar(code), scalar.properties.isCased else { continue }
            for text in [scalar.properties.lowercaseMapping, scalar.properties.uppercaseMapping] {
                let other = text.unicodeScalars
                if let only = other.first, other.count == 1, only != scalar {
                    pairs.append((code, only.value))
                }
            }
        }
        return pairs
    }()

    private mutating func normalize() {
        var sorted: [ScalarRange] = []
        sorted.reserveCapacity(ranges.count)
        for range in ranges {
            var lower = range.lower
            var upper = min(range.upper, Self.maximum)
            if upper >= 0xD7FF, upper < 0xE000 { upper = lower <= 0xD7FF ? 0xDFFF : 0xD7FF }
            if lower >= 0xD800, lower < 0xE000 { lower = 0xE000 }
            if lower <= upper { sorted.append(ScalarRange(lower, upper)) }
        }
        if sorted.count > 1 {
            sorted.sort { $0.lower < $1.lower }
            var last = 0
            for index in 1..<sorted.count {
                if sorted[index].lower <= sorted[last].upper + 1 {
                    sorted[last].upper = max(sorted[last].upper, sorted[index].upper)
                } else {
                    last += 1
                    sorted[last] = sorted[index]
                }
            }
            sorted.removeLast(sorted.count - 1 - last)
        }
        ranges = sorted
    }
}

extension ScalarSet {
    /// The members of `\d`.
    package static let digits = ScalarSet([ScalarRange(0x30, 0x39)])

    /// The members of `\w`.
    package static let word = ScalarSet([
        ScalarRange(0x30, 0x39), ScalarRange(0x41, 0x5A), ScalarRange(0x5F, 0x5F),
        ScalarRange(0x61, 0x7A),
    ])

    /// Everything that is not `\w`.
    package static let nonWord = word.complement

    /// `\s`: what ECMAScript calls white space and line terminators.
    package static let space = ScalarSet([
        ScalarRange(0x09, 0x0D), ScalarRange(0x20, 0x20), ScalarRange(0xA0, 0xA0),
        ScalarRange(0x1680, 0x1680), ScalarRange(0x2000, 0x200A), ScalarRange(0x2028, 0x2029),
        ScalarRange(0x202F, 0x202F), ScalarRange(0x205F, 0x205F), ScalarRange(0x3000, 0x3000),
        ScalarRange(0xFEFF, 0xFEFF),
    ])

    /// What `.` stands for: everything but line terminators.
    package static let dot = ScalarSet([
        ScalarRange(0x0A, 0x0A), ScalarRange(0x0D, 0x0D), ScalarRange(0x2028, 0x2029),
    ]).complement
}
