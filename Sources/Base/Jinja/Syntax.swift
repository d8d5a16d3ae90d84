// SPDX-License-Identifier: Apache-2.0

/// An expression of a template, with its place in the source.
struct Expression: Sendable {
    let kind: Kind
    let position: TemplatePosition

    /// How many levels of expression are nested in this one, itself included.
    let depth: Int

    indirect enum Kind: Sendable {
        case literal(Literal)
        case name(String)
        case tuple([Expression])
        case list([Expression])
        case mapping([(key: Expression, value: Expression)])
        case attribute(Expression, String)
        case subscripted(Expression, Expression)
        case sliced(Expression, SliceBounds)
        case call(Expression, CallArguments)
        case filter(Expression, FilterCall)
        case test(Expression, FilterCall)
        case not(Expression)
        case negative(Expression)
        case positive(Expression)
        case arithmetic(ArithmeticOperator, Expression, Expression)
        case and(Expression, Expression)
        case or(Expression, Expression)
        case comparison(Expression, [(ComparisonOperator, Expression)])
        case concatenation([Expression])
        case conditional(
            test: Expression, then: Expression, otherwise: Expression?)

        /// An expression of Jinja2 that this engine leaves out: an error once it is reached.
        case leftOut(String)
    }
}

/// A constant written in a template.
enum Literal: Sendable {
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
struct SliceBounds: Sendable {
    let start: Expression?
    let stop: Expression?
    let step: Expression?
}

/// The arguments of a call, a filter or a test.
struct CallArguments: Sendable {
    var positional: [Expression] = []
    var keywords: [(name: String, value: Expression)] = []
    var spread: Expression?
    var keywordSpread: Expression?

    /// The deepest expression among the arguments.
    var depth: Int {
        var depth = max(spread?.depth ?? 0, keywordSpread?.depth ?? 0)
        for argument in positional { depth = max(depth, argument.depth) }
        for keyword in keywords { depth = max(depth, keyword.value.depth) }
        return depth
    }
}

/// A filter or test by name, with its arguments.
struct FilterCall: Sendable {
    let name: String
    let arguments: CallArguments
    let position: TemplatePosition
}

/// What an assignment or a loop writes to.
indirect enum Target: Sendable {
    case name(String)
    case member(namespace: String, attribute: String)
    case tuple([Target])

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
struct Parameter: Sendable {
    let name: String
    let fallback: Expression?
}

/// A macro's definition, or the body of a `call` block.
struct MacroDefinition: Sendable {
    let name: String
    let parameters: [Parameter]
    let body: [Statement]

    /// Whether the body names these, so that a call may give more arguments than there are parameters.
    let usesVariadic: Bool
    let usesKeywords: Bool
    let usesCaller: Bool
}

/// A loop's definition.
struct LoopDefinition: Sendable {
    let target: Target
    let sequence: Expression
    let filter: Expression?
    let isRecursive: Bool
    let body: [Statement]
    let otherwise: [Statement]
}

/// A statement of a template, with its place in the source.
struct Statement: Sendable {
    let kind: Kind
    let position: TemplatePosition

    indirect enum Kind: Sendable {
        case text(TemplateString)
        case output(Expression)
        case branches(
            [(test: Expression, body: [Statement])],
            otherwise: [Statement])
        case loop(LoopDefinition)
        case assignment(Target, Expression)
        case captured(Target, filters: [FilterCall], body: [Statement])
        case macro(MacroDefinition)
        case call(Expression, caller: MacroDefinition)
        case filtered(filters: [FilterCall], body: [Statement])
        case scope([(Target, Expression)], body: [Statement])
        case generation([Statement])
        case breakLoop
        case continueLoop

        /// A statement of Jinja2 that this engine leaves out: an error once it is reached.
        case leftOut(String)
    }
}
