// SPDX-License-Identifier: Apache-2.0

/// Renders the statements of a template.
///
/// Scopes follow Jinja2: loops, macros and blocks have their own, `if` has none.
final class TemplateInterpreter {
    /// How a list of statements was left.
    enum Flow {
        case next
        case breaks
        case continues
    }

    let runtime: TemplateRuntime

    /// What `strftime_now` tells.
    let now: WallClockTime

    private(set) var output = TemplateString()
    private var depth = 0

    init(runtime: TemplateRuntime, now: WallClockTime) {
        self.runtime = runtime
        self.now = now
    }

    /// Renders statements in a scope that holds the context.
    func render(
        _ statements: [TemplateStatement], in scope: TemplateScope
    ) throws(TemplateError) -> TemplateString {
        defer { runtime.finish() }
        _ = try execute(statements, in: TemplateScope(parent: scope))
        return output
    }

    /// Enters one more level of evaluation; every caller leaves it again.
    func enter() throws(TemplateError) {
        depth += 1
        try runtime.step()
        guard depth <= runtime.limits.maxDepth else {
            throw runtime.limit("evaluation is nested deeper than \(runtime.limits.maxDepth)")
        }
    }

    func leave() { depth -= 1 }

    func write(_ string: TemplateString) throws(TemplateError) {
        try runtime.work(string.count)
        guard output.count + string.count <= runtime.limits.maxStringLength else {
            throw runtime.limit(
                "output longer than \(runtime.limits.maxStringLength) characters")
        }
        output.append(string)
    }

    /// What the statements render to, kept apart from the output.
    func capture(
        _ statements: [TemplateStatement], in scope: TemplateScope
    ) throws(TemplateError) -> (TemplateString, Flow) {
        let outer = swapOutput(TemplateString())
        let flow = try execute(statements, in: scope)
        return (swapOutput(outer), flow)
    }

    /// Puts another string in the place of the output, which is returned.
    func swapOutput(_ other: TemplateString) -> TemplateString {
        var other = other
        swap(&output, &other)
        return other
    }

    func execute(
        _ statements: [TemplateStatement], in scope: TemplateScope
    ) throws(TemplateError) -> Flow {
        try enter()
        defer { leave() }
        for statement in statements {
            try runtime.step()
            runtime.position = statement.position
            let flow = try execute(statement, in: scope)
            if flow != .next { return flow }
        }
        return .next
    }

    private func execute(
        _ statement: TemplateStatement, in scope: TemplateScope
    ) throws(TemplateError) -> Flow {
        // As with expressions, functions of their own keep the frames of this recursion small.
        switch statement.kind {
        case .text, .output, .assignment, .macro:
            try executeSimple(statement, in: scope)
            return .next
        case .breakLoop: return .breaks
        case .continueLoop: return .continues
        case .branches(let branches, let otherwise):
            return try execute(branches, otherwise: otherwise, in: scope)
        case .loop(let definition):
            let sequence = try evaluate(definition.sequence, in: scope)
            return try run(definition, over: sequence, in: scope, recursionDepth: 0)
        case .captured, .call, .filtered, .scope, .generation:
            return try executeBlock(statement, in: scope)
        }
    }

    private func executeSimple(
        _ statement: TemplateStatement, in scope: TemplateScope
    ) throws(TemplateError) {
        switch statement.kind {
        case .text(let text): try write(text)
        case .output(let expression):
            try write(try runtime.string(try evaluate(expression, in: scope)))
        case .assignment(let target, let expression):
            try assign(try evaluate(expression, in: scope), to: target, in: scope)
        case .macro(let definition):
            runtime.register(scope)
            let macro = TemplateMacro(definition: definition, scope: scope)
            scope.variables[definition.name] = .callable(.macro(macro))
        default: break
        }
    }

    private func executeBlock(
        _ statement: TemplateStatement, in scope: TemplateScope
    ) throws(TemplateError) -> Flow {
        switch statement.kind {
        case .captured(let target, let filters, let body):
            return try capture(body, through: filters, into: target, in: scope)
        case .call(let call, let caller):
            try execute(call: call, caller: caller, in: scope)
        case .filtered(let filters, let body):
            return try capture(body, through: filters, into: nil, in: scope)
        case .scope(let bindings, let body):
            let inner = TemplateScope(parent: scope)
            for (target, expression) in bindings {
                try assign(try evaluate(expression, in: scope), to: target, in: inner)
            }
            return try execute(body, in: inner)
        case .generation(let body):
            return try execute(body, in: TemplateScope(parent: scope))
        default: break
        }
        return .next
    }

    private func execute(
        _ branches: [(test: TemplateExpression, body: [TemplateStatement])],
        otherwise: [TemplateStatement], in scope: TemplateScope
    ) throws(TemplateError) -> Flow {
        for branch in branches where try evaluate(branch.test, in: scope).isTrue {
            return try execute(branch.body, in: scope)
        }
        return otherwise.isEmpty ? .next : try execute(otherwise, in: scope)
    }

    private func capture(
        _ body: [TemplateStatement], through filters: [TemplateFilterCall],
        into target: TemplateTarget?, in scope: TemplateScope
    ) throws(TemplateError) -> Flow {
        let (text, flow) = try capture(body, in: TemplateScope(parent: scope))
        if flow != .next { return flow }
        var value = TemplateValue.string(text)
        for filter in filters {
            value = try apply(filter, to: value, in: scope)
        }
        if let target {
            try assign(value, to: target, in: scope)
        } else {
            try write(try runtime.string(value))
        }
        return .next
    }

    private func execute(
        call: TemplateExpression, caller: TemplateMacroDefinition, in scope: TemplateScope
    ) throws(TemplateError) {
        guard case .call(let callee, let arguments) = call.kind else { return }
        runtime.register(scope)
        var evaluated = try evaluate(arguments, in: scope)
        evaluated.keywords.append(
            ("caller", .callable(.macro(TemplateMacro(definition: caller, scope: scope)))))
        let function = try evaluate(callee, in: scope)
        runtime.position = call.position
        try write(try runtime.string(try self.call(function, evaluated, in: scope)))
    }

    /// Binds a value to a target, unpacking it where the target is a tuple.
    func assign(
        _ value: TemplateValue, to target: TemplateTarget, in scope: TemplateScope
    ) throws(TemplateError) {
        switch target {
        case .name(let name):
            scope.variables[name] = value
        case .member(let name, let attribute):
            guard case .namespace(let namespace) = scope.value(of: name) else {
                throw runtime.failure("cannot assign attribute on non-namespace object")
            }
            guard !attribute.hasPrefix("_") else {
                throw runtime.failure("underscore-prefixed attributes cannot be stored")
            }
            try runtime.checkDepth(value.depth + 1)
            namespace.attributes.set(TemplateString(attribute, origin: .template), to: value)
        case .tuple(let targets):
            let items = try runtime.iterate(value)
            guard items.count == targets.count else {
                throw runtime.failure(
                    items.count > targets.count
                        ? "too many values to unpack (expected \(targets.count))"
                        : "not enough values to unpack (expected \(targets.count), got \(items.count))"
                )
            }
            for (item, target) in zip(items, targets) {
                try assign(item, to: target, in: scope)
            }
        }
    }
}
