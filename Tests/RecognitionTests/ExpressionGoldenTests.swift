// SPDX-License-Identifier: Apache-2.0

import Recognition
import Testing

struct ExpressionGoldenTests {
    /// All texts of up to four letters, shorter ones first.
    private static let texts: [String] = {
        var all = [""]
        var last = [""]
        for _ in 0..<4 {
            last = last.flatMap { text in ["a", "b", "-"].map { text + $0 } }
            all += last
        }
        return all
    }()

    @Test func `patterns are found where Python's regex package finds them`() throws {
        for row in ExpressionGoldens.rows.split(separator: "\n") {
            let parts = row.split(separator: " ")
            let pattern = String(parts[0])
            let bits = Array(parts[1].reversed()).compactMap(\.hexDigitValue)
            let automaton = try LazyAutomaton(RegularExpression(ecmaScript: pattern))
            var wrong: [String] = []
            for (index, text) in Self.texts.enumerated() {
                let digit = index / 4 < bits.count ? bits[index / 4] : 0
                let expected = digit >> (index % 4) & 1 == 1
                if automaton.accepts(text.utf8) != expected { wrong.append(text) }
            }
            #expect(wrong.isEmpty, "\(pattern)")
        }
    }

    @Test func `every live state leads to a text, and no dead one does`() throws {
        for row in ExpressionGoldens.rows.split(separator: "\n") {
            let pattern = String(row.split(separator: " ")[0])
            let automaton = try LazyAutomaton(RegularExpression(ecmaScript: pattern))
            for text in Self.texts.prefix(13) {
                let state = automaton.next(automaton.start, text.utf8)
                if state == LazyAutomaton.dead {
                    let completed = Self.texts.filter {
                        $0.hasPrefix(text) && automaton.accepts($0.utf8)
                    }
                    #expect(completed.isEmpty, "\(pattern) after \(text)")
                } else {
                    let rest = try #require(automaton.completion(state), "\(pattern) \(text)")
                    #expect(automaton.accepts(Array(text.utf8) + rest), "\(pattern) after \(text)")
                }
            }
        }
    }
}
