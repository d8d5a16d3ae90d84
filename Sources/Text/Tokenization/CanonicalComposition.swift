// SPDX-License-Identifier: Apache-2.0

/// Unicode normalization form C (UAX #15).
package enum CanonicalComposition {
    /// The composed form of a text in UTF-8; O(n log n).
    package static func compose(_ text: [UInt8]) -> [UInt8] {
        // Below U+0300, whose lead byte is 0xCC, every text is composed.
        guard text.contains(where: { $0 >= 0xCC }) else { return text }
        var scalars: [Unicode.Scalar] = []
        scalars.reserveCapacity(text.count)
        for scalar in String(decoding: text, as: UTF8.self).unicodeScalars {
            appendDecomposition(of: scalar, to: &scalars)
        }
        order(&scalars)
        var result = String.UnicodeScalarView()
        result.append(contentsOf: composed(scalars))
        return Array(String(result).utf8)
    }

    // MARK: Decomposition

    /// The decomposed form of a text (NFD); O(n log n).
    static func decompose(_ text: [Unicode.Scalar]) -> [Unicode.Scalar] {
        var scalars: [Unicode.Scalar] = []
        scalars.reserveCapacity(text.count)
        for scalar in text { appendDecomposition(of: scalar, to: &scalars) }
        order(&scalars)
        return scalars
    }

    private static func appendDecomposition(
        of scalar: Unicode.Scalar, to scalars: inout [Unicode.Scalar]
    ) {
        if scalar.value < 0xC0 {
            scalars.append(scalar)
        } else if let syllable = Hangul.decomposition(of: scalar) {
            scalars += syllable
        } else if let (first, second) = decompositions[scalar] {
            // The table has one step; the first part may have another, at most thrice.
            appendDecomposition(of: first, to: &scalars)
            if let second { scalars.append(second) }
        } else {
            scalars.append(scalar)
        }
    }

    /// Sorts every run of combining marks by class, stably.
    private static func order(_ scalars: inout [Unicode.Scalar]) {
        var start = 0
        while start < scalars.count {
            var end = start
            var isOrdered = true
            var last: UInt8 = 0
            while end < scalars.count {
                let combiningClass = combiningClass(scalars[end])
                if combiningClass == 0 { break }
                if combiningClass < last { isOrdered = false }
                last = combiningClass
                end += 1
            }
            if !isOrdered {
                let run = (start..<end).map { (combiningClass(scalars[$0]), $0, scalars[$0]) }
                let sorted = run.sorted { ($0.0, $0.1) < ($1.0, $1.1) }
                for (offset, entry) in sorted.enumerated() { scalars[start + offset] = entry.2 }
            }
            start = max(end, start + 1)
        }
    }

    private static func combiningClass(_ scalar: Unicode.Scalar) -> UInt8 {
        scalar.value < 0x300 ? 0 : scalar.properties.canonicalCombiningClass.rawValue
    }

    // MARK: Composition

    private static func composed(_ scalars: [Unicode.Scalar]) -> [Unicode.Scalar] {
        var result: [Unicode.Scalar] = []
        result.reserveCapacity(scalars.count)
        var starter = -1
        var lastClass: UInt8 = 0
        for scalar in scalars {
            let ownClass = combiningClass(scalar)
            // A mark is blocked from its starter by one of the same or a higher class between.
            let isBlocked = starter >= 0 && starter < result.count - 1 && lastClass >= ownClass
            if starter >= 0, !isBlocked, let whole = compose(result[starter], scalar) {
                result[starter] = whole
                continue
            }
            if ownClass == 0 { starter = result.count }
            lastClass = ownClass
            result.append(scalar)
        }
        return result
    }

    private static func compose(
        _ first: Unicode.Scalar, _ second: Unicode.Scalar
    ) -> Unicode.Scalar? {
        Hangul.compose(first, second) ?? compositions[Pair(first: first, second: second)]
    }

    // MARK: Tables

    private struct Pair: Hashable {
        var first: Unicode.Scalar
        var second: Unicode.Scalar
    }

    private typealias Parts = (first: Unicode.Scalar, second: Unicode.Scalar?)

    private static let entries: [(whole: Unicode.Scalar, parts: Parts, composes: Bool)] =
        CompositionTable.text.split(separator: " ").compactMap { entry in
            let composes = entry.contains("=")
            let sides = entry.split { $0 == "=" || $0 == "<" }
            guard sides.count == 2, let whole = scalar(sides[0]) else { return nil }
            let parts = sides[1].split(separator: "+").compactMap(scalar)
            guard let first = parts.first else { return nil }
            return (whole, (first, parts.dropFirst().first), composes)
        }

    private static func scalar(_ hexadecimal: Substring) -> Unicode.Scalar? {
        UInt32(hexadecimal, radix: 16).flatMap(Unicode.Scalar.init)
    }

    private static let decompositions: [Unicode.Scalar: Parts] = Dictionary(
        entries.map { ($0.whole, $0.parts) }, uniquingKeysWith: { first, _ in first })

    private static let compositions: [Pair: Unicode.Scalar] = {
        var result: [Pair: Unicode.Scalar] = [:]
        for entry in entries where entry.composes {
            guard let second = entry.parts.second else { continue }
            result[Pair(first: entry.parts.first, second: second)] = entry.whole
        }
        return result
    }()
}

/// Composition of Hangul syllables, which is arithmetic (Unicode §3.12).
private enum Hangul {
    static let syllables: UInt32 = 0xAC00
    static let leads: UInt32 = 0x1100
    static let vowels: UInt32 = 0x1161
    static let tails: UInt32 = 0x11A7
    static let leadCount: UInt32 = 19
    static let vowelCount: UInt32 = 21
    static let tailCount: UInt32 = 28

    static func decomposition(of scalar: Unicode.Scalar) -> [Unicode.Scalar]? {
        guard scalar.value >= syllables,
            scalar.value < syllables + leadCount * vowelCount * tailCount
        else { return nil }
        let index = scalar.value - syllables
        let tail = index % tailCount
        let parts = [
            leads + index / (vowelCount * tailCount),
            vowels + index % (vowelCount * tailCount) / tailCount,
        ]
        return (tail == 0 ? parts : parts + [tails + tail]).compactMap(Unicode.Scalar.init)
    }

    static func compose(_ first: Unicode.Scalar, _ second: Unicode.Scalar) -> Unicode.Scalar? {
        if (leads..<leads + leadCount).contains(first.value),
            (vowels..<vowels + vowelCount).contains(second.value)
        {
            let index = (first.value - leads) * vowelCount + second.value - vowels
            return Unicode.Scalar(syllables + index * tailCount)
        }
        let index = first.value &- syllables
        if first.value >= syllables, index < leadCount * vowelCount * tailCount,
            index % tailCount == 0, second.value > tails, second.value < tails + tailCount
        {
            return Unicode.Scalar(first.value + second.value - tails)
        }
        return nil
    }
}
