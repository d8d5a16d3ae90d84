// SPDX-License-Identifier: Apache-2.0

/// Finds the rules of a grammar that are lexemes, such as strings and numbers, and makes each an
/// automaton, so that the masks within it do not depend on what stands around it.
///
/// A lexeme does not refer to itself, and repeats something. The texts stay the same.
struct GrammarLexemes {
    private static let maxCount = 128
    private static let maxWeight = 4096

    /// What is known of a rule.
    private enum Form {
        case unknown, open
        /// It refers to itself or to something that does, or is no expression for another reason.
        case irregular
        /// How many parts it has with all that it refers to, and whether it repeats any.
        case regular(weight: Int, repeats: Bool)
    }

    private var grammar: Grammar
    private let limits: RecognitionLimits
    private var forms: [Form]
    private var expressions: [Int: RegularExpression] = [:]

    /// The grammar with its lexemes as terminals.
    static func absorbed(
        _ grammar: Grammar, limits: RecognitionLimits
    ) throws(RecognitionError) -> Grammar {
        var lexemes = GrammarLexemes(grammar, limits: limits)
        lexemes.classify()
        try lexemes.replace()
        return lexemes.grammar
    }

    private init(_ grammar: Grammar, limits: RecognitionLimits) {
        self.grammar = grammar
        self.limits = limits
        forms = Array(repeating: .unknown, count: grammar.rules.count)
    }

    // MARK: Classification

    /// Gives every rule its form, a rule after those that it refers to.
    private mutating func classify() {
        for first in grammar.rules.indices {
            guard case .unknown = forms[first] else { continue }
            var path: [(rule: Int, references: [Int], next: Int)] = []
            enter(first, &path)
            while let top = path.last {
                if top.next < top.references.count {
                    path[path.count - 1].next += 1
                    let reference = top.references[top.next]
                    if case .unknown = forms[reference] { enter(reference, &path) }
                } else {
                    path.removeLast()
                    // A reference that is still open leads back to where it came from.
                    forms[top.rule] = form(of: grammar.rules[top.rule].expression)
                }
            }
        }
    }

    private mutating func enter(
        _ rule: Int, _ path: inout [(rule: Int, references: [Int], next: Int)]
    ) {
        forms[rule] = .open
        var references: [Int] = []
        Self.forEachReference(in: grammar.rules[rule].expression) { references.append($0) }
        path.append((rule, references, 0))
    }

    private static func forEachReference(
        in expression: GrammarExpression, _ body: (Int) -> Void
    ) {
        switch expression {
        case .rule(let rule): body(rule)
        case .sequence(let parts), .choice(let parts):
            for part in parts { forEachReference(in: part, body) }
        case .repetition(let part, _, _): forEachReference(in: part, body)
        case .bytes, .scalars, .terminal, .control: break
        }
    }

    private func form(of expression: GrammarExpression) -> Form {
        switch expression {
        case .bytes(let bytes): return .regular(weight: 1 + bytes.count / 4, repeats: false)
        case .scalars(let ranges): return .regular(weight: 1 + ranges.count, repeats: false)
        case .terminal, .control: return .irregular
        case .rule(let rule):
            if case .regular = forms[rule] { return forms[rule] }
            return .irregular
        case .repetition(let part, _, let most):
            guard case .regular(let weight, let repeats) = form(of: part) else {
                return .irregular
            }
            return .regular(weight: weight + 1, repeats: repeats || (most ?? 16) >= 16)
        case .sequence(let parts), .choice(let parts):
            var total = 1
            var repeats = false
            for part in parts {
                guard case .regular(let weight, let more) = form(of: part),
                    total + weight <= Self.maxWeight
                else { return .irregular }
                total += weight
                repeats = repeats || more
            }
            return .regular(weight: total, repeats: repeats)
        }
    }

    // MARK: Replacement

    /// Makes terminals of the lexemes that something irregular refers to.
    private mutating func replace() throws(RecognitionError) {
        var wanted: Set<Int> = []
        Self.forEachReference(in: grammar.root) { wanted.insert($0) }
        for rule in grammar.rules.indices {
            if case .regular = forms[rule] { continue }
            Self.forEachReference(in: grammar.rules[rule].expression) { wanted.insert($0) }
        }
        let lexemes = wanted.sorted().filter { rule in
            if case .regular(_, true) = forms[rule] { true } else { false }
        }
        guard lexemes.count <= Self.maxCount else { return }
        for rule in lexemes {
            guard let expression = expression(of: grammar.rules[rule].expression) else { continue }
            let automaton = try LazyAutomaton(expression, limits: limits)
            guard automaton.start != LazyAutomaton.dead else { continue }
            grammar.terminals.append(.automaton(automaton))
            grammar.rules[rule].expression = .terminal(grammar.terminals.count - 1)
        }
    }

    /// The expression of a regular part; nil where it has bytes that spell no text.
    private mutating func expression(of part: GrammarExpression) -> RegularExpression? {
        switch part {
        case .bytes(let bytes):
            return String(validating: bytes, as: UTF8.self).map { RegularExpression(literal: $0) }
        case .scalars(let ranges):
            let set = ScalarSet(ranges.map { ScalarRange($0.lowerBound, $0.upperBound) })
            return RegularExpression(set)
        case .rule(let rule):
            if let known = expressions[rule] { return known }
            let result = expression(of: grammar.rules[rule].expression)
            expressions[rule] = result
            return result
        case .sequence(let parts): return expressions(of: parts).map { .concatenation($0) }
        case .choice(let parts): return expressions(of: parts).map { .union($0) }
        case .repetition(let part, let least, let most):
            return expression(of: part)?.repeated(least, most)
        case .terminal, .control: return nil
        }
    }

    private mutating func expressions(of parts: [GrammarExpression]) -> [RegularExpression]? {
        var result: [RegularExpression] = []
        for part in parts {
            guard let expression = expression(of: part) else { return nil }
            result.append(expression)
        }
        return result
    }
}
