// SPDX-License-Identifier: Apache-2.0

/// Reads the statements of a template from its tokens.
///
/// - Source: the grammar of Jinja2 3.1 `parser.py`; recursion is bounded by `maxNesting`.
struct Parser {
    private let reader: TokenReader
    private var expressions: ExpressionParser

    /// How many loops enclose the statement, within the current macro.
    private var loopDepth = 0

    /// Reads a whole template.
    static func parse(
        _ source: String, limits: TemplateLimits
    ) throws(TemplateError) -> [Statement] {
        let tokens = try Lexer.tokens(of: source, limits: limits)
        var parser = Parser(reader: TokenReader(tokens: tokens, limits: limits))
        let statements = try parser.statements(until: [])
        if let error = parser.expressions.unknownNames.first { throw error }
        return statements
    }

    private init(reader: TokenReader) {
        self.reader = reader
        expressions = ExpressionParser(reader: reader)
    }

    /// Statements up to a tag named in `endings`, which becomes the current token.
    private mutating func statements(
        until endings: [String]
    ) throws(TemplateError) -> [Statement] {
        try reader.enter()
        defer { reader.leave() }
        var result: [Statement] = []
        while true {
            let position = reader.current.position
            switch reader.current.kind {
            case .end:
                guard endings.isEmpty else {
                    throw .syntax(
                        "unexpected end of template, expected '\(endings.joined(separator: "' or '"))'",
                        at: position)
                }
                return result
            case .data(let scalars):
                reader.advance()
                result.append(
                    Statement(
                        kind: .text(TemplateString(scalars, origin: .template)),
                        position: position))
            case .variableBegin:
                reader.advance()
                let value = try expressions.tupleOrExpression()
                try reader.expect(.variableEnd, "end of print statement")
                result.append(Statement(kind: .output(value), position: position))
            case .blockBegin:
                reader.advance()
                if case .name(let name) = reader.current.kind, endings.contains(name) {
                    return result
                }
                result += try statement()
                try reader.expect(.blockEnd, "end of statement block")
            default:
                throw reader.unexpected(wanted: "template text")
            }
        }
    }

    /// The body of a block tag: from the end of its tag to the one that ends it.
    private mutating func body(until endings: [String]) throws(TemplateError) -> [Statement] {
        _ = reader.skip(.colon)
        try reader.expect(.blockEnd, "end of statement block")
        return try statements(until: endings)
    }

    /// The statement whose tag name is the current token, up to but without the end of its last tag.
    private mutating func statement() throws(TemplateError) -> [Statement] {
        let position = reader.current.position
        guard case .name(let name) = reader.current.kind else {
            throw reader.unexpected(wanted: "a tag name")
        }
        reader.advance()
        let kind: Statement.Kind
        switch name {
        case "for": kind = try loop()
        case "if": kind = try branches()
        case "set": kind = try assignment()
        case "macro": kind = try macro()
        case "call": kind = try callBlock()
        case "filter": kind = try filterBlock()
        case "with": kind = try scope()
        case "generation":
            kind = .generation(try macroBody(until: "endgeneration"))
        case "break", "continue":
            guard loopDepth > 0 else {
                throw .syntax("'\(name)' outside a loop", at: position)
            }
            kind = name == "break" ? .breakLoop : .continueLoop
        case "extends", "include", "import", "from", "print":
            skipTag()
            kind = .leftOut("statement \"\(name)\"")
        case "block", "autoescape":
            skipTag()
            _ = try innerBody(until: "end\(name)")
            skipTag()
            kind = .leftOut("statement \"\(name)\"")
        default:
            throw .syntax("unknown tag '\(name.prefix(40))'", at: position)
        }
        return [Statement(kind: kind, position: position)]
    }

    /// Passes over what is left of a tag.
    private func skipTag() {
        while reader.current.kind != .blockEnd, reader.current.kind != .end { reader.advance() }
    }

    private mutating func loop() throws(TemplateError) -> Statement.Kind {
        let position = reader.current.position
        let target = try target(allowsMembers: false, endsAt: "in")
        guard !target.names.contains("loop") else {
            throw .syntax(
                "Can't assign to special loop variable in for-loop target", at: position)
        }
        guard reader.skip(name: "in") else { throw reader.unexpected(wanted: "'in'") }
        let sequence = try expressions.tupleOrExpression(
            allowsConditional: false, endsAt: "recursive")
        let wasSoft = expressions.allowsUnknownNames
        expressions.allowsUnknownNames = false
        defer { expressions.allowsUnknownNames = wasSoft }
        let filter = reader.skip(name: "if") ? try expressions.expression() : nil
        let isRecursive = reader.skip(name: "recursive")
        loopDepth += 1
        let body = try body(until: ["endfor", "else"])
        loopDepth -= 1
        var otherwise: [Statement] = []
        if reader.skip(name: "else") {
            otherwise = try self.body(until: ["endfor"])
        }
        reader.advance()
        return .loop(
            LoopDefinition(
                target: target, sequence: sequence, filter: filter, isRecursive: isRecursive,
                body: body, otherwise: otherwise))
    }

    private mutating func branches() throws(TemplateError) -> Statement.Kind {
        let wasSoft = expressions.allowsUnknownNames
        expressions.allowsUnknownNames = true
        defer { expressions.allowsUnknownNames = wasSoft }
        var branches: [(test: Expression, body: [Statement])] = []
        while true {
            let test = try expressions.tupleOrExpression(allowsConditional: false)
            branches.append((test, try body(until: ["elif", "else", "endif"])))
            if reader.skip(name: "elif") { continue }
            var otherwise: [Statement] = []
            if reader.skip(name: "else") {
                otherwise = try body(until: ["endif"])
            }
            reader.advance()
            return .branches(branches, otherwise: otherwise)
        }
    }

    private mutating func assignment() throws(TemplateError) -> Statement.Kind {
        let target = try target(allowsMembers: true, endsAt: nil)
        if reader.skip(.assign) {
            return .assignment(target, try expressions.tupleOrExpression())
        }
        let filters = reader.isCurrent(.pipe) ? try expressions.filterChain() : []
        let body = try innerBody(until: "endset")
        return .captured(target, filters: filters, body: body)
    }

    private mutating func macro() throws(TemplateError) -> Statement.Kind {
        let name = try reader.expectName()
        expressions.beginMacro()
        let parameters = try parameters()
        let definition = try macroDefinition(name: name, parameters: parameters, end: "endmacro")
        return .macro(definition)
    }

    private mutating func callBlock() throws(TemplateError) -> Statement.Kind {
        let position = reader.current.position
        expressions.beginMacro()
        let parameters = reader.isCurrent(.leftParenthesis) ? try parameters() : []
        let signatureNames = expressions.endMacro(isSignature: true)
        let call = try expressions.expression()
        guard case .call = call.kind else { throw .syntax("expected call", at: position) }
        expressions.beginMacro(signatureNames)
        let definition = try macroDefinition(
            name: "caller", parameters: parameters, end: "endcall")
        return .call(call, caller: definition)
    }

    /// The rest of a macro, whose names have been collected since it began.
    private mutating func macroDefinition(
        name: String, parameters: [Parameter], end: String
    ) throws(TemplateError) -> MacroDefinition {
        let body = try macroBody(until: end)
        let used = expressions.endMacro()
        let declared = Set(parameters.map(\.name))
        return MacroDefinition(
            name: name, parameters: parameters, body: body,
            usesVariadic: used.contains("varargs") && !declared.contains("varargs"),
            usesKeywords: used.contains("kwargs") && !declared.contains("kwargs"),
            usesCaller: used.contains("caller"))
    }

    /// A body from which the loops around it cannot be left, past the name of the tag that ends it.
    private mutating func macroBody(
        until end: String
    ) throws(TemplateError) -> [Statement] {
        let outerLoops = loopDepth
        let wasSoft = expressions.allowsUnknownNames
        loopDepth = 0
        expressions.allowsUnknownNames = false
        defer {
            loopDepth = outerLoops
            expressions.allowsUnknownNames = wasSoft
        }
        let body = try body(until: [end])
        reader.advance()
        return body
    }

    private mutating func parameters() throws(TemplateError) -> [Parameter] {
        try reader.expect(.leftParenthesis)
        var result: [Parameter] = []
        while !reader.isCurrent(.rightParenthesis) {
            if !result.isEmpty { try reader.expect(.comma) }
            let name = try reader.expectName()
            if reader.skip(.assign) {
                result.append(Parameter(name: name, fallback: try expressions.expression()))
            } else if let last = result.last, last.fallback != nil {
                throw .syntax(
                    "non-default argument follows default argument", at: reader.current.position)
            } else {
                result.append(Parameter(name: name, fallback: nil))
            }
        }
        try reader.expect(.rightParenthesis)
        return result
    }

    private mutating func filterBlock() throws(TemplateError) -> Statement.Kind {
        let filters = try expressions.filterChain(startsInline: true)
        return .filtered(filters: filters, body: try innerBody(until: "endfilter"))
    }

    private mutating func scope() throws(TemplateError) -> Statement.Kind {
        var bindings: [(Target, Expression)] = []
        while reader.current.kind != .blockEnd {
            if !bindings.isEmpty { try reader.expect(.comma) }
            let target = try target(allowsMembers: false, endsAt: nil)
            try reader.expect(.assign)
            bindings.append((target, try expressions.expression()))
        }
        return .scope(bindings, body: try innerBody(until: "endwith"))
    }

    /// A body with a scope of its own, past the name of the tag that ends it.
    private mutating func innerBody(
        until end: String
    ) throws(TemplateError) -> [Statement] {
        let wasSoft = expressions.allowsUnknownNames
        expressions.allowsUnknownNames = false
        defer { expressions.allowsUnknownNames = wasSoft }
        let body = try body(until: [end])
        reader.advance()
        return body
    }

    /// The target of an assignment: a name, a member of a namespace, or a tuple of these.
    private mutating func target(
        allowsMembers: Bool, endsAt ending: String?
    ) throws(TemplateError) -> Target {
        try reader.enter()
        defer { reader.leave() }
        var targets: [Target] = []
        var isTuple = false
        while true {
            if !targets.isEmpty {
                try reader.expect(.comma)
                if let ending, reader.isCurrent(name: ending) { break }
                if reader.isCurrent(.rightParenthesis) || reader.isCurrent(.assign) { break }
            }
            if reader.skip(.leftParenthesis) {
                targets.append(try target(allowsMembers: allowsMembers, endsAt: nil))
                try reader.expect(.rightParenthesis)
            } else {
                targets.append(try singleTarget(allowsMembers: allowsMembers))
            }
            guard reader.isCurrent(.comma) else { break }
            isTuple = true
        }
        return isTuple || targets.count != 1 ? .tuple(targets) : targets[0]
    }

    private mutating func singleTarget(
        allowsMembers: Bool
    ) throws(TemplateError) -> Target {
        let position = reader.current.position
        let name = try reader.expectName()
        if ["true", "false", "none", "True", "False", "None"].contains(name) {
            throw .syntax("can't assign to '\(name)'", at: position)
        }
        if allowsMembers, reader.skip(.dot) {
            expressions.noteUse(of: name)
            return .member(namespace: name, attribute: try reader.expectName())
        }
        return .name(name)
    }
}
