// SPDX-License-Identifier: Apache-2.0

/// One lexical element of a template.
struct Token: Sendable {
    enum Kind: Equatable, Sendable {
        case data([Unicode.Scalar])
        case variableBegin
        case variableEnd
        case blockBegin
        case blockEnd
        case name(String)
        case string([Unicode.Scalar])
        case integer(Int)
        case float(Double)
        case symbol(Symbol)
        case end
    }

    /// The operators and punctuation of expressions.
    enum Symbol: String, Sendable, CaseIterable {
        case add = "+"
        case subtract = "-"
        case divide = "/"
        case floorDivide = "//"
        case multiply = "*"
        case modulo = "%"
        case power = "**"
        case tilde = "~"
        case leftBracket = "["
        case rightBracket = "]"
        case leftParenthesis = "("
        case rightParenthesis = ")"
        case leftBrace = "{"
        case rightBrace = "}"
        case equal = "=="
        case notEqual = "!="
        case greater = ">"
        case greaterOrEqual = ">="
        case less = "<"
        case lessOrEqual = "<="
        case assign = "="
        case dot = "."
        case colon = ":"
        case pipe = "|"
        case comma = ","
        case semicolon = ";"
    }

    let kind: Kind
    let position: TemplatePosition

    /// The token as an error message shows it.
    var shown: String {
        switch kind {
        case .data: "template text"
        case .variableBegin: "begin of print statement"
        case .variableEnd: "end of print statement"
        case .blockBegin: "begin of statement block"
        case .blockEnd: "end of statement block"
        case .name(let name): String(name.prefix(40))
        case .string: "string"
        case .integer: "integer"
        case .float: "float"
        case .symbol(let symbol): symbol.rawValue
        case .end: "end of template"
        }
    }
}
