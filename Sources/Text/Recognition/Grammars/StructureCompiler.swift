// SPDX-License-Identifier: Apache-2.0

import JSON

/// Makes one grammar of a structure.
struct StructureCompiler {
    /// The control tokens that grammars may name.
    let controls: ControlTokens
    private let style: RecognitionStyle
    private let limits: RecognitionLimits
    private var grammar = Grammar()
    /// Terminals by the bytes of what they read, since strings that Unicode calls equal differ in them.
    private var expressions: [[UInt8]: Int] = [:]
    private var schemas: [JSONValue: Int] = [:]
    private var freeTexts: [[[UInt8]]: Int] = [:]
    private var unquoted: [[[UInt8]]: Int] = [:]

    /// The grammar of a structure.
    static func grammar(
        of structure: Structure, controls: ControlTokens, style: RecognitionStyle,
        limits: RecognitionLimits
    ) throws(RecognitionError) -> Grammar {
        var compiler = StructureCompiler(controls: controls, style: style, limits: limits)
        compiler.grammar.root = try compiler.compiled(structure, depth: 0)
        return try GrammarLexemes.absorbed(compiler.grammar, limits: limits)
    }

    private init(
        controls: ControlTokens, style: RecognitionStyle, limits: RecognitionLimits
    ) {
        self.controls = controls
        self.style = style
        self.limits = limits.begun()
    }

    private mutating func compiled(
        _ structure: Structure, depth: Int
    ) throws(RecognitionError) -> GrammarExpression {
        guard depth < limits.maxDepth else {
            throw RecognitionError(
                at: "", "the structure nests more than \(limits.maxDepth) levels deep")
        }
        switch structure {
        case .literal(let text): return .bytes(Array(text.utf8))
        case .control(let token): return .control(token)
        case .controlNamed(let name, let place): return .control(try control(name, at: place))
        case .expression(let pattern): return .terminal(try terminal(ofExpression: pattern))
        case .schema(let schema): return .terminal(try terminal(ofSchema: schema))
        case .anyObject: return .terminal(try terminal(ofSchema: ["type": "object"]))
        case .grammar(let text): return try compiled(grammar: text)
        case .sequence(let parts):
            return .sequence(try compiled(parts, depth: depth + 1))
        case .choice(let options):
            return .choice(try compiled(options, depth: depth + 1))
        case .repetition(let part, let least, let most):
            return .repetition(
                try compiled(part, depth: depth + 1), least: least, most: most)
        case .freeText(let triggers, _):
            return .terminal(try terminal(ofFreeTextUntil: triggers))
        case .escaped(let part): return .terminal(try terminal(ofEscaped: part))
        case .unquoted(let schema, let marks):
            return .terminal(try terminal(ofStrings: schema, without: marks))
        }
    }

    /// The control token of a name that a client gave.
    private func control(
        _ name: ControlName, at place: String
    ) throws(RecognitionError) -> Int32 {
        switch name {
        case .name(let name):
            guard let token = controls.id(of: name) else {
                throw RecognitionError(
                    at: place, "the vocabulary has no control token \(name)")
            }
            return token
        case .id(let token):
            if let problem = controls.problem(with: token) {
                throw RecognitionError(at: place, problem)
            }
            return token
        }
    }

    private mutating func compiled(
        _ structures: [Structure], depth: Int
    ) throws(RecognitionError) -> [GrammarExpression] {
        var result: [GrammarExpression] = []
        result.reserveCapacity(structures.count)
        for structure in structures { result.append(try compiled(structure, depth: depth)) }
        return result
    }

    /// Adds a rule that is not defined yet.
    mutating func addRule(_ name: String) -> Int {
        grammar.rules.append(Grammar.Rule(name: name, place: "", expression: .choice([])))
        return grammar.rules.count - 1
    }

    /// Defines a rule.
    mutating func setRule(_ rule: Int, _ expression: GrammarExpression, place: String) {
        grammar.rules[rule].expression = expression
        grammar.rules[rule].place = place
    }

    /// Adds a terminal.
    mutating func add(_ terminal: GrammarTerminal) -> Int {
        grammar.terminals.append(terminal)
        return grammar.terminals.count - 1
    }

    private mutating func terminal(
        ofExpression pattern: String
    ) throws(RecognitionError) -> Int {
        if let known = expressions[Array(pattern.utf8)] { return known }
        let expression = try RegularExpression(wholly: pattern, limits: limits)
        let terminal = add(.automaton(try LazyAutomaton(expression, limits: limits)))
        expressions[Array(pattern.utf8)] = terminal
        return terminal
    }

    /// The terminal of a schema.
    mutating func terminal(
        ofSchema schema: JSONValue
    ) throws(RecognitionError) -> Int {
        if let known = schemas[schema] { return known }
        let document = try SchemaDocument(schema, limits: limits)
        let recognizer = try JSONRecognizer(document, style: style, limits: limits)
        let terminal = add(.embedded(recognizer))
        schemas[schema] = terminal
        return terminal
    }

    /// The terminal of a structure's texts as they stand within a JSON string.
    private mutating func terminal(
        ofEscaped structure: Structure
    ) throws(RecognitionError) -> Int {
        let inner = try Self.grammar(of: structure, controls: [:], style: style, limits: limits)
        for terminal in inner.terminals {
            if case .embedded = terminal {
                throw RecognitionError(
                    at: "", "a text with a schema in it cannot stand within a JSON string")
            }
        }
        let recognizer = try StructureRecognizer(inner, limits: limits)
        return add(.embedded(EscapedRecognizer(recognizer)))
    }

    /// The terminal of a schema's strings, written as they are, without these texts in them.
    private mutating func terminal(
        ofStrings schema: JSONValue, without marks: [String]
    ) throws(RecognitionError) -> Int {
        let document = try SchemaDocument(schema, limits: limits)
        let strings = StringLanguage.strings(of: document)
        // Most parameters are any text; they have one automaton, and so one set of masks.
        let key = marks.map { Array($0.utf8) }
        if strings.isAnyText, let known = unquoted[key] { return known }
        var all = [strings.expression]
        for mark in marks where !mark.isEmpty {
            let found = RegularExpression.concatenation([
                .anyText, RegularExpression(literal: mark), .anyText,
            ])
            all.append(found.complement)
        }
        let automaton = try LazyAutomaton(.intersection(all), limits: limits)
        let terminal = add(.automaton(automaton))
        if !strings.isExact { grammar.documents[terminal] = document }
        if strings.isAnyText { unquoted[key] = terminal }
        return terminal
    }

    private mutating func terminal(
        ofFreeTextUntil triggers: [String]
    ) throws(RecognitionError) -> Int {
        let texts = triggers.map { Array($0.utf8) }
        if let known = freeTexts[texts] { return known }
        guard TriggerAutomaton.cellCount(texts) < limits.maxBytes / 8 else {
            throw RecognitionError(at: "", "the triggers of a free text are too long")
        }
        let terminal = add(.freeText(TriggerAutomaton(texts)))
        freeTexts[texts] = terminal
        return terminal
    }

    private mutating func compiled(
        grammar text: String
    ) throws(RecognitionError) -> GrammarExpression {
        guard text.utf8.count <= limits.maxSourceBytes else {
            throw RecognitionError(
                at: "", "the grammar is longer than \(limits.maxSourceBytes) bytes")
        }
        return Self.isGBNF(text)
            ? try GBNFParser.parse(text, into: &self, limits: limits)
            : try LarkCompiler.parse(text, into: &self, limits: limits)
    }

    /// Whether a grammar is in GBNF: its first rule is defined with `::=`.
    private static func isGBNF(_ text: String) -> Bool {
        var cursor = GrammarCursor(text)
        while let byte = cursor.peek() {
            if byte == UInt8(ascii: "#") || cursor.isAt("//") {
                while let byte = cursor.peek(), byte != 10 { cursor.index += 1 }
            } else if byte == 32 || byte == 9 || byte == 10 || byte == 13 {
                cursor.index += 1
            } else {
                break
            }
        }
        while let byte = cursor.peek(), byte != UInt8(ascii: ":"), byte != 10 { cursor.index += 1 }
        return cursor.isAt("::=")
    }
}
