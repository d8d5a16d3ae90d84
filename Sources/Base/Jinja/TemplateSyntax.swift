// SPDX-License-Identifier: Apache-2.0

/// An expression of a template, with its place in the source.
struct TemplateExpression: Sendable {
    let kind: Kind
    let position: TemplatePosition

    /// How many levels of expression are nested in this one, itself included.
    let depth: Int

    indirect enum Kind: Sendable {
        case literal(TemplateLiteral)
        case name(String)
        case tuple([TemplateExpression])
        case list([TemplateExpression])
        case mapping([(key: TemplateExpression, value: TemplateExpression)])
        case attribute(TemplateExpression, String)
        case subscripted(TemplateExpression, TemplateExpression)
        case sliced(TemplateExpression, TemplateSlice)
        case call(TemplateExpression, TemplateCallArguments)
        case filter(TemplateExpression, TemplateFilterCall)
        case test(TemplateExpression, TemplateFilterCall)
        case not(TemplateExpression)
        case negative(TemplateExpression)
        case positive(TemplateExpression)
        case arithmetic(ArithmeticOperator, TemplateExpression, TemplateExpression)
        case and(TemplateExpression, TemplateExpression)
        case or(TemplateExpression, TemplateExpression)
        case comparison(TemplateExpression, [(ComparisonOperator, TemplateExpression)])
        case concatenation([TemplateExpression])
        case conditional(
            test: TemplateExpression, then: TemplateExpression, otherwise: TemplateExpression?)
    }
}

/// A constant written in a template.
enum TemplateLiteral: Sendable {
    case null
    case bool(Bool)
    case integer(Int)
    case float(Double)
    case string(TemplateString)
}

/// The operators of arithmetic.
enum ArithmeticOperator: String, Sendable {
    case add = "+"
    case subtract = "-"
    case multiply = "*"
    case divide = "/"
    case floorDivide = "//"
    case modulo = "%"
}

/// The operators of comparison, which chain as in Python.
enum ComparisonOperator: String, Sendable {
    case equal = "=="
    case notEqual = "!="
    case less = "<"
    case lessOrEqual = "<="
    case greater = ">"
    case greaterOrEqual = ">="
    case `in` = "in"
    case notIn = "not in"
}

/// The bounds of a slice such as `[1:]`.
struct TemplateSlice: Sendable {
    let start: TemplateExpression?
    let stop: TemplateExpression?
    let step: TemplateExpression?
}

/// The arguments of a call, a filter or a test.
struct TemplateCallArguments: Sendable {
    var positional: [TemplateExpression] = []
    var keywords: [(name: String, value: TemplateExpression)] = []
    var spread: TemplateExpression?
    var keywordSpread: TemplateExpression?

    /// The deepest expression among the arguments.
    var depth: Int {
        var depth = max(spread?.depth ?? 0, keywordSpread?.depth ?? 0)
        for argument in positional { depth = max(depth, argument.depth) }
        for keyword in keywords { depth = max(depth, keyword.value.depth) }
        return depth
    }
}

/// A filter or test by name, with its arguments.
struct TemplateFilterCall: Sendable {
    let name: String
    let arguments: TemplateCallArguments
    let position: TemplatePosition
}

/// What an assignment or a loop writes to.
indirect enum TemplateTarget: Sendable {
    case name(String)
    case member(namespace: String, attribute: String)
    case tuple([TemplateTarget])

    /// The variables that the target assigns.
    var names: [String] {
        switch self {
        case .name(let name): [name]
        case .member: []
        case .tuple(let targets): targets.flatMap(\.names)
        }
    }
}

/// A parameter of a macro.
struct TemplateParameter: Sendable {
    let name: String
    let fallback: TemplateExpression?
}

/// A macro's definition, or the body of a `call` block.
struct TemplateMacroDefinition: Sendable {
    let name: String
    let parameters: [TemplateParameter]
    let body: [TemplateStatement]

    /// Whether the body names these, so that a call may give more arguments than there are parameters.
    let usesVariadic: Bool
    let usesKeywords: Bool
    let usesCaller: Bool
}

/// A loop's definition.
struct TemplateLoopDefinition: Sendable {
    let target: TemplateTarget
    let sequence: TemplateExpression
    let filter: TemplateExpression?
    let isRecursive: Bool
    let body: [TemplateStatement]
    let otherwise: [TemplateStatement]
}

/// A statement of a template, with its place in the source.
struct TemplateStatement: Sendable {
    let kind: Kind
    let position: TemplatePosition

    indirect enum Kind: Sendable {
        case text(TemplateString)
        case output(TemplateExpression)
        case branches(
            [(test: TemplateExpression, body: [TemplateStatement])],
            otherwise: [TemplateStatement])
        case loop(TemplateLoopDefinition)
        case assignment(TemplateTarget, TemplateExpression)
        case captured(TemplateTarget, filters: [TemplateFilterCall], body: [TemplateStatement])
        case macro(TemplateMacroDefinition)
        case call(TemplateExpression, caller: TemplateMacroDefinition)
        case filtered(filters: [TemplateFilterCall], body: [TemplateStatement])
        case scope([(TemplateTarget, TemplateExpression)], body: [TemplateStatement])
        case generation([TemplateStatement])
        case breakLoop
        case continueLoop
    }
}
