// SPDX-License-Identifier: Apache-2.0

/// Reads the statements of a template from its tokens.
///
/// - Source: the grammar of Jinja2 3.1 `parser.py`; recursion is bounded by `maxNesting`.
struct TemplateParser {
    private let tokens: [TemplateToken]
    private let limits: TemplateLimits
    private var index = 0
    private var nesting = 0

    /// Whether an unknown filter is only an error once it is reached: Jinja2 lets a template test
    /// for a filter with `if` before it uses it.
    var allowsUnknownNames = false

    /// Errors for unknown filters and tests, unless a conditional is found to surround them.
    var unknownNames: [TemplateError] = []

    /// The names read so far in each macro body being parsed, for `varargs`, `kwargs`, `caller`.
    var usedNames: [Set<String>] = []

    /// How many loops enclose the statement, within the current macro.
    var loopDepth = 0

    /// Reads a whole template.
    static func parse(
        _ source: String, limits: TemplateLimits
    ) throws(TemplateError) -> [TemplateStatement] {
        let tokens = try TemplateLexer.tokens(of: source, limits: limits)
        var parser = TemplateParser(tokens: tokens, limits: limits)
        let statements = try parser.statements(until: [])
        if let error = parser.unknownNames.first { throw error }
        return statements
    }

    private init(tokens: [TemplateToken], limits: TemplateLimits) {
        self.tokens = tokens
        self.limits = limits
    }

    var current: TemplateToken { tokens[index] }

    /// The token after the current one.
    var following: TemplateToken { tokens[min(index + 1, tokens.count - 1)] }

    mutating func advance() {
        if index + 1 < tokens.count { index += 1 }
    }

    func isCurrent(_ symbol: TemplateToken.Symbol) -> Bool { current.kind == .symbol(symbol) }

    func isCurrent(name: String) -> Bool { current.kind == .name(name) }

    mutating func skip(_ symbol: TemplateToken.Symbol) -> Bool {
        guard isCurrent(symbol) else { return false }
        advance()
        return true
    }

    mutating func skip(name: String) -> Bool {
        guard isCurrent(name: name) else { return false }
        advance()
        return true
    }

    mutating func expect(_ symbol: TemplateToken.Symbol) throws(TemplateError) {
        guard skip(symbol) else { throw unexpected(wanted: "'\(symbol.rawValue)'") }
    }

    mutating func expectName() throws(TemplateError) -> String {
        guard case .name(let name) = current.kind else { throw unexpected(wanted: "a name") }
        advance()
        return name
    }

    mutating func expect(_ kind: TemplateToken.Kind, _ shown: String) throws(TemplateError) {
        guard current.kind == kind else { throw unexpected(wanted: shown) }
        advance()
    }

    func unexpected(wanted: String) -> TemplateError {
        .syntax("expected \(wanted), got '\(current.shown)'", at: current.position)
    }

    /// Enters one more level of nesting; every caller leaves it again.
    mutating func enter() throws(TemplateError) {
        nesting += 1
        try check(depth: nesting)
    }

    mutating func leave() { nesting -= 1 }

    func check(depth: Int) throws(TemplateError) {
        guard depth <= limits.maxNesting else {
            throw .limit("nesting is deeper than \(limits.maxNesting)", at: current.position)
        }
    }

    /// Statements up to a tag named in `endings`, which becomes the current token.
    mutating func statements(
        until endings: [String]
    ) throws(TemplateError) -> [TemplateStatement] {
        try enter()
        defer { leave() }
        var result: [TemplateStatement] = []
        while true {
            let position = current.position
            switch current.kind {
            case .end:
                guard endings.isEmpty else {
                    throw .syntax(
                        "unexpected end of template, expected '\(endings.joined(separator: "' or '"))'",
                        at: position)
                }
                return result
            case .data(let scalars):
                advance()
                result.append(
                    TemplateStatement(
                        kind: .text(TemplateString(scalars, origin: .template)),
                        position: position))
            case .variableBegin:
                advance()
                let value = try tupleOrExpression()
                try expect(.variableEnd, "end of print statement")
                result.append(TemplateStatement(kind: .output(value), position: position))
            case .blockBegin:
                advance()
                if case .name(let name) = current.kind, endings.contains(name) { return result }
                result += try statement()
                try expect(.blockEnd, "end of statement block")
            default:
                throw unexpected(wanted: "template text")
            }
        }
    }

    /// The body of a block tag: from the end of its tag to the one that ends it.
    mutating func body(until endings: [String]) throws(TemplateError) -> [TemplateStatement] {
        _ = skip(.colon)
        try expect(.blockEnd, "end of statement block")
        return try statements(until: endings)
    }
}
