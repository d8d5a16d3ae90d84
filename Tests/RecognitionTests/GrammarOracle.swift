// SPDX-License-Identifier: Apache-2.0

/// A random grammar over the letters a and b, and the texts of it, found by trying all.
struct GrammarOracle {
    /// A letter or a repetition of ``repetitions``, or a rule below 0: `-1 - rule`.
    private let rules: [[[Int]]]

    /// What parts of 2 and more are, and the texts of each up to six letters.
    private static let repetitions: [(text: String, texts: Set<String>)] = [
        ("\"a\"*", Set((0...6).map { String(repeating: "a", count: $0) })),
        ("(\"a\" \"b\")+", Set((1...3).map { String(repeating: "ab", count: $0) })),
        ("(\"b\" | \"\"){0,20}", Set((0...6).map { String(repeating: "b", count: $0) })),
    ]

    /// A grammar of some rules with some alternatives of up to three parts; empty ones are frequent,
    /// and so is recursion of any kind.
    init(using random: inout SplitMix) {
        let count = Int.random(in: 1...4, using: &random)
        rules = (0..<count).map { _ in
            (0..<Int.random(in: 1...3, using: &random)).map { _ in
                (0..<Int.random(in: 0...3, using: &random)).map { _ in
                    Bool.random(using: &random)
                        ? max(0, Int.random(in: -2...4, using: &random))
                        : -1 - Int.random(in: 0..<count, using: &random)
                }
            }
        }
    }

    /// The grammar in GBNF.
    var text: String {
        rules.indices.map { rule in
            let alternatives = rules[rule].map { parts in
                parts.map { Self.spelled($0) }.joined(separator: " ")
            }
            return "\(Self.name(rule)) ::= \(alternatives.joined(separator: " | "))\n"
        }.joined()
    }

    private static func spelled(_ part: Int) -> String {
        switch part {
        case ..<0: name(-1 - part)
        case 0: "\"a\""
        case 1: "\"b\""
        default: repetitions[part - 2].text
        }
    }

    private static func name(_ rule: Int) -> String { rule == 0 ? "root" : "r\(rule)" }

    /// Whether every rule derives something.
    var isProductive: Bool { productive.allSatisfy { $0 } }

    private var productive: [Bool] {
        var result = rules.map { _ in false }
        for _ in rules {
            for rule in rules.indices where !result[rule] {
                result[rule] = rules[rule].contains { parts in
                    parts.allSatisfy { $0 >= 0 || result[-1 - $0] }
                }
            }
        }
        return result
    }

    /// All texts up to a length.
    func texts(upTo length: Int) -> Set<String> { languages(upTo: length)[0] }

    private func languages(upTo length: Int) -> [Set<String>] {
        fixedPoint { languages, parts in
            parts.reduce([""]) {
                Self.joined($0, Self.texts(of: $1, languages), length)
            }
        }
    }

    /// All beginnings of texts of any length, up to a length.
    func prefixes(upTo length: Int) -> Set<String> {
        let languages = languages(upTo: length)
        return fixedPoint { prefixes, parts in
            var result: Set<String> = [""]
            var before: Set<String> = [""]
            for part in parts {
                let more: Set<String> =
                    part < 0
                    ? prefixes[-1 - part]
                    : Set(
                        Self.texts(of: part, languages).flatMap { text in
                            (0...text.count).map { String(text.prefix($0)) }
                        })
                result.formUnion(Self.joined(before, more, length))
                before = Self.joined(before, Self.texts(of: part, languages), length)
            }
            return result
        }[0]
    }

    private func fixedPoint(
        _ step: ([Set<String>], [Int]) -> Set<String>
    ) -> [Set<String>] {
        var sets: [Set<String>] = rules.map { _ in [] }
        while true {
            let next = rules.map { alternatives in
                alternatives.reduce(into: Set<String>()) { $0.formUnion(step(sets, $1)) }
            }
            if next == sets { return sets }
            sets = next
        }
    }

    private static func texts(of part: Int, _ languages: [Set<String>]) -> Set<String> {
        switch part {
        case ..<0: languages[-1 - part]
        case 0: ["a"]
        case 1: ["b"]
        default: repetitions[part - 2].texts
        }
    }

    private static func joined(
        _ left: Set<String>, _ right: Set<String>, _ length: Int
    ) -> Set<String> {
        var result: Set<String> = []
        for first in left {
            for second in right where first.utf8.count + second.utf8.count <= length {
                result.insert(first + second)
            }
        }
        return result
    }
}
