// SPDX-License-Identifier: Apache-2.0

import Recognition
import Testing

struct HostileExpressionTests {
    /// An automaton that has read some text, or the place of the error.
    private func answer(_ pattern: String) -> Result<LazyAutomaton, RecognitionError> {
        do {
            let automaton = try LazyAutomaton(RegularExpression(ecmaScript: pattern))
            var state = automaton.start
            for byte in "abacabadabacabae".utf8 where state != LazyAutomaton.dead {
                state = automaton.next(state, byte)
            }
            return .success(automaton)
        } catch {
            return .failure(error)
        }
    }

    private func repeated(_ text: String, _ count: Int) -> String {
        String(repeating: text, count: count)
    }

    @Test(arguments: [
        ("^+", "byte 0"), ("a**", "byte 2"), ("(a", "byte 0"), ("a)", "byte 1"), ("[a", "byte 0"),
        ("[b-a]", "byte 1"), ("a{2,1}", "byte 1"), ("\\", "byte 0"), ("é\\1", "byte 2"),
        ("(a)\\1", "byte 3"), ("\\p{Nonsense}", "byte 0"), ("(?m)^a", "byte 0"),
        ("(?:a(?<=bc))*", "byte 4"), ("(?<=a+)*", "byte 0"), ("\\h", "byte 0"),
        ("x{1000}{1000}", "byte 7"), ("\\u{110000}", "byte 0"), ("(?<1>a)", "byte 0"),
    ])
    func `what is no pattern is refused at its byte`(_ pattern: String, _ place: String) {
        guard case .failure(let error) = answer(pattern) else {
            Issue.record("\(pattern) was taken")
            return
        }
        #expect(error.place == place)
    }

    @Test func `deep nesting is refused, not followed`() {
        for open in ["(", "(?:", "(?=", "(?!", "(?<=", "(?i:"] {
            for pattern in [
                repeated(open, 50_000), repeated(open, 50_000) + repeated(")", 50_000),
            ] {
                guard case .failure(let error) = answer(pattern) else {
                    Issue.record("\(open) was taken")
                    continue
                }
                #expect(error.place.hasPrefix("byte "))
            }
        }
    }

    @Test func `patterns that make others slow are answered within their memory`() throws {
        let patterns = [
            "^(?:a|a)*$", "^(?:a*)*$", repeated("(?:", 240) + "a" + repeated("*b?)*", 240),
            "^(?:x{1000}){1000}$", "^(?:.*a){50}$", "^(?:a|b)*a(?:a|b){30}$", "a.{100}b",
            "^(?:(?:(?!ab).){0,1000}x){0,1000}$", "^(?:(?:(?!ab).)*(?:(?!cd).)*x)*$",
            "^(?=(?:.{7})*$)(?=(?:.{11})*$)(?=(?:.{13})*$).{1,900}$",
            "^" + "abcdefghijklmnopqrst".map { "(?=.*\($0))" }.joined() + ".{8,500}$",
            repeated("a{1,1000}", 1000), repeated("a?b?", 1000), repeated("[ab]", 2000),
            (0..<2000).map { "k\($0)" }.joined(separator: "|"),
            "[" + (0..<5000).map { "\\u{\(String($0 * 2 + 256, radix: 16))}" }.joined() + "]",
            repeated("a", 300_000),
        ]
        for pattern in patterns {
            switch answer(pattern) {
            case .success(let automaton): #expect(automaton.byteCount < 64 << 20)
            case .failure(let error): #expect(error.place.hasPrefix("byte "), "\(error)")
            }
        }
    }

    @Test func `an automaton out of memory refuses, and goes on when it has forgotten`() throws {
        var limits = RecognitionLimits()
        limits.maxBytes = 200_000
        let expression = try RegularExpression(ecmaScript: "^(?:a|b)*a(?:a|b){20}$")
        let automaton = try LazyAutomaton(expression, limits: limits)
        var state = automaton.start
        var generator = SystemRandomNumberGenerator()
        var count = 0
        while !automaton.isExhausted, count < 1_000_000 {
            state = automaton.next(state, generator.next() & 1 == 0 ? 0x61 : 0x62)
            count += 1
        }
        #expect(automaton.isExhausted)
        #expect(state == LazyAutomaton.dead)
        #expect(automaton.byteCount < 400_000)
        automaton.forgetStates()
        #expect(!automaton.isExhausted)
        #expect(automaton.accepts("ab".utf8) == false)
        #expect(automaton.accepts("bbabbbbbbbbbbabbbbbbbbb".utf8) == true)
        #expect(automaton.next(1_000_000, 0x61) == LazyAutomaton.dead)
        #expect(automaton.next(-5, 0x61) == LazyAutomaton.dead)
    }

    @Test func `bytes that are not UTF-8 are refused, cut characters are not`() throws {
        let automaton = try LazyAutomaton(RegularExpression(ecmaScript: "^[^x]*$"))
        for bytes: [UInt8] in [
            [0x80], [0xC0, 0x80], [0xC1, 0xBF], [0xE0, 0x80, 0x80], [0xED, 0xA0, 0x80],
            [0xF0, 0x80, 0x80, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xF5], [0xFF], [0xC3, 0x28],
        ] {
            #expect(automaton.next(automaton.start, bytes) == LazyAutomaton.dead)
        }
        for text in ["é", "€", "😀", "\u{D7FF}", "\u{E000}", "\u{10FFFF}"] {
            let bytes = Array(text.utf8)
            for count in 1..<bytes.count {
                let state = automaton.next(automaton.start, bytes.prefix(count))
                #expect(state != LazyAutomaton.dead)
                #expect(!automaton.accepts(state))
            }
            #expect(automaton.accepts(bytes))
        }
    }

    @Test func `nested counts are one count`() throws {
        let expression = try RegularExpression(wholly: "((((a{0,999}){1,999}){0,999}){0,999})b")
        let automaton = try LazyAutomaton(expression)
        #expect(automaton.accepts((String(repeating: "a", count: 3_000) + "b").utf8))
        let counted = try LazyAutomaton(RegularExpression(wholly: "((a{1,2}){2,3}){0,2}"))
        for count in 0..<16 {
            let text = String(repeating: "a", count: count)
            #expect(counted.accepts(text.utf8) == (count == 0 || (2...12).contains(count)))
        }
    }
}
