// SPDX-License-Identifier: Apache-2.0

import Recognition
import Testing

/// Random expressions over two letters beside a matcher that tries everything.
struct ExpressionLawTests {
    private indirect enum Form {
        case letter(String)
        case any
        case nothing
        case empty
        case sequence(Form, Form)
        case either(Form, Form)
        case both(Form, Form)
        case not(Form)
        case repeated(Form, Int, Int?)

        var expression: RegularExpression {
            switch self {
            case .letter(let letter): RegularExpression(literal: letter)
            case .any: .anyText
            case .nothing: .nothing
            case .empty: .empty
            case .sequence(let first, let second):
                .concatenation([first.expression, second.expression])
            case .either(let first, let second): .union([first.expression, second.expression])
            case .both(let first, let second):
                .intersection([first.expression, second.expression])
            case .not(let form): form.expression.complement
            case .repeated(let form, let least, let most): form.expression.repeated(least, most)
            }
        }

        func matches(_ text: ArraySlice<Character>) -> Bool {
            switch self {
            case .letter(let letter): return String(text) == letter
            case .any: return true
            case .nothing: return false
            case .empty: return text.isEmpty
            case .sequence(let first, let second):
                return (text.startIndex...text.endIndex).contains {
                    first.matches(text[..<$0]) && second.matches(text[$0...])
                }
            case .either(let first, let second):
                return first.matches(text) || second.matches(text)
            case .both(let first, let second): return first.matches(text) && second.matches(text)
            case .not(let form): return !form.matches(text)
            case .repeated(let form, let least, let most):
                if let most, most == 0 { return text.isEmpty && least == 0 }
                if text.isEmpty { return least == 0 || form.matches(text) }
                let rest = Form.repeated(form, max(0, least - 1), most.map { $0 - 1 })
                // An empty iteration only counts.
                if least > 0, form.matches(text[..<text.startIndex]), rest.matches(text) {
                    return true
                }
                return (text.startIndex + 1...text.endIndex).contains {
                    form.matches(text[..<$0]) && rest.matches(text[$0...])
                }
            }
        }

        static func random(_ depth: Int, _ generator: inout Generator) -> Form {
            let kind = depth == 0 ? generator.below(10) : generator.below(18)
            switch kind {
            case 0, 1, 2, 3: return .letter("a")
            case 4, 5, 6: return .letter("b")
            case 7: return .any
            case 8: return .empty
            case 9: return generator.below(4) == 0 ? .nothing : .letter("ab")
            case 10, 11, 12:
                return .sequence(
                    random(depth - 1, &generator), random(depth - 1, &generator))
            case 13: return .either(random(depth - 1, &generator), random(depth - 1, &generator))
            case 14: return .both(random(depth - 1, &generator), random(depth - 1, &generator))
            case 15: return .not(random(depth - 1, &generator))
            default:
                let least = generator.below(3)
                let most = generator.below(3) == 0 ? nil : least + generator.below(3)
                return .repeated(random(depth - 1, &generator), least, most)
            }
        }
    }

    private struct Generator {
        var state: UInt64

        mutating func below(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }
    }

    private static let texts: [String] = {
        var all = [""]
        var last = [""]
        for _ in 0..<6 {
            last = last.flatMap { [$0 + "a", $0 + "b"] }
            all += last
        }
        return all
    }()

    @Test func `automata agree with trying everything`() throws {
        var generator = Generator(state: 3)
        for _ in 0..<80 {
            let form = Form.random(4, &generator)
            let automaton = try LazyAutomaton(form.expression)
            for text in Self.texts {
                #expect(
                    automaton.accepts(text.utf8) == form.matches(Array(text)[...]),
                    "\(form) on \(text)")
            }
        }
    }

    @Test func `dead and all-accepting states are so exactly`() throws {
        var generator = Generator(state: 7)
        for _ in 0..<80 {
            let form = Form.random(4, &generator)
            let automaton = try LazyAutomaton(form.expression)
            for text in Self.texts.prefix(31) {
                let state = automaton.next(automaton.start, text.utf8)
                let verdicts = Self.texts.filter { $0.hasPrefix(text) }.map {
                    form.matches(Array($0)[...])
                }
                if state == LazyAutomaton.dead {
                    #expect(!verdicts.contains(true), "\(form) after \(text)")
                } else {
                    let rest = try #require(automaton.completion(state), "\(form) after \(text)")
                    #expect(automaton.accepts(Array(text.utf8) + rest))
                }
                if automaton.acceptsEverything(state) {
                    #expect(!verdicts.contains(false), "\(form) after \(text)")
                }
            }
        }
    }

    @Test func `a complement takes what the expression does not, and nothing else`() throws {
        var generator = Generator(state: 11)
        for _ in 0..<50 {
            let expression = Form.random(4, &generator).expression
            let both = RegularExpression.intersection([expression, expression.complement])
            let either = RegularExpression.union([expression, expression.complement])
            #expect(try LazyAutomaton(both).start == LazyAutomaton.dead)
            let all = try LazyAutomaton(either)
            #expect(all.acceptsEverything(all.start))
        }
    }
}
