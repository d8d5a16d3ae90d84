// SPDX-License-Identifier: Apache-2.0

extension TemplateInterpreter {
    /// Evaluates the arguments of a call, spreading `*` and `**`.
    func evaluate(
        _ arguments: TemplateCallArguments, in scope: TemplateScope
    ) throws(TemplateError) -> TemplateArguments {
        var result = TemplateArguments()
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

    func call(
        _ callee: TemplateExpression, _ arguments: TemplateCallArguments,
        at position: TemplatePosition, in scope: TemplateScope
    ) throws(TemplateError) -> TemplateValue {
        let function = try evaluate(callee, in: scope)
        let arguments = try evaluate(arguments, in: scope)
        runtime.position = position
        return try call(function, arguments, in: scope)
    }

    /// Calls a value.
    func call(
        _ function: TemplateValue, _ arguments: TemplateArguments, in scope: TemplateScope
    ) throws(TemplateError) -> TemplateValue {
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
        _ callable: TemplateCallable, _ arguments: TemplateArguments
    ) throws(TemplateError) -> TemplateValue {
        switch callable {
        case .function(let name):
            return try TemplateFunctions(interpreter: self).call(name, arguments)
        case .macro(let macro): return try call(macro, arguments)
        case .method(let receiver, let name):
            switch receiver {
            case .loop(let loop): return try callMethod(name, of: loop, arguments)
            default:
                return try TemplateMethods(runtime: runtime).call(name, of: receiver, arguments)
            }
        }
    }

    /// Renders a macro's body with its arguments.
    private func call(
        _ macro: TemplateMacro, _ arguments: TemplateArguments
    ) throws(TemplateError) -> TemplateValue {
        // A macro's call takes more of the stack than an expression does.
        try enter()
        try enter()
        defer {
            leave()
            leave()
        }
        let definition = macro.definition
        let scope = TemplateScope(parent: macro.scope)
        var keywords = arguments.keywords
        var missing: [TemplateParameter] = []
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
            scope.variables[parameter.name] = try evaluate(fallback, in: scope)
        }
        let (text, _) = try capture(definition.body, in: scope)
        runtime.position = position
        return .string(text)
    }

    /// What is left over goes to `varargs` and `kwargs` of a macro that names them.
    private func bindRest(
        _ definition: TemplateMacroDefinition, _ arguments: TemplateArguments,
        _ keywords: [(name: String, value: TemplateValue)], in scope: TemplateScope
    ) throws(TemplateError) {
        if definition.usesKeywords {
            var mapping = TemplateMapping()
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
