// SPDX-License-Identifier: Apache-2.0

import JSON

/// Makes one grammar of a structure.
struct StructureCompiler {
    private let style: RecognitionStyle
    private let limits: RecognitionLimits
    private var grammar = Grammar()
    private var expressions: [String: Int] = [:]
    private var schemas: [JSONValue: Int] = [:]

    /// The grammar of a structure.
    static func grammar(
        of structure: Structure, style: RecognitionStyle, limits: RecognitionLimits
    ) throws(RecognitionError) -> Grammar {
        var compiler = StructureCompiler(style: style, limits: limits)
        compiler.grammar.root = try compiler.compiled(structure, depth: 0)
        return compiler.grammar
    }

    private init(style: RecognitionStyle, limits: RecognitionLimits) {
        self.style = style
        self.limits = limits
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
        case .escaped:
            throw RecognitionError(at: "", "texts within JSON strings are not built yet")
        case .unquoted(_, let marks):
            // A superset: which of these texts the schema takes is not looked at yet.
            return .terminal(try terminal(ofFreeTextUntil: marks))
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

    private mutating func add(_ terminal: GrammarTerminal) -> Int {
        grammar.terminals.append(terminal)
        return grammar.terminals.count - 1
    }

    private mutating func terminal(
        ofExpression pattern: String
    ) throws(RecognitionError) -> Int {
        if let known = expressions[pattern] { return known }
        let expression = try RegularExpression(wholly: pattern, limits: limits)
        let terminal = add(.automaton(try LazyAutomaton(expression, limits: limits)))
        expressions[pattern] = terminal
        return terminal
    }

    private mutating func terminal(
        ofSchema schema: JSONValue
    ) throws(RecognitionError) -> Int {
        if let known = schemas[schema] { return known }
        throw RecognitionError(at: "", "schemas are not built yet")
    }

    private mutating func terminal(
        ofFreeTextUntil triggers: [String]
    ) throws(RecognitionError) -> Int {
        let texts = triggers.map { Array($0.utf8) }
        guard TriggerAutomaton.cellCount(texts) < limits.maxBytes / 8 else {
            throw RecognitionError(at: "", "the triggers of a free text are too long")
        }
        return add(.freeText(TriggerAutomaton(texts)))
    }

    private mutating func compiled(
        grammar text: String
    ) throws(RecognitionError) -> GrammarExpression {
        throw RecognitionError(at: "", "grammars are not built yet")
    }
}
