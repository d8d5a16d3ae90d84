// SPDX-License-Identifier: Apache-2.0

import Recognition
import Testing

struct LazyAutomatonTests {
    private func found(_ pattern: String, in text: String) throws -> Bool {
        let automaton = try LazyAutomaton(RegularExpression(ecmaScript: pattern))
        return automaton.accepts(text.utf8)
    }

    @Test(arguments: [
        ("abc", "xabcx", true), ("^abc", "xabc", false), ("abc$", "xabc", true),
        ("^(a|b)*c{2,3}$", "ababcc", true), ("^(a|b)*c{2,3}$", "ababcccc", false),
        ("^$|^a", "", true), ("^$|^a", "b", false), ("^[^,]*$", "añ€😀", true),
        ("^\\d{4}-\\d{2}$", "2024-12", true), ("^\\d{4}-\\d{2}$", "2024-1", false),
        ("^(?!foo)[a-z]+$", "food", false), ("^(?!foo)[a-z]+$", "fod", true),
        ("^(?:(?!foo).)*$", "xxfoxx", true), ("^(?:(?!foo).)*$", "xxfooxx", false),
        ("\\bfoo\\b", "a foo b", true), ("\\bfoo\\b", "afoo b", false),
        ("(?<!a)b", "ab", false), ("(?<!a)b", "abb", true), ("(?<=a)b", "cb", false),
        ("(?=.*\\d)(?=.*[a-z])^.{3,5}$", "a1_", true),
        ("(?=.*\\d)(?=.*[a-z])^.{3,5}$", "a__", false),
        ("^(?:a|b$)*$", "aab", true), ("^(?:a|b$)*$", "aaba", false),
        ("^[a-z-]+(?<!-)$", "a-b", true), ("^[a-z-]+(?<!-)$", "ab-", false),
        ("^(?:a|(?<=a)b)+$", "aab", true), ("^(?:a|(?<=a)b)+$", "aabb", false),
        ("(?<=^|,)x", "x", true), ("(?<=^|,)x", "a,x", true), ("(?<=^|,)x", "ax", false),
        ("^.*(?<!foo)$", "afoo", false), ("^.*(?<!foo)$", "afo", true),
        ("^(?!x)[a-z]+(?<!ab)(?<!cd)$", "aab", false),
        ("^(?!x)[a-z]+(?<!ab)(?<!cd)$", "xaa", false),
        ("^(?!x)[a-z]+(?<!ab)(?<!cd)$", "axcx", true),
        ("\\p{Lu}\\p{Script=Greek}", "aÉλ", true), ("^\\P{L}$", "é", false),
        ("^[\\p{Emoji_Modifier}\\p{ExtPict}]+$", "😀", true), ("^\\p{Math}$", "a", false),
        ("(?i)straße", "STRAßE", true), ("^[\\uD800-\\uDBFF]$", "a", false),
        ("^\\uD83D\\uDE00$", "😀", true), ("^(?i:k)b$", "\u{212A}b", true),
        ("^[\\w-]+$", "a-b", true), ("^.$", "\u{2028}", false), ("^.{2}$", "é😀", true),
    ])
    func `a pattern is found where ECMAScript finds it`(
        _ pattern: String, _ text: String, _ expected: Bool
    ) throws {
        #expect(try found(pattern, in: text) == expected)
    }

    @Test func `a text is dead exactly when nothing completes it`() throws {
        let automaton = try LazyAutomaton(RegularExpression(ecmaScript: "^(?!ab)[ab]{2}$"))
        let a = automaton.next(automaton.start, 0x61)
        #expect(a != LazyAutomaton.dead)
        #expect(automaton.next(a, 0x62) == LazyAutomaton.dead)
        #expect(automaton.completion(automaton.start)?.count == 2)
    }
}
