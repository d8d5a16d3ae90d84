// SPDX-License-Identifier: Apache-2.0

import JSON

/// Makes rules of a Lark grammar.
///
/// There is no lexer apart: a terminal is read where the rules want one, and may end wherever it is
/// complete. A text that Lark takes is always taken; where its lexer would have joined two terminals
/// into a longer one, or seen a keyword in a name, some are taken that Lark would not. Priorities
/// and names of alternatives mean nothing.
struct LarkCompiler {
    private let cursor: GrammarCursor
    private let source: LarkGrammar
    private let limits: RecognitionLimits
    private var names = GrammarNames()
    private var definitions: [String: Int] = [:]
    private var expressions: [String: RegularExpression] = [:]
    private var terminals: [String: GrammarExpression] = [:]
    private var templates: [LarkSyntax: Int] = [:]
    private var grammars: [LarkGrammar: GrammarExpression] = [:]
    /// Templates whose bodies are still to be made.
    private var pending: [(rule: Int, definition: Int, arguments: [String: LarkSyntax])] = []
    /// What may stand after each terminal.
    private var ignored: GrammarExpression?
    private var automatonBytes = 0
    private var partCount = 0
    private var weights: [String: Int] = [:]
    private var weightDepth = 0

    /// Reads a grammar into the compiler's and gives its rule `start`.
    static func parse(
        _ text: String, into compiler: inout StructureCompiler, limits: RecognitionLimits
    ) throws(RecognitionError) -> GrammarExpression {
        let cursor = GrammarCursor(text)
        let source = try LarkParser.parse(cursor, controls: compiler.controls, limits: limits)
        var lark = LarkCompiler(cursor: cursor, source: source, limits: limits.begun())
        return try lark.compile(into: &compiler)
    }

    private init(cursor: GrammarCursor, source: LarkGrammar, limits: RecognitionLimits) {
        self.cursor = cursor
        self.source = source
        self.limits = limits
    }

    /// The texts of a grammar within this one, which shares its limits and nothing else.
    private mutating func compiled(
        _ grammar: LarkGrammar, into compiler: inout StructureCompiler
    ) throws(RecognitionError) -> GrammarExpression {
        if let known = grammars[grammar] { return known }
        var lark = LarkCompiler(cursor: cursor, source: grammar, limits: limits)
        (lark.partCount, lark.automatonBytes) = (partCount, automatonBytes)
        let result = try lark.compile(into: &compiler)
        (partCount, automatonBytes) = (lark.partCount, lark.automatonBytes)
        grammars[grammar] = result
        return result
    }

    private mutating func compile(
        into compiler: inout StructureCompiler
    ) throws(RecognitionError) -> GrammarExpression {
        for (index, definition) in source.definitions.enumerated() {
            guard definitions.updateValue(index, forKey: definition.name) == nil else {
                throw cursor.error(
                    "the rule \(definition.name) is defined twice", at: definition.place)
            }
        }
        try compileIgnored(into: &compiler)
        for definition in source.definitions {
            guard !Self.isTerminal(definition.name), definition.parameters.isEmpty else { continue }
            let expression = try compiled(definition.syntax, [:], depth: 0, into: &compiler)
            try names.define(
                definition.name, as: expression, at: definition.place, cursor, in: &compiler)
        }
        while let template = pending.popLast() {
            let definition = source.definitions[template.definition]
            let expression = try compiled(
                definition.syntax, template.arguments, depth: 0, into: &compiler)
            compiler.setRule(template.rule, expression, place: cursor.place(of: definition.place))
        }
        let start = GrammarExpression.rule(try names.root("start", cursor))
        return ignored.map { .sequence([$0, start]) } ?? start
    }

    private mutating func compileIgnored(
        into compiler: inout StructureCompiler
    ) throws(RecognitionError) {
        guard !source.ignored.isEmpty else { return }
        var all: [RegularExpression] = []
        for syntax in source.ignored { all.append(try expression(of: syntax, visiting: [])) }
        let any = RegularExpression.union(all).repeated(0, nil)
        ignored = try terminal(any, into: &compiler)
    }

    /// Whether a name is that of a terminal: it is in capitals.
    private static func isTerminal(_ name: String) -> Bool {
        guard let first = name.utf8.first(where: { $0 != UInt8(ascii: "_") }) else { return false }
        return UInt8(ascii: "A") <= first && first <= UInt8(ascii: "Z")
    }

    // MARK: Rules

    private mutating func compiled(
        _ syntax: LarkSyntax, _ arguments: [String: LarkSyntax], depth: Int,
        into compiler: inout StructureCompiler
    ) throws(RecognitionError) -> GrammarExpression {
        partCount += 1
        if partCount & 0xFF == 0, limits.isOverdue {
            throw RecognitionError(at: "", "the grammar takes too long to compile")
        }
        guard depth < limits.maxDepth, partCount < Self.maxParts else {
            throw RecognitionError(
                at: "", "the grammar nests too deeply, or its templates make too much of it")
        }
        switch syntax {
        case .string(let text, false): return lexeme(.bytes(Array(text.utf8)))
        case .range(let low, let high): return lexeme(.scalars([low...high]))
        case .string, .pattern, .intersection, .complement:
            return lexeme(try terminal(expression(of: syntax, visiting: []), into: &compiler))
        case .name(let name, let place):
            if let argument = arguments[name] {
                return try compiled(argument, [:], depth: depth + 1, into: &compiler)
            }
            if Self.isTerminal(name) {
                return lexeme(try terminal(named: name, at: place, into: &compiler))
            }
            if let index = definitions[name], !source.definitions[index].parameters.isEmpty {
                throw cursor.error("the template \(name) needs arguments", at: place)
            }
            return .rule(names.number(of: name, at: place, in: &compiler))
        case .template(let name, let given, let place):
            let bound = given.map { Self.substituted($0, arguments) }
            return .rule(try rule(of: name, bound, at: place, into: &compiler))
        case .controls(let tokens): return .choice(tokens.map { .control($0) })
        case .schema(let schema, let place):
            do {
                return lexeme(.terminal(try compiler.terminal(ofSchema: schema)))
            } catch {
                throw cursor.error("\(error)", at: place)
            }
        case .substring(let pieces): return lexeme(substring(pieces, into: &compiler))
        case .grammar(let grammar): return lexeme(try compiled(grammar, into: &compiler))
        case .sequence(let parts):
            var result: [GrammarExpression] = []
            for part in parts {
                result.append(try compiled(part, arguments, depth: depth + 1, into: &compiler))
            }
            return .sequence(result)
        case .choice(let options):
            var result: [GrammarExpression] = []
            for option in options {
                result.append(try compiled(option, arguments, depth: depth + 1, into: &compiler))
            }
            return .choice(result)
        case .repetition(let part, let least, let most):
            let inner = try compiled(part, arguments, depth: depth + 1, into: &compiler)
            return .repetition(inner, least: least, most: most)
        }
    }

    /// A terminal and what may be ignored after it.
    private func lexeme(_ expression: GrammarExpression) -> GrammarExpression {
        ignored.map { .sequence([expression, $0]) } ?? expression
    }

    /// Any run of pieces: from each, it may stop or go on to the next.
    private func substring(
        _ pieces: [String], into compiler: inout StructureCompiler
    ) -> GrammarExpression {
        var rest: GrammarExpression?
        var options: [GrammarExpression] = [.empty]
        for piece in pieces.reversed() {
            let more = rest.map { GrammarExpression.choice([.empty, $0]) } ?? .empty
            let rule = compiler.addRule("")
            compiler.setRule(rule, .sequence([.bytes(Array(piece.utf8)), more]), place: "")
            rest = .rule(rule)
            options.append(.rule(rule))
        }
        return .choice(options)
    }

    /// The rule of a template with these arguments.
    private mutating func rule(
        of name: String, _ arguments: [LarkSyntax], at place: Int,
        into compiler: inout StructureCompiler
    ) throws(RecognitionError) -> Int {
        let key = LarkSyntax.template(name, arguments, place: 0)
        // A template that uses itself with ever larger arguments has no end.
        var weight = Self.maxArgumentWeight
        guard templates.count < 10_000, Self.isLight(key, depth: 0, &weight) else {
            throw cursor.error("the template \(name) is used in too many ways", at: place)
        }
        if let known = templates[key] { return known }
        guard let index = definitions[name] else {
            throw cursor.error("the template \(name) is not defined", at: place)
        }
        let parameters = source.definitions[index].parameters
        guard parameters.count == arguments.count, !parameters.isEmpty else {
            throw cursor.error(
                "the template \(name) takes \(parameters.count) arguments", at: place)
        }
        let rule = compiler.addRule(name)
        templates[key] = rule
        pending.append((rule, index, Dictionary(zip(parameters, arguments)) { first, _ in first }))
        return rule
    }

    private static let maxArgumentWeight = 1000
    private static let maxParts = 1 << 20

    /// Whether a template's arguments are of a size that may be copied.
    private static func isLight(_ syntax: LarkSyntax, depth: Int, _ weight: inout Int) -> Bool {
        weight -= 1
        guard weight > 0, depth < 200 else { return false }
        switch syntax {
        case .sequence(let parts), .choice(let parts), .intersection(let parts),
            .template(_, let parts, _):
            for part in parts where !isLight(part, depth: depth + 1, &weight) { return false }
            return true
        case .complement(let part), .repetition(let part, _, _):
            return isLight(part, depth: depth + 1, &weight)
        default: return true
        }
    }

    /// The syntax with the arguments of a template in place of its parameters.
    private static func substituted(
        _ syntax: LarkSyntax, _ arguments: [String: LarkSyntax]
    ) -> LarkSyntax {
        guard !arguments.isEmpty else { return syntax }
        switch syntax {
        case .name(let name, _): return arguments[name] ?? syntax
        case .template(let name, let given, let place):
            return .template(name, given.map { substituted($0, arguments) }, place: place)
        case .sequence(let parts): return .sequence(parts.map { substituted($0, arguments) })
        case .choice(let options): return .choice(options.map { substituted($0, arguments) })
        case .repetition(let part, let least, let most):
            return .repetition(substituted(part, arguments), least: least, most: most)
        default: return syntax
        }
    }

    // MARK: Terminals

    private mutating func terminal(
        named name: String, at place: Int, into compiler: inout StructureCompiler
    ) throws(RecognitionError) -> GrammarExpression {
        if let known = terminals[name] { return known }
        let result: GrammarExpression
        if let index = definitions[name],
            case .string(let text, false) = source.definitions[index].syntax
        {
            result = .bytes(Array(text.utf8))
        } else if definitions[name] == nil, source.declared.contains(name) {
            let controls = compiler.controls
            guard let token = controls.id(of: name) ?? controls.id(of: "<\(name)>") else {
                throw cursor.error("the terminal \(name) has no text", at: place)
            }
            result = .control(token)
        } else {
            let expression = try expression(of: .name(name, place: place), visiting: [])
            result = try terminal(expression, into: &compiler)
        }
        terminals[name] = result
        return result
    }

    private mutating func terminal(
        _ expression: RegularExpression, into compiler: inout StructureCompiler
    ) throws(RecognitionError) -> GrammarExpression {
        let automaton = try LazyAutomaton(expression, limits: limits)
        automatonBytes += automaton.byteCount
        guard automatonBytes < limits.maxBytes / 2 else {
            throw RecognitionError(at: "", "the grammar's terminals take too much memory")
        }
        return .terminal(compiler.add(.automaton(automaton)))
    }

    /// The expression of a terminal or of what stands in one.
    private mutating func expression(
        of syntax: LarkSyntax, visiting: [String]
    ) throws(RecognitionError) -> RegularExpression {
        switch syntax {
        case .string(let text, let ignoresCase):
            guard ignoresCase else { return RegularExpression(literal: text) }
            return .concatenation(
                text.unicodeScalars.map { RegularExpression(ScalarSet($0.value).ignoringCase) })
        case .pattern(let pattern, let flags, let place):
            return try expression(ofPattern: pattern, flags: flags, at: place)
        case .range(let low, let high):
            return RegularExpression(ScalarSet([ScalarRange(low, high)]))
        case .name(let name, let place):
            return try expression(named: name, at: place, visiting: visiting)
        case .sequence(let parts):
            return .concatenation(try expressions(of: parts, visiting: visiting))
        case .choice(let options):
            return .union(try expressions(of: options, visiting: visiting))
        case .intersection(let all):
            return .intersection(try expressions(of: all, visiting: visiting))
        case .complement(let inner):
            return try expression(of: inner, visiting: visiting).complement
        case .repetition(let part, let least, let most):
            return try expression(of: part, visiting: visiting).repeated(least, most)
        case .template(let name, _, let place):
            throw cursor.error("the template \(name) cannot stand in a terminal", at: place)
        case .schema(_, let place):
            throw cursor.error("%json cannot stand in a terminal", at: place)
        case .controls, .substring, .grammar:
            throw RecognitionError(
                at: "", "tokens, substrings and grammars cannot stand in a terminal")
        }
    }

    private static let maxTerminalWeight = 100_000

    /// How long a terminal is with all that it names; terminals that name each other twice double.
    private mutating func weight(ofTerminal name: String) -> Int {
        if let known = weights[name] { return known }
        // One that contains itself is an error elsewhere.
        weights[name] = 1
        guard let index = definitions[name] else { return 1 }
        guard weightDepth < 64 else { return 1 << 40 }
        weightDepth += 1
        let weight = weight(of: source.definitions[index].syntax)
        weightDepth -= 1
        weights[name] = weight
        return weight
    }

    private mutating func weight(of syntax: LarkSyntax) -> Int {
        switch syntax {
        case .string(let text, _): return 1 + text.utf8.count
        case .pattern(let pattern, _, _): return 1 + pattern.utf8.count
        case .name(let name, _): return weight(ofTerminal: name)
        case .sequence(let parts), .choice(let parts), .intersection(let parts):
            return parts.reduce(1) { min(1 << 40, $0 + min(1 << 40, weight(of: $1))) }
        case .complement(let part), .repetition(let part, _, _): return 1 + weight(of: part)
        case .range, .template, .controls, .schema, .substring, .grammar: return 1
        }
    }

    private mutating func expressions(
        of parts: [LarkSyntax], visiting: [String]
    ) throws(RecognitionError) -> [RegularExpression] {
        var result: [RegularExpression] = []
        for part in parts { result.append(try expression(of: part, visiting: visiting)) }
        return result
    }

    private mutating func expression(
        named name: String, at place: Int, visiting: [String]
    ) throws(RecognitionError) -> RegularExpression {
        if let known = expressions[name] { return known }
        guard !visiting.contains(name) else {
            throw cursor.error("the terminal \(name) contains itself; make it a rule", at: place)
        }
        guard visiting.count < 64 else {
            throw cursor.error("terminals nest too deeply", at: place)
        }
        guard weight(ofTerminal: name) <= Self.maxTerminalWeight else {
            throw cursor.error("the terminal \(name) is too large with all it names", at: place)
        }
        let result: RegularExpression
        if let index = definitions[name] {
            guard Self.isTerminal(name) else {
                throw cursor.error("the rule \(name) cannot stand in a terminal", at: place)
            }
            result = try expression(
                of: source.definitions[index].syntax, visiting: visiting + [name])
        } else if let imported = source.imports[name] {
            guard let pattern = LarkTerminals.pattern(of: imported.common) else {
                throw cursor.error(
                    "common has no terminal \(imported.common)", at: imported.place)
            }
            result = try RegularExpression(wholly: pattern, limits: limits)
        } else {
            throw cursor.error("the terminal \(name) is not defined", at: place)
        }
        expressions[name] = result
        return result
    }

    private func expression(
        ofPattern pattern: String, flags: String, at place: Int
    ) throws(RecognitionError) -> RegularExpression {
        var pattern = flags.contains("s") ? "(?s:\(pattern))" : Self.withDots(pattern)
        if flags.contains("i") { pattern = "(?i:\(pattern))" }
        do {
            return try RegularExpression(wholly: pattern, limits: limits)
        } catch {
            throw cursor.error("in the expression: \(error)", at: place)
        }
    }

    /// The pattern with `.` as Python and Rust read it, which is anything but a line feed.
    private static func withDots(_ pattern: String) -> String {
        var result = String.UnicodeScalarView()
        var isEscaped = false
        var isInClass = false
        for scalar in pattern.unicodeScalars {
            if scalar == ".", !isEscaped, !isInClass {
                result.append(contentsOf: "[^\\n]".unicodeScalars)
                continue
            }
            if !isEscaped {
                if scalar == "[" { isInClass = true }
                if scalar == "]" { isInClass = false }
            }
            isEscaped = scalar == "\\" && !isEscaped
            result.append(scalar)
        }
        return String(result)
    }
}
