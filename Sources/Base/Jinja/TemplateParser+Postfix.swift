// SPDX-License-Identifier: Apache-2.0

extension TemplateParser {
    /// Attributes, subscripts and calls after an expression.
    mutating func postfix(
        _ first: TemplateExpression
    ) throws(TemplateError) -> TemplateExpression {
        var result = first
        while true {
            if isCurrent(.dot) || isCurrent(.leftBracket) {
                result = try subscripted(result)
            } else if isCurrent(.leftParenthesis) {
                result = try call(result)
            } else {
                return result
            }
        }
    }

    /// Filters, tests and calls after an expression.
    mutating func filtersAndTests(
        _ first: TemplateExpression
    ) throws(TemplateError) -> TemplateExpression {
        var result = first
        while true {
            if isCurrent(.pipe) {
                advance()
                let filter = try filterCall()
                result = try node(
                    .filter(result, filter), at: filter.position,
                    above: max(result.depth, filter.arguments.depth))
            } else if isCurrent(name: "is") {
                result = try test(result)
            } else if isCurrent(.leftParenthesis) {
                result = try call(result)
            } else {
                return result
            }
        }
    }

    /// The filters of a `filter` or `set` block.
    mutating func filterChain(
        startsInline: Bool = false
    ) throws(TemplateError) -> [TemplateFilterCall] {
        var filters: [TemplateFilterCall] = []
        if startsInline { filters.append(try filterCall()) }
        while skip(.pipe) { filters.append(try filterCall()) }
        return filters
    }

    private mutating func filterCall() throws(TemplateError) -> TemplateFilterCall {
        let position = current.position
        let name = try dottedName()
        let arguments =
            isCurrent(.leftParenthesis) ? try callArguments() : TemplateCallArguments()
        if TemplateFilters.leftOut.contains(name) {
            throw .unsupported("filter \"\(name)\"", at: position)
        }
        if !allowsUnknownNames, !TemplateFilters.names.contains(name) {
            unknownNames.append(.syntax("no filter named '\(name.prefix(40))'", at: position))
        }
        return TemplateFilterCall(name: name, arguments: arguments, position: position)
    }

    private mutating func test(
        _ subject: TemplateExpression
    ) throws(TemplateError) -> TemplateExpression {
        let position = current.position
        advance()
        let isNegated = skip(name: "not")
        let name = try dottedName()
        var arguments = TemplateCallArguments()
        if isCurrent(.leftParenthesis) {
            arguments = try callArguments()
        } else if startsTestArgument {
            try enter()
            arguments.positional = [try postfix(try testOperand())]
            leave()
        }
        if TemplateTests.leftOut.contains(name) {
            throw .unsupported("test \"\(name)\"", at: position)
        }
        if !allowsUnknownNames, !TemplateTests.names.contains(name) {
            unknownNames.append(.syntax("no test named '\(name.prefix(40))'", at: position))
        }
        let call = TemplateFilterCall(name: name, arguments: arguments, position: position)
        let result = try node(
            .test(subject, call), at: position, above: max(subject.depth, arguments.depth))
        return isNegated ? try node(.not(result), at: position, over: [result]) : result
    }

    /// Whether the current token begins the unparenthesised argument of a test.
    private var startsTestArgument: Bool {
        switch current.kind {
        case .name(let name): !["else", "or", "and"].contains(name)
        case .string, .integer, .float, .symbol(.leftBracket), .symbol(.leftBrace): true
        default: false
        }
    }

    private mutating func testOperand() throws(TemplateError) -> TemplateExpression {
        if isCurrent(name: "is") {
            throw .syntax("You cannot chain multiple tests with is", at: current.position)
        }
        return try primary()
    }

    private mutating func dottedName() throws(TemplateError) -> String {
        var name = try expectName()
        while skip(.dot) { name += "." + (try expectName()) }
        return name
    }

    private mutating func subscripted(
        _ subject: TemplateExpression
    ) throws(TemplateError) -> TemplateExpression {
        let position = current.position
        if skip(.dot) {
            switch current.kind {
            case .name(let name):
                advance()
                return try node(.attribute(subject, name), at: position, over: [subject])
            case .integer(let value):
                advance()
                let key = try node(.literal(.integer(value)), at: position, over: [])
                return try node(.subscripted(subject, key), at: position, over: [subject])
            default: throw unexpected(wanted: "a name or number")
            }
        }
        advance()
        var keys: [TemplateExpression] = []
        while !isCurrent(.rightBracket) {
            if !keys.isEmpty { try expect(.comma) }
            let start = isCurrent(.colon) ? nil : try expression()
            guard isCurrent(.colon) else {
                if let start { keys.append(start) }
                continue
            }
            guard keys.isEmpty else {
                throw .unsupported("slices in tuple subscripts", at: position)
            }
            let slice = try slice(from: start)
            try expect(.rightBracket)
            let depth = max(
                max(subject.depth, start?.depth ?? 0),
                max(slice.stop?.depth ?? 0, slice.step?.depth ?? 0))
            return try node(.sliced(subject, slice), at: position, above: depth)
        }
        try expect(.rightBracket)
        let key =
            keys.count == 1 ? keys[0] : try node(.tuple(keys), at: position, over: keys)
        return try node(.subscripted(subject, key), at: position, over: [subject, key])
    }

    private mutating func slice(
        from start: TemplateExpression?
    ) throws(TemplateError) -> TemplateSlice {
        try expect(.colon)
        var stop: TemplateExpression?
        var step: TemplateExpression?
        if !isCurrent(.colon), !isCurrent(.rightBracket), !isCurrent(.comma) {
            stop = try expression()
        }
        if skip(.colon), !isCurrent(.rightBracket), !isCurrent(.comma) {
            step = try expression()
        }
        return TemplateSlice(start: start, stop: stop, step: step)
    }

    private mutating func call(
        _ callee: TemplateExpression
    ) throws(TemplateError) -> TemplateExpression {
        let position = current.position
        let arguments = try callArguments()
        return try node(
            .call(callee, arguments), at: position, above: max(callee.depth, arguments.depth))
    }

    private mutating func callArguments() throws(TemplateError) -> TemplateCallArguments {
        let position = current.position
        try expect(.leftParenthesis)
        var result = TemplateCallArguments()
        var needsComma = false
        while !isCurrent(.rightParenthesis) {
            if needsComma {
                try expect(.comma)
                if isCurrent(.rightParenthesis) { break }
            }
            let isInOrder: Bool
            if skip(.multiply) {
                isInOrder = result.spread == nil && result.keywordSpread == nil
                result.spread = try expression()
            } else if skip(.power) {
                isInOrder = result.keywordSpread == nil
                result.keywordSpread = try expression()
            } else if case .name(let name) = current.kind, following.kind == .symbol(.assign) {
                isInOrder = result.keywordSpread == nil
                advance()
                advance()
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
        try expect(.rightParenthesis)
        return result
    }
}
