// SPDX-License-Identifier: Apache-2.0

/// The tests of Jinja2, which templates use after `is` and in `select`.
struct Tests {
    static let names: Set<String> = [
        "odd", "even", "divisibleby", "defined", "undefined", "filter", "test", "none", "boolean",
        "false", "true", "integer", "float", "lower", "upper", "string", "mapping", "number",
        "sequence", "iterable", "callable", "sameas", "in", "==", "eq", "equalto", "!=",
        "ne", ">", "gt", "greaterthan", "ge", ">=", "<", "lt", "lessthan", "<=", "le",
    ]

    /// The tests of Jinja2 that no chat template uses.
    static let leftOut: Set<String> = ["escaped"]

    let runtime: Runtime

    func check(
        _ name: String, _ value: Value, _ arguments: Arguments
    ) throws(TemplateError) -> Bool {
        if let operation = comparison(name) {
            let values = try arguments.bound(name, ["other"], required: 1, runtime)
            return try runtime.comparison.compare(operation, value, values[0] ?? .null)
        }
        switch name {
        case "in":
            let values = try arguments.bound(name, ["seq"], required: 1, runtime)
            return try runtime.comparison.contains(values[0] ?? .null, value)
        case "sameas":
            let values = try arguments.bound(name, ["other"], required: 1, runtime)
            return try isSame(value, values[0] ?? .null)
        case "divisibleby":
            let values = try arguments.bound(name, ["num"], required: 1, runtime)
            return try runtime.comparison.equals(
                try runtime.arithmetic.apply(.modulo, value, values[0] ?? .null), .integer(0))
        default:
            _ = try arguments.bound(name, [], runtime)
            return try checkAlone(name, value)
        }
    }

    private func comparison(_ name: String) -> ComparisonOperator? {
        switch name {
        case "==", "eq", "equalto": .equal
        case "!=", "ne": .notEqual
        case ">", "gt", "greaterthan": .greater
        case ">=", "ge": .greaterOrEqual
        case "<", "lt", "lessthan": .less
        case "<=", "le": .lessOrEqual
        default: nil
        }
    }

    /// The tests that take no argument.
    private func checkAlone(
        _ name: String, _ value: Value
    ) throws(TemplateError) -> Bool {
        switch (name, value) {
        case ("defined", _): return !value.isUndefined
        case ("undefined", _): return value.isUndefined
        case ("none", .null), ("true", .bool(true)), ("false", .bool(false)), ("boolean", .bool),
            ("integer", .integer), ("float", .float), ("string", .string), ("mapping", .mapping):
            return true
        case ("none", _), ("true", _), ("false", _), ("boolean", _), ("integer", _), ("float", _),
            ("string", _), ("mapping", _):
            return false
        case ("number", _): return value.floatValue != nil
        case ("iterable", _): return runtime.isIterable(value)
        case ("sequence", _): return isSequence(value)
        case ("callable", .callable), ("callable", .loop), ("callable", .undefined): return true
        case ("callable", _): return false
        case ("lower", _): return try runtime.text.string(value).isAll(uppercase: false)
        case ("upper", _): return try runtime.text.string(value).isAll(uppercase: true)
        case ("odd", _), ("even", _):
            let remainder = try runtime.arithmetic.apply(.modulo, value, .integer(2))
            return try runtime.comparison.equals(remainder, .integer(name == "odd" ? 1 : 0))
        case ("filter", .string(let string)): return Filters.names.contains(string.text)
        case ("test", .string(let string)): return Tests.names.contains(string.text)
        case ("filter", _), ("test", _): return false
        default:
            if Tests.leftOut.contains(name) {
                throw runtime.unsupported("test \"\(name)\"")
            }
            throw runtime.failure("No test named '\(name)' found.")
        }
    }

    private func isSequence(_ value: Value) -> Bool {
        switch value {
        case .undefined, .string, .list, .tuple, .mapping, .range: true
        default: false
        }
    }

    private func isSame(
        _ left: Value, _ right: Value
    ) throws(TemplateError) -> Bool {
        switch (left, right) {
        case (.null, .null), (.bool(true), .bool(true)), (.bool(false), .bool(false)): true
        case (.bool, _), (_, .bool), (.null, _), (_, .null): false
        default:
            if left.typeName == right.typeName {
                try runtime.comparison.equals(left, right)
            } else {
                false
            }
        }
    }
}
