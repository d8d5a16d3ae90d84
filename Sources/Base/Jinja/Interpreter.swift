// SPDX-License-Identifier: Apache-2.0

/// Renders the statements of a template.
///
/// Scopes follow Jinja2: loops, macros and blocks have their own, `if` has none.
final class Interpreter {
    /// How a list of statements was left.
    enum Flow {
        case next
        case breaks
        case continues
    }

    let runtime: Runtime

    /// What `strftime_now` tells.
    let now: WallClockTime

    private var expressions: ExpressionEvaluator { ExpressionEvaluator(interpreter: self) }
    private var output = TemplateString()
    private var depth = 0

    init(runtime: Runtime, now: WallClockTime) {
        self.runtime = runtime
        self.now = now
    }

    /// Renders statements in a scope that holds the context.
    func render(
        _ statements: [Statement], in scope: Scope
    ) throws(TemplateError) -> TemplateString {
        defer { runtime.finish() }
        _ = try execute(statements, in: Scope(parent: scope))
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

    private func write(_ string: TemplateString) throws(TemplateError) {
        try runtime.work(string.count)
        guard output.count + string.count <= runtime.limits.maxStringLength else {
            throw runtime.limit(
                "output longer than \(runtime.limits.maxStringLength) characters")
        }
        output.append(string)
    }

    /// What the statements render to, kept apart from the output.
    private func capture(
        _ statements: [Statement], in scope: Scope
    ) throws(TemplateError) -> (TemplateString, Flow) {
        let outer = swapOutput(TemplateString())
        let flow = try execute(statements, in: scope)
        return (swapOutput(outer), flow)
    }

    /// Puts another string in the place of the output, which is returned.
    private func swapOutput(_ other: TemplateString) -> TemplateString {
        var other = other
        swap(&output, &other)
        return other
    }

    private func execute(
        _ statements: [Statement], in scope: Scope
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
        _ statement: Statement, in scope: Scope
    ) throws(TemplateError) -> Flow {
        // As with expressions, functions of their own keep the frames of this recursion small.
        switch statement.kind {
        case .text, .output, .assignment, .macro, .leftOut:
            try executeSimple(statement, in: scope)
            return .next
        case .breakLoop: return .breaks
        case .continueLoop: return .continues
        case .branches(let branches, let otherwise):
            return try execute(branches, otherwise: otherwise, in: scope)
        case .loop(let definition):
            let sequence = try expressions.evaluate(definition.sequence, in: scope)
            return try run(definition, over: sequence, in: scope, recursionDepth: 0)
        case .captured, .call, .filtered, .scope, .generation:
            return try executeBlock(statement, in: scope)
        }
    }

    private func executeSimple(
        _ statement: Statement, in scope: Scope
    ) throws(TemplateError) {
        switch statement.kind {
        case .text(let text): try write(text)
        case .leftOut(let feature): throw runtime.unsupported(feature)
        case .output(let expression):
            try write(try runtime.text.string(try expressions.evaluate(expression, in: scope)))
        case .assignment(let target, let expression):
            try assign(try expressions.evaluate(expression, in: scope), to: target, in: scope)
        case .macro(let definition):
            runtime.register(scope)
            let macro = Macro(definition: definition, scope: scope)
            scope.variables[definition.name] = .callable(.macro(macro))
        default: break
        }
    }

    private func executeBlock(
        _ statement: Statement, in scope: Scope
    ) throws(TemplateError) -> Flow {
        switch statement.kind {
        case .captured(let target, let filters, let body):
            return try capture(body, through: filters, into: target, in: scope)
        case .call(let call, let caller):
            try execute(call: call, caller: caller, in: scope)
        case .filtered(let filters, let body):
            return try capture(body, through: filters, into: nil, in: scope)
        case .scope(let bindings, let body):
            let inner = Scope(parent: scope)
            for (target, expression) in bindings {
                try assign(try expressions.evaluate(expression, in: scope), to: target, in: inner)
            }
            return try execute(body, in: inner)
        case .generation(let body):
            return try execute(body, in: Scope(parent: scope))
        default: break
        }
        return .next
    }

    private func execute(
        _ branches: [(test: Expression, body: [Statement])],
        otherwise: [Statement], in scope: Scope
    ) throws(TemplateError) -> Flow {
        for branch in branches where try expressions.evaluate(branch.test, in: scope).isTrue {
            return try execute(branch.body, in: scope)
        }
        return otherwise.isEmpty ? .next : try execute(otherwise, in: scope)
    }

    private func capture(
        _ body: [Statement], through filters: [FilterCall],
        into target: Target?, in scope: Scope
    ) throws(TemplateError) -> Flow {
        let (text, flow) = try capture(body, in: Scope(parent: scope))
        if flow != .next { return flow }
        var value = Value.string(text)
        for filter in filters {
            value = try expressions.apply(filter, to: value, in: scope)
        }
        if let target {
            try assign(value, to: target, in: scope)
        } else {
            try write(try runtime.text.string(value))
        }
        return .next
    }

    private func execute(
        call: Expression, caller: MacroDefinition, in scope: Scope
    ) throws(TemplateError) {
        guard case .call(let callee, let arguments) = call.kind else { return }
        runtime.register(scope)
        var evaluated = try expressions.evaluate(arguments, in: scope)
        evaluated.keywords.append(
            ("caller", .callable(.macro(Macro(definition: caller, scope: scope)))))
        let function = try expressions.evaluate(callee, in: scope)
        runtime.position = call.position
        try write(try runtime.text.string(try self.call(function, evaluated)))
    }

    /// Binds a value to a target, unpacking it where the target is a tuple.
    private func assign(
        _ value: Value, to target: Target, in scope: Scope
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

    /// Runs a loop over a sequence.
    private func run(
        _ definition: LoopDefinition, over sequence: Value,
        in scope: Scope, recursionDepth: Int
    ) throws(TemplateError) -> Flow {
        var items = try runtime.iterate(sequence)
        if let filter = definition.filter {
            var kept: [Value] = []
            for item in items {
                let inner = Scope(parent: scope)
                try assign(item, to: definition.target, in: inner)
                if try expressions.evaluate(filter, in: inner).isTrue { kept.append(item) }
            }
            items = kept
        }
        guard !items.isEmpty else {
            return definition.otherwise.isEmpty
                ? .next : try execute(definition.otherwise, in: Scope(parent: scope))
        }
        let loop = Loop(
            items: items, definition: definition.isRecursive ? definition : nil, scope: scope,
            recursionDepth: recursionDepth)
        try runtime.checkDepth(loop.depth)
        for (index, item) in items.enumerated() {
            loop.index = index
            let inner = Scope(parent: scope)
            inner.variables["loop"] = .loop(loop)
            try assign(item, to: definition.target, in: inner)
            let flow = try execute(definition.body, in: inner)
            if flow == .breaks { break }
        }
        return .next
    }

    /// The rendering of a recursive loop's body over an inner sequence.
    private func recurse(
        _ loop: Loop, over sequence: Value
    ) throws(TemplateError) -> Value {
        guard let definition = loop.definition else {
            throw runtime.failure(
                "The loop must have the 'recursive' marker to be called recursively.")
        }
        try enter()
        defer { leave() }
        let (outer, position) = (swapOutput(TemplateString()), runtime.position)
        _ = try run(
            definition, over: sequence, in: loop.scope, recursionDepth: loop.recursionDepth + 1)
        runtime.position = position
        return .string(swapOutput(outer))
    }

    /// Calls a value.
    func call(
        _ function: Value, _ arguments: Arguments
    ) throws(TemplateError) -> Value {
        switch function {
        case .undefined(let message): throw runtime.failure(message)
        case .loop(let loop):
            let values = try arguments.bound("loop", ["iterable"], required: 1, runtime)
            return try recurse(loop, over: values[0] ?? .null)
        case .callable(let callable):
            return try call(callable, arguments)
        default: throw runtime.failure("'\(function.typeName)' object is not callable")
        }
    }

    private func call(
        _ callable: Callable, _ arguments: Arguments
    ) throws(TemplateError) -> Value {
        switch callable {
        case .function(let name):
            return try Functions(runtime: runtime, now: now).call(name, arguments)
        case .macro(let macro): return try call(macro, arguments)
        case .method(let receiver, let name):
            switch receiver {
            case .loop(let loop): return try loop.call(name, arguments.positional, runtime)
            default:
                return try Methods(runtime: runtime).call(name, of: receiver, arguments)
            }
        }
    }

    /// Renders a macro's body with its arguments.
    private func call(
        _ macro: Macro, _ arguments: Arguments
    ) throws(TemplateError) -> Value {
        // A macro's call takes more of the stack than an expression does.
        try enter()
        try enter()
        defer {
            leave()
            leave()
        }
        let definition = macro.definition
        let scope = Scope(parent: macro.scope)
        var keywords = arguments.keywords
        var missing: [Parameter] = []
        for (i, parameter) in definition.parameters.enumerated() {
            if i < arguments.positional.count {
                scope.variables[parameter.name] = arguments.positional[i]
            } else if let index = keywords.firstIndex(where: { $0.name == parameter.name }) {
                scope.variables[parameter.name] = keywords.remove(at: index).value
            } else {
                missing.append(parameter)
            }
        }
        if definition.usesCaller, scope.variables["caller"] == nil,
            !definition.parameters.contains(where: { $0.name == "caller" })
        {
            let index = keywords.firstIndex { $0.name == "caller" }
            scope.variables["caller"] =
                index.map { keywords.remove(at: $0).value } ?? .undefined("No caller defined")
        }
        try bindRest(definition, arguments, keywords, in: scope)
        let position = runtime.position
        for parameter in missing {
            // Later fallbacks may refer to earlier parameters.
            guard let fallback = parameter.fallback else {
                scope.variables[parameter.name] = .undefined(
                    "parameter '\(parameter.name)' was not provided")
                continue
            }
            scope.variables[parameter.name] = try expressions.evaluate(fallback, in: scope)
        }
        let (text, _) = try capture(definition.body, in: scope)
        runtime.position = position
        return .string(text)
    }

    /// What is left over goes to `varargs` and `kwargs` of a macro that names them.
    private func bindRest(
        _ definition: MacroDefinition, _ arguments: Arguments,
        _ keywords: [(name: String, value: Value)], in scope: Scope
    ) throws(TemplateError) {
        if definition.usesKeywords {
            var mapping = Mapping()
            for (name, value) in keywords {
                mapping.set(TemplateString(name, origin: .template), to: value)
            }
            try runtime.checkDepth(mapping.depth)
            scope.variables["kwargs"] = .mapping(mapping)
        } else if let extra = keywords.first {
            throw runtime.failure(
                "macro '\(definition.name)' takes no keyword argument '\(extra.name)'")
        }
        let rest = arguments.positional.dropFirst(definition.parameters.count)
        if definition.usesVariadic {
            scope.variables["varargs"] = try runtime.tuple(Array(rest))
        } else if !rest.isEmpty {
            throw runtime.failure(
                "macro '\(definition.name)' takes not more than "
                    + "\(definition.parameters.count) argument(s)")
        }
    }
}
