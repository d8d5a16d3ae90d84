// SPDX-License-Identifier: Apache-2.0

/// The tokens of a template, one after the other, and how deep the parser is in them.
final class TokenReader {
    private let tokens: [Token]
    private let limits: TemplateLimits
    private var index = 0
    private var nesting = 0

    init(tokens: [Token], limits: TemplateLimits) {
        self.tokens = tokens
        self.limits = limits
    }

    var current: Token { tokens[index] }

    /// The token after the current one.
    var following: Token { tokens[min(index + 1, tokens.count - 1)] }

    func advance() {
        if index + 1 < tokens.count { index += 1 }
    }

    func isCurrent(_ symbol: Token.Symbol) -> Bool { current.kind == .symbol(symbol) }

    func isCurrent(name: String) -> Bool { current.kind == .name(name) }

    func skip(_ symbol: Token.Symbol) -> Bool {
        guard isCurrent(symbol) else { return false }
        advance()
        return true
    }

    func skip(name: String) -> Bool {
        guard isCurrent(name: name) else { return false }
        advance()
        return true
    }

    func expect(_ symbol: Token.Symbol) throws(TemplateError) {
        guard skip(symbol) else { throw unexpected(wanted: "'\(symbol.rawValue)'") }
    }

    func expectName() throws(TemplateError) -> String {
        guard case .name(let name) = current.kind else { throw unexpected(wanted: "a name") }
        advance()
        return name
    }

    func expect(_ kind: Token.Kind, _ shown: String) throws(TemplateError) {
        guard current.kind == kind else { throw unexpected(wanted: shown) }
        advance()
    }

    func unexpected(wanted: String) -> TemplateError {
        .syntax("expected \(wanted), got '\(current.shown)'", at: current.position)
    }

    /// Enters one more level of nesting; every caller leaves it again.
    func enter() throws(TemplateError) {
        nesting += 1
        try check(depth: nesting)
    }

    func leave() { nesting -= 1 }

    func check(depth: Int) throws(TemplateError) {
        guard depth <= limits.maxNesting else {
            throw .limit("nesting is deeper than \(limits.maxNesting)", at: current.position)
        }
    }
}
