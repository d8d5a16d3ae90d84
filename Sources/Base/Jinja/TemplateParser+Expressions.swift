// SPDX-License-Identifier: Apache-2.0

extension TemplateParser {
    /// An expression, or several separated by commas, which make a tuple.
    mutating func tupleOrExpression(
        allowsConditional: Bool = true, isParenthesized: Bool = false, endsAt ending: String? = nil
    ) throws(TemplateError) -> TemplateExpression {
        let position = current.position
        var items: [TemplateExpression] = []
        var isTuple = false
        while true {
            if !items.isEmpty { try expect(.comma) }
            if isTupleEnd(ending) { break }
            items.append(try expression(allowsConditional: allowsConditional))
            guard isCurrent(.comma) else { break }
            isTuple = true
        }
        if !isTuple {
            if let only = items.first { return only }
            guard isParenthesized else { throw unexpected(wanted: "an expression") }
        }
        return try node(.tuple(items), at: position, over: items)
    }

    private func isTupleEnd(_ ending: String?) -> Bool {
        switch current.kind {
        case .variableEnd, .blockEnd, .symbol(.rightParenthesis): return true
        case .name(let name): return name == ending
        default: return false
        }
    }

    /// One expression; without `allowsConditional`, an `if` after it is left for the statement.
    mutating func expression(
        allowsConditional: Bool = true
    ) throws(TemplateError) -> TemplateExpression {
        try enter()
        defer { leave() }
        guard allowsConditional else { return try binary(1) }
        let wasSoft = allowsUnknownNames
        let unknownCount = unknownNames.count
        var result = try binary(1)
        guard isCurrent(name: "if") else { return result }
        // The branches of a conditional may name unknown filters, the first one too.
        unknownNames.removeSubrange(unknownCount...)
        allowsUnknownNames = true
        defer { allowsUnknownNames = wasSoft }
        while skip(name: "if") {
            let position = current.position
            let test = try binary(1)
            let otherwise = skip(name: "else") ? try expression() : nil
            let parts = [result, test] + (otherwise.map { [$0] } ?? [])
            result = try node(
                .conditional(test: test, then: result, otherwise: otherwise), at: position,
                over: parts)
        }
        return result
    }

    /// Operators from the loosest binding (1, `or`) to the tightest (8, `**`).
    private mutating func binary(_ level: Int) throws(TemplateError) -> TemplateExpression {
        let position = current.position
        var left: TemplateExpression
        if level <= 3, isCurrent(name: "not") {
            advance()
            try enter()
            let operand = try binary(3)
            leave()
            left = try node(.not(operand), at: position, over: [operand])
            return try operators(from: 2, downTo: level, left: left, at: position)
        }
        left = try unary(allowsFilters: true)
        return try operators(from: 8, downTo: level, left: left, at: position)
    }

    /// Extends `left` by the operators of each level, the tightest first.
    private mutating func operators(
        from tightest: Int, downTo loosest: Int, left: TemplateExpression,
        at position: TemplatePosition
    ) throws(TemplateError) -> TemplateExpression {
        var left = left
        var level = tightest
        while level >= loosest {
            switch level {
            case 8:
                if isCurrent(.power) {
                    throw .unsupported("operator **", at: current.position)
                }
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

    private mutating func arithmetic(
        _ first: TemplateExpression, _ table: [TemplateToken.Symbol: ArithmeticOperator],
        operand: Int
    ) throws(TemplateError) -> TemplateExpression {
        var left = first
        while case .symbol(let symbol) = current.kind, let operation = table[symbol] {
            let position = current.position
            advance()
            if symbol == .modulo, case .literal(.string) = left.kind {
                throw .unsupported(TemplateRuntime.percentFormats, at: position)
            }
            let right = try binary(operand)
            left = try node(.arithmetic(operation, left, right), at: position, over: [left, right])
        }
        return left
    }

    private mutating func concatenation(
        _ first: TemplateExpression
    ) throws(TemplateError) -> TemplateExpression {
        guard isCurrent(.tilde) else { return first }
        let position = current.position
        var parts = [first]
        while skip(.tilde) { parts.append(try binary(7)) }
        return try node(.concatenation(parts), at: position, over: parts)
    }

    private mutating func logical(
        _ first: TemplateExpression, _ name: String, operand: Int
    ) throws(TemplateError) -> TemplateExpression {
        var left = first
        while isCurrent(name: name) {
            let position = current.position
            advance()
            let right = try binary(operand)
            left = try node(
                name == "and" ? .and(left, right) : .or(left, right), at: position,
                over: [left, right])
        }
        return left
    }

    private mutating func comparison(
        _ first: TemplateExpression
    ) throws(TemplateError) -> TemplateExpression {
        let position = current.position
        var operands: [(ComparisonOperator, TemplateExpression)] = []
        while let operation = comparisonOperator() {
            advance()
            if operation == .notIn { advance() }
            operands.append((operation, try binary(5)))
        }
        if operands.isEmpty { return first }
        return try node(
            .comparison(first, operands), at: position, over: [first] + operands.map(\.1))
    }

    private func comparisonOperator() -> ComparisonOperator? {
        switch current.kind {
        case .symbol(.equal): .equal
        case .symbol(.notEqual): .notEqual
        case .symbol(.less): .less
        case .symbol(.lessOrEqual): .lessOrEqual
        case .symbol(.greater): .greater
        case .symbol(.greaterOrEqual): .greaterOrEqual
        case .name("in"): .in
        case .name("not"): following.kind == .name("in") ? .notIn : nil
        default: nil
        }
    }

    private mutating func unary(
        allowsFilters: Bool
    ) throws(TemplateError) -> TemplateExpression {
        let position = current.position
        var result: TemplateExpression
        if isCurrent(.subtract) || isCurrent(.add) {
            let isNegative = isCurrent(.subtract)
            advance()
            try enter()
            let operand = try unary(allowsFilters: false)
            leave()
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
    mutating func primary() throws(TemplateError) -> TemplateExpression {
        let position = current.position
        switch current.kind {
        case .name(let name):
            advance()
            return try node(named(name), at: position, over: [])
        case .string(var scalars):
            advance()
            while case .string(let more) = current.kind {
                scalars += more
                advance()
            }
            let string = TemplateString(scalars, origin: .template)
            return try node(.literal(.string(string)), at: position, over: [])
        case .integer(let value):
            advance()
            return try node(.literal(.integer(value)), at: position, over: [])
        case .float(let value):
            advance()
            return try node(.literal(.float(value)), at: position, over: [])
        case .symbol(.leftParenthesis):
            advance()
            let inner = try tupleOrExpression(isParenthesized: true)
            try expect(.rightParenthesis)
            return inner
        case .symbol(.leftBracket): return try list()
        case .symbol(.leftBrace): return try mapping()
        default: throw .syntax("unexpected '\(current.shown)'", at: position)
        }
    }

    private mutating func named(_ name: String) -> TemplateExpression.Kind {
        switch name {
        case "true", "True": return .literal(.bool(true))
        case "false", "False": return .literal(.bool(false))
        case "none", "None": return .literal(.null)
        default:
            noteUse(of: name)
            return .name(name)
        }
    }

    private mutating func list() throws(TemplateError) -> TemplateExpression {
        let position = current.position
        advance()
        var items: [TemplateExpression] = []
        while !isCurrent(.rightBracket) {
            if !items.isEmpty { try expect(.comma) }
            if isCurrent(.rightBracket) { break }
            items.append(try expression())
        }
        try expect(.rightBracket)
        return try node(.list(items), at: position, over: items)
    }

    private mutating func mapping() throws(TemplateError) -> TemplateExpression {
        let position = current.position
        advance()
        var items: [(key: TemplateExpression, value: TemplateExpression)] = []
        while !isCurrent(.rightBrace) {
            if !items.isEmpty { try expect(.comma) }
            if isCurrent(.rightBrace) { break }
            let key = try expression()
            try expect(.colon)
            items.append((key, try expression()))
        }
        try expect(.rightBrace)
        return try node(
            .mapping(items), at: position, over: items.map(\.key) + items.map(\.value))
    }

    /// An expression node, one level above the deepest of its parts.
    func node(
        _ kind: TemplateExpression.Kind, at position: TemplatePosition,
        over parts: [TemplateExpression]
    ) throws(TemplateError) -> TemplateExpression {
        var depth = 0
        for part in parts { depth = max(depth, part.depth) }
        return try node(kind, at: position, above: depth)
    }

    /// An expression node, one level above `depth`.
    func node(
        _ kind: TemplateExpression.Kind, at position: TemplatePosition, above depth: Int
    ) throws(TemplateError) -> TemplateExpression {
        try check(depth: depth + 1)
        return TemplateExpression(kind: kind, position: position, depth: depth + 1)
    }
}
