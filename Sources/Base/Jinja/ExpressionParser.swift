// SPDX-License-Identifier: Apache-2.0

/// Reads the expressions of a template from its tokens.
///
/// - Source: the grammar of Jinja2 3.1 `parser.py`; recursion is bounded by `maxNesting`.
struct ExpressionParser {
    private let reader: TokenReader

    /// Whether an unknown filter is only an error once it is reached: Jinja2 lets a template test
    /// for a filter with `if` before it uses it.
    var allowsUnknownNames = false

    /// Errors for unknown filters and tests, unless a conditional is found to surround them.
    private(set) var unknownNames: [TemplateError] = []

    /// The names read so far in each macro body being parsed, for `varargs`, `kwargs`, `caller`.
    private var usedNames: [Set<String>] = []

    init(reader: TokenReader) {
        self.reader = reader
    }

    /// Begins to collect the names that a macro reads, these among them.
    mutating func beginMacro(_ names: Set<String> = []) { usedNames.append(names) }

    /// The names that the macro has read, which a macro around it has read, too.
    mutating func endMacro(isSignature: Bool = false) -> Set<String> {
        let used = usedNames.popLast() ?? []
        if !isSignature, let outer = usedNames.indices.last { usedNames[outer].formUnion(used) }
        return used
    }

    /// Remembers that the macro being parsed reads this variable.
    mutating func noteUse(of name: String) {
        if let last = usedNames.indices.last { usedNames[last].insert(name) }
    }

    /// An expression, or several separated by commas, which make a tuple.
    mutating func tupleOrExpression(
        allowsConditional: Bool = true, isParenthesized: Bool = false, endsAt ending: String? = nil
    ) throws(TemplateError) -> Expression {
        let position = reader.current.position
        var items: [Expression] = []
        var isTuple = false
        while true {
            if !items.isEmpty { try reader.expect(.comma) }
            if isTupleEnd(ending) { break }
            items.append(try expression(allowsConditional: allowsConditional))
            guard reader.isCurrent(.comma) else { break }
            isTuple = true
        }
        if !isTuple {
            if let only = items.first { return only }
            guard isParenthesized else { throw reader.unexpected(wanted: "an expression") }
        }
        return try node(.tuple(items), at: position, over: items)
    }

    private func isTupleEnd(_ ending: String?) -> Bool {
        switch reader.current.kind {
        case .variableEnd, .blockEnd, .symbol(.rightParenthesis): return true
        case .name(let name): return name == ending
        default: return false
        }
    }

    /// One expression; without `allowsConditional`, an `if` after it is left for the statement.
    mutating func expression(
        allowsConditional: Bool = true
    ) throws(TemplateError) -> Expression {
        try reader.enter()
        defer { reader.leave() }
        guard allowsConditional else { return try binary(1) }
        let wasSoft = allowsUnknownNames
        let unknownCount = unknownNames.count
        var result = try binary(1)
        guard reader.isCurrent(name: "if") else { return result }
        // The branches of a conditional may name unknown filters, the first one too.
        unknownNames.removeSubrange(unknownCount...)
        allowsUnknownNames = true
        defer { allowsUnknownNames = wasSoft }
        while reader.skip(name: "if") {
            let position = reader.current.position
            let test = try binary(1)
            let otherwise = reader.skip(name: "else") ? try expression() : nil
            let parts = [result, test] + (otherwise.map { [$0] } ?? [])
            result = try node(
                .conditional(test: test, then: result, otherwise: otherwise), at: position,
                over: parts)
        }
        return result
    }

    /// Operators from the loosest binding (1, `or`) to the tightest (8, `**`).
    private mutating func binary(_ level: Int) throws(TemplateError) -> Expression {
        let position = reader.current.position
        var left: Expression
        if level <= 3, reader.isCurrent(name: "not") {
            reader.advance()
            try reader.enter()
            let operand = try binary(3)
            reader.leave()
            left = try node(.not(operand), at: position, over: [operand])
            return try operators(from: 2, downTo: level, left: left, at: position)
        }
        left = try unary(allowsFilters: true)
        return try operators(from: 8, downTo: level, left: left, at: position)
    }

    /// Extends `left` by the operators of each level, the tightest first.
    private mutating func operators(
        from tightest: Int, downTo loosest: Int, left: Expression,
        at position: TemplatePosition
    ) throws(TemplateError) -> Expression {
        var left = left
        var level = tightest
        while level >= loosest {
            switch level {
            case 8: left = try power(left)
            case 7:
                left = try arithmetic(
                    left,
                    [
                        .multiply: .multiply, .divide: .divide, .floorDivide: .floorDivide,
                        .modulo: .modulo,
                    ], operand: 8)
            case 6: left = try concatenation(left)
            case 5:
                left = try arithmetic(left, [.add: .add, .subtract: .subtract], operand: 6)
            case 4: left = try comparison(left)
            case 2: left = try logical(left, "and", operand: 3)
            case 1: left = try logical(left, "or", operand: 2)
            default: break
            }
            level -= 1
        }
        return left
    }

    private mutating func power(
        _ first: Expression
    ) throws(TemplateError) -> Expression {
        var left = first
        while reader.isCurrent(.power) {
            let position = reader.current.position
            reader.advance()
            let right = try unary(allowsFilters: true)
            left = try node(.leftOut("operator **"), at: position, over: [left, right])
        }
        return left
    }

    private mutating func arithmetic(
        _ first: Expression, _ table: [Token.Symbol: ArithmeticOperator],
        operand: Int
    ) throws(TemplateError) -> Expression {
        var left = first
        while case .symbol(let symbol) = reader.current.kind, let operation = table[symbol] {
            let position = reader.current.position
            reader.advance()
            let right = try binary(operand)
            left = try node(.arithmetic(operation, left, right), at: position, over: [left, right])
        }
        return left
    }

    private mutating func concatenation(
        _ first: Expression
    ) throws(TemplateError) -> Expression {
        guard reader.isCurrent(.tilde) else { return first }
        let position = reader.current.position
        var parts = [first]
        while reader.skip(.tilde) { parts.append(try binary(7)) }
        return try node(.concatenation(parts), at: position, over: parts)
    }

    private mutating func logical(
        _ first: Expression, _ name: String, operand: Int
    ) throws(TemplateError) -> Expression {
        var left = first
        while reader.isCurrent(name: name) {
            let position = reader.current.position
            reader.advance()
            let right = try binary(operand)
            left = try node(
                name == "and" ? .and(left, right) : .or(left, right), at: position,
                over: [left, right])
        }
        return left
    }

    private mutating func comparison(
        _ first: Expression
    ) throws(TemplateError) -> Expression {
        let position = reader.current.position
        var operands: [(ComparisonOperator, Expression)] = []
        while let operation = comparisonOperator() {
            reader.advance()
            if operation == .notIn { reader.advance() }
            operands.append((operation, try binary(5)))
        }
        if operands.isEmpty { return first }
        return try node(
            .comparison(first, operands), at: position, over: [first] + operands.map(\.1))
    }

    private func comparisonOperator() -> ComparisonOperator? {
        switch reader.current.kind {
        case .symbol(.equal): .equal
        case .symbol(.notEqual): .notEqual
        case .symbol(.less): .less
        case .symbol(.lessOrEqual): .lessOrEqual
        case .symbol(.greater): .greater
        case .symbol(.greaterOrEqual): .greaterOrEqual
        case .name("in"): .in
        case .name("not"): reader.following.kind == .name("in") ? .notIn : nil
        default: nil
        }
    }

    private mutating func unary(
        allowsFilters: Bool
    ) throws(TemplateError) -> Expression {
        let position = reader.current.position
        var result: Expression
        if reader.isCurrent(.subtract) || reader.isCurrent(.add) {
            let isNegative = reader.isCurrent(.subtract)
            reader.advance()
            try reader.enter()
            let operand = try unary(allowsFilters: false)
            reader.leave()
            result = try node(
                isNegative ? .negative(operand) : .positive(operand), at: position,
                over: [operand])
        } else {
            result = try primary()
        }
        result = try postfix(result)
        return allowsFilters ? try filtersAndTests(result) : result
    }

    /// A name, a literal, or anything in brackets.
    private mutating func primary() throws(TemplateError) -> Expression {
        let position = reader.current.position
        switch reader.current.kind {
        case .name(let name):
            reader.advance()
            return try node(named(name), at: position, over: [])
        case .string(var scalars):
            reader.advance()
            while case .string(let more) = reader.current.kind {
                scalars += more
                reader.advance()
            }
            let string = TemplateString(scalars, origin: .template)
            return try node(.literal(.string(string)), at: position, over: [])
        case .integer(let value):
            reader.advance()
            return try node(.literal(.integer(value)), at: position, over: [])
        case .float(let value):
            reader.advance()
            return try node(.literal(.float(value)), at: position, over: [])
        case .symbol(.leftParenthesis):
            reader.advance()
            let inner = try tupleOrExpression(isParenthesized: true)
            try reader.expect(.rightParenthesis)
            return inner
        case .symbol(.leftBracket): return try list()
        case .symbol(.leftBrace): return try mapping()
        default: throw .syntax("unexpected '\(reader.current.shown)'", at: position)
        }
    }

    private mutating func named(_ name: String) -> Expression.Kind {
        switch name {
        case "true", "True": return .literal(.bool(true))
        case "false", "False": return .literal(.bool(false))
        case "none", "None": return .literal(.null)
        default:
            noteUse(of: name)
            return .name(name)
        }
    }

    private mutating func list() throws(TemplateError) -> Expression {
        let position = reader.current.position
        reader.advance()
        var items: [Expression] = []
        while !reader.isCurrent(.rightBracket) {
            if !items.isEmpty { try reader.expect(.comma) }
            if reader.isCurrent(.rightBracket) { break }
            items.append(try expression())
        }
        try reader.expect(.rightBracket)
        return try node(.list(items), at: position, over: items)
    }

    private mutating func mapping() throws(TemplateError) -> Expression {
        let position = reader.current.position
        reader.advance()
        var items: [(key: Expression, value: Expression)] = []
        while !reader.isCurrent(.rightBrace) {
            if !items.isEmpty { try reader.expect(.comma) }
            if reader.isCurrent(.rightBrace) { break }
            let key = try expression()
            try reader.expect(.colon)
            items.append((key, try expression()))
        }
        try reader.expect(.rightBrace)
        return try node(
            .mapping(items), at: position, over: items.map(\.key) + items.map(\.value))
    }

    /// An expression node, one level above the deepest of its parts.
    private func node(
        _ kind: Expression.Kind, at position: TemplatePosition,
        over parts: [Expression]
    ) throws(TemplateError) -> Expression {
        var depth = 0
        for part in parts { depth = max(depth, part.depth) }
        return try node(kind, at: position, above: depth)
    }

    /// An expression node, one level above `depth`.
    private func node(
        _ kind: Expression.Kind, at position: TemplatePosition, above depth: Int
    ) throws(TemplateError) -> Expression {
        try reader.check(depth: depth + 1)
        return Expression(kind: kind, position: position, depth: depth + 1)
    }

    /// Attributes, subscripts and calls after an expression.
    private mutating func postfix(
        _ first: Expression
    ) throws(TemplateError) -> Expression {
        var result = first
        while true {
            if reader.isCurrent(.dot) || reader.isCurrent(.leftBracket) {
                result = try subscripted(result)
            } else if reader.isCurrent(.leftParenthesis) {
                result = try call(result)
            } else {
                return result
            }
        }
    }

    /// Filters, tests and calls after an expression.
    private mutating func filtersAndTests(
        _ first: Expression
    ) throws(TemplateError) -> Expression {
        var result = first
        while true {
            if reader.isCurrent(.pipe) {
                reader.advance()
                let filter = try filterCall()
                result = try node(
                    .filter(result, filter), at: filter.position,
                    above: max(result.depth, filter.arguments.depth))
            } else if reader.isCurrent(name: "is") {
                result = try test(result)
            } else if reader.isCurrent(.leftParenthesis) {
                result = try call(result)
            } else {
                return result
            }
        }
    }

    /// The filters of a `filter` or `set` block.
    mutating func filterChain(
        startsInline: Bool = false
    ) throws(TemplateError) -> [FilterCall] {
        var filters: [FilterCall] = []
        if startsInline { filters.append(try filterCall()) }
        while reader.skip(.pipe) { filters.append(try filterCall()) }
        return filters
    }

    private mutating func filterCall() throws(TemplateError) -> FilterCall {
        let position = reader.current.position
        let name = try dottedName()
        let arguments =
            reader.isCurrent(.leftParenthesis) ? try callArguments() : CallArguments()
        if !allowsUnknownNames, !Filters.names.contains(name), !Filters.leftOut.contains(name) {
            unknownNames.append(.syntax("no filter named '\(name.prefix(40))'", at: position))
        }
        return FilterCall(name: name, arguments: arguments, position: position)
    }

    private mutating func test(
        _ subject: Expression
    ) throws(TemplateError) -> Expression {
        let position = reader.current.position
        reader.advance()
        let isNegated = reader.skip(name: "not")
        let name = try dottedName()
        var arguments = CallArguments()
        if reader.isCurrent(.leftParenthesis) {
            arguments = try callArguments()
        } else if startsTestArgument {
            try reader.enter()
            arguments.positional = [try postfix(try testOperand())]
            reader.leave()
        }
        if !allowsUnknownNames, !Tests.names.contains(name), !Tests.leftOut.contains(name) {
            unknownNames.append(.syntax("no test named '\(name.prefix(40))'", at: position))
        }
        let call = FilterCall(name: name, arguments: arguments, position: position)
        let result = try node(
            .test(subject, call), at: position, above: max(subject.depth, arguments.depth))
        return isNegated ? try node(.not(result), at: position, over: [result]) : result
    }

    /// Whether the current token begins the unparenthesised argument of a test.
    private var startsTestArgument: Bool {
        switch reader.current.kind {
        case .name(let name): !["else", "or", "and"].contains(name)
        case .string, .integer, .float, .symbol(.leftBracket), .symbol(.leftBrace): true
        default: false
        }
    }

    private mutating func testOperand() throws(TemplateError) -> Expression {
        if reader.isCurrent(name: "is") {
            throw .syntax("You cannot chain multiple tests with is", at: reader.current.position)
        }
        return try primary()
    }

    private mutating func dottedName() throws(TemplateError) -> String {
        var name = try reader.expectName()
        while reader.skip(.dot) { name += "." + (try reader.expectName()) }
        return name
    }

    private mutating func subscripted(
        _ subject: Expression
    ) throws(TemplateError) -> Expression {
        let position = reader.current.position
        if reader.skip(.dot) {
            switch reader.current.kind {
            case .name(let name):
                reader.advance()
                return try node(.attribute(subject, name), at: position, over: [subject])
            case .integer(let value):
                reader.advance()
                let key = try node(.literal(.integer(value)), at: position, over: [])
                return try node(.subscripted(subject, key), at: position, over: [subject])
            default: throw reader.unexpected(wanted: "a name or number")
            }
        }
        reader.advance()
        var keys: [Expression] = []
        var hasSliceInTuple = false
        while !reader.isCurrent(.rightBracket) {
            if !keys.isEmpty { try reader.expect(.comma) }
            let start = reader.isCurrent(.colon) ? nil : try expression()
            guard reader.isCurrent(.colon) else {
                if let start { keys.append(start) }
                continue
            }
            let slice = try slice(from: start)
            guard keys.isEmpty else {
                hasSliceInTuple = true
                keys += [start, slice.stop, slice.step].compactMap { $0 }
                continue
            }
            try reader.expect(.rightBracket)
            let depth = max(
                max(subject.depth, start?.depth ?? 0),
                max(slice.stop?.depth ?? 0, slice.step?.depth ?? 0))
            return try node(.sliced(subject, slice), at: position, above: depth)
        }
        try reader.expect(.rightBracket)
        if hasSliceInTuple {
            return try node(
                .leftOut("slices in tuple subscripts"), at: position, over: [subject] + keys)
        }
        let key =
            keys.count == 1 ? keys[0] : try node(.tuple(keys), at: position, over: keys)
        return try node(.subscripted(subject, key), at: position, over: [subject, key])
    }

    private mutating func slice(
        from start: Expression?
    ) throws(TemplateError) -> SliceBounds {
        try reader.expect(.colon)
        var stop: Expression?
        var step: Expression?
        if !reader.isCurrent(.colon), !reader.isCurrent(.rightBracket), !reader.isCurrent(.comma) {
            stop = try expression()
        }
        if reader.skip(.colon), !reader.isCurrent(.rightBracket), !reader.isCurrent(.comma) {
            step = try expression()
        }
        return SliceBounds(start: start, stop: stop, step: step)
    }

    private mutating func call(
        _ callee: Expression
    ) throws(TemplateError) -> Expression {
        let position = reader.current.position
        let arguments = try callArguments()
        return try node(
            .call(callee, arguments), at: position, above: max(callee.depth, arguments.depth))
    }

    private mutating func callArguments() throws(TemplateError) -> CallArguments {
        let position = reader.current.position
        try reader.expect(.leftParenthesis)
        var result = CallArguments()
        var needsComma = false
        while !reader.isCurrent(.rightParenthesis) {
            if needsComma {
                try reader.expect(.comma)
                if reader.isCurrent(.rightParenthesis) { break }
            }
            let isInOrder: Bool
            if reader.skip(.multiply) {
                isInOrder = result.spread == nil && result.keywordSpread == nil
                result.spread = try expression()
            } else if reader.skip(.power) {
                isInOrder = result.keywordSpread == nil
                result.keywordSpread = try expression()
            } else if case .name(let name) = reader.current.kind,
                reader.following.kind == .symbol(.assign)
            {
                isInOrder = result.keywordSpread == nil
                reader.advance()
                reader.advance()
                result.keywords.append((name, try expression()))
            } else {
                isInOrder =
                    result.spread == nil && result.keywordSpread == nil
                    && result.keywords.isEmpty
                result.positional.append(try expression())
            }
            guard isInOrder else {
                throw .syntax("invalid syntax for function call expression", at: position)
            }
            needsComma = true
        }
        try reader.expect(.rightParenthesis)
        return result
    }
}
