// SPDX-License-Identifier: Apache-2.0

/// Computes the values of expressions.
struct ExpressionEvaluator {
    let interpreter: Interpreter

    private var runtime: Runtime { interpreter.runtime }

    /// The value of an expression.
    func evaluate(
        _ expression: Expression, in scope: Scope
    ) throws(TemplateError) -> Value {
        switch expression.kind {
        case .literal(let literal):
            try runtime.step()
            return value(of: literal)
        case .name(let name):
            try runtime.step()
            return lookUp(name, in: scope)
        default:
            break
        }
        try interpreter.enter()
        defer { interpreter.leave() }
        // Each kind binds its parts in a function of its own, which keeps this recursion's frames
        // small in builds without optimisation.
        switch expression.kind {
        case .tuple, .list, .mapping: return try collection(expression, in: scope)
        case .attribute, .subscripted, .sliced: return try access(expression, in: scope)
        case .call, .filter, .test: return try application(expression, in: scope)
        case .not, .negative, .positive, .arithmetic, .leftOut:
            return try operation(expression, in: scope)
        case .and, .or, .conditional: return try choice(expression, in: scope)
        case .comparison, .concatenation: return try chain(expression, in: scope)
        case .literal, .name: return .null
        }
    }

    private func collection(
        _ expression: Expression, in scope: Scope
    ) throws(TemplateError) -> Value {
        switch expression.kind {
        case .tuple(let items): return try runtime.tuple(try evaluate(items, in: scope))
        case .list(let items): return try runtime.list(try evaluate(items, in: scope))
        case .mapping(let items): return try mapping(items, in: scope)
        default: return .null
        }
    }

    private func access(
        _ expression: Expression, in scope: Scope
    ) throws(TemplateError) -> Value {
        switch expression.kind {
        case .attribute(let subject, let name):
            let subject = try evaluate(subject, in: scope)
            runtime.position = expression.position
            return try Members(runtime: runtime).attribute(name, of: subject)
        case .subscripted(let subject, let key):
            let subject = try evaluate(subject, in: scope)
            let key = try evaluate(key, in: scope)
            runtime.position = expression.position
            return try Members(runtime: runtime).item(key, of: subject)
        case .sliced(let subject, let slice):
            return try sliced(subject, slice, at: expression.position, in: scope)
        default: return .null
        }
    }

    private func application(
        _ expression: Expression, in scope: Scope
    ) throws(TemplateError) -> Value {
        switch expression.kind {
        case .call(let callee, let arguments):
            return try call(callee, arguments, at: expression.position, in: scope)
        case .filter(let subject, let filter):
            return try apply(filter, to: try evaluate(subject, in: scope), in: scope)
        case .test(let subject, let test):
            return .bool(try check(test, of: try evaluate(subject, in: scope), in: scope))
        default: return .null
        }
    }

    private func operation(
        _ expression: Expression, in scope: Scope
    ) throws(TemplateError) -> Value {
        switch expression.kind {
        case .not(let operand): return .bool(!(try evaluate(operand, in: scope).isTrue))
        case .negative(let operand), .positive(let operand):
            return try signed(expression, try evaluate(operand, in: scope))
        case .arithmetic(let operation, let left, let right):
            let left = try evaluate(left, in: scope)
            let right = try evaluate(right, in: scope)
            runtime.position = expression.position
            return try runtime.arithmetic.apply(operation, left, right)
        case .leftOut(let feature):
            runtime.position = expression.position
            throw runtime.unsupported(feature)
        default: return .null
        }
    }

    private func choice(
        _ expression: Expression, in scope: Scope
    ) throws(TemplateError) -> Value {
        switch expression.kind {
        case .and(let left, let right):
            let first = try evaluate(left, in: scope)
            return first.isTrue ? try evaluate(right, in: scope) : first
        case .or(let left, let right):
            let first = try evaluate(left, in: scope)
            return first.isTrue ? first : try evaluate(right, in: scope)
        case .conditional(let test, let then, let otherwise):
            if try evaluate(test, in: scope).isTrue { return try evaluate(then, in: scope) }
            if let otherwise { return try evaluate(otherwise, in: scope) }
            return .undefined(
                "the inline if-expression evaluated to false and no else section was defined.")
        default: return .null
        }
    }

    private func chain(
        _ expression: Expression, in scope: Scope
    ) throws(TemplateError) -> Value {
        switch expression.kind {
        case .comparison(let first, let operands):
            return try compare(first, operands, at: expression.position, in: scope)
        case .concatenation(let parts): return try concatenate(parts, in: scope)
        default: return .null
        }
    }

    private func value(of literal: Literal) -> Value {
        switch literal {
        case .null: .null
        case .bool(let value): .bool(value)
        case .integer(let value): .integer(value)
        case .float(let value): .float(value)
        case .string(let value): .string(value)
        }
    }

    private func lookUp(_ name: String, in scope: Scope) -> Value {
        if let value = scope.value(of: name) { return value }
        if Functions.names.contains(name) || Functions.leftOut.contains(name) {
            return .callable(.function(name))
        }
        return .undefined("'\(name)' is undefined")
    }

    private func evaluate(
        _ items: [Expression], in scope: Scope
    ) throws(TemplateError) -> [Value] {
        var values: [Value] = []
        values.reserveCapacity(items.count)
        for item in items { values.append(try evaluate(item, in: scope)) }
        return values
    }

    private func mapping(
        _ items: [(key: Expression, value: Expression)], in scope: Scope
    ) throws(TemplateError) -> Value {
        var mapping = Mapping()
        for (key, value) in items {
            let key = try evaluate(key, in: scope)
            mapping.set(
                key, try runtime.comparison.key(of: key), to: try evaluate(value, in: scope))
        }
        try runtime.checkDepth(mapping.depth)
        return .mapping(mapping)
    }

    private func signed(
        _ expression: Expression, _ operand: Value
    ) throws(TemplateError) -> Value {
        runtime.position = expression.position
        if case .undefined(let message) = operand { throw runtime.failure(message) }
        var isNegative = false
        if case .negative = expression.kind { isNegative = true }
        if let value = operand.integerValue {
            guard isNegative else { return .integer(value) }
            return try runtime.arithmetic.checked(0.subtractingReportingOverflow(value))
        }
        guard case .float(let value) = operand else {
            throw runtime.failure("bad operand type for unary operator: '\(operand.typeName)'")
        }
        return .float(isNegative ? -value : value)
    }

    private func compare(
        _ first: Expression, _ operands: [(ComparisonOperator, Expression)],
        at position: TemplatePosition, in scope: Scope
    ) throws(TemplateError) -> Value {
        var left = try evaluate(first, in: scope)
        for (operation, expression) in operands {
            let right = try evaluate(expression, in: scope)
            runtime.position = position
            if try !runtime.comparison.compare(operation, left, right) { return .bool(false) }
            left = right
        }
        return .bool(true)
    }

    private func concatenate(
        _ parts: [Expression], in scope: Scope
    ) throws(TemplateError) -> Value {
        var result = TemplateString()
        for part in parts {
            let string = try runtime.text.string(try evaluate(part, in: scope))
            try runtime.checkLength(result.count + string.count)
            result.append(string)
        }
        return .string(result)
    }

    private func sliced(
        _ subject: Expression, _ slice: SliceBounds, at position: TemplatePosition,
        in scope: Scope
    ) throws(TemplateError) -> Value {
        let subject = try evaluate(subject, in: scope)
        var bounds: [Int?] = []
        for part in [slice.start, slice.stop, slice.step] {
            guard let part else {
                bounds.append(nil)
                continue
            }
            let value = try evaluate(part, in: scope)
            runtime.position = position
            if case .null = value {
                bounds.append(nil)
            } else if let integer = value.integerValue {
                bounds.append(integer)
            } else {
                throw runtime.failure(
                    "slice indices must be integers or None or have an __index__ method")
            }
        }
        runtime.position = position
        return try runtime.slice(subject, start: bounds[0], stop: bounds[1], step: bounds[2])
    }

    /// Evaluates the arguments of a call, spreading `*` and `**`.
    func evaluate(
        _ arguments: CallArguments, in scope: Scope
    ) throws(TemplateError) -> Arguments {
        var result = Arguments()
        for argument in arguments.positional {
            result.positional.append(try evaluate(argument, in: scope))
        }
        for (name, value) in arguments.keywords {
            result.keywords.append((name, try evaluate(value, in: scope)))
        }
        if let spread = arguments.spread {
            result.positional += try runtime.iterate(try evaluate(spread, in: scope))
        }
        if let spread = arguments.keywordSpread {
            guard case .mapping(let mapping) = try evaluate(spread, in: scope) else {
                throw runtime.failure("argument after ** must be a mapping")
            }
            try runtime.step(mapping.count)
            for (key, value) in zip(mapping.keys, mapping.values) {
                result.keywords.append((try runtime.string(argument: key).text, value))
            }
        }
        return result
    }

    private func call(
        _ callee: Expression, _ arguments: CallArguments,
        at position: TemplatePosition, in scope: Scope
    ) throws(TemplateError) -> Value {
        let function = try evaluate(callee, in: scope)
        let arguments = try evaluate(arguments, in: scope)
        runtime.position = position
        return try interpreter.call(function, arguments)
    }

    /// Applies a filter of the source to a value.
    func apply(
        _ filter: FilterCall, to value: Value, in scope: Scope
    ) throws(TemplateError) -> Value {
        let arguments = try evaluate(filter.arguments, in: scope)
        runtime.position = filter.position
        try runtime.step()
        return try Filters(runtime: runtime).apply(filter.name, to: value, arguments)
    }

    /// Applies a test of the source to a value.
    private func check(
        _ test: FilterCall, of value: Value, in scope: Scope
    ) throws(TemplateError) -> Bool {
        let arguments = try evaluate(test.arguments, in: scope)
        runtime.position = test.position
        try runtime.step()
        return try Tests(runtime: runtime).check(test.name, value, arguments)
    }
}
