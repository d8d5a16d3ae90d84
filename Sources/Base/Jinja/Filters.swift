// SPDX-License-Identifier: Apache-2.0

import JSON

/// The filters of Jinja2, with `tojson` as transformers overrides it.
struct Filters {
    static let names: Set<String> = [
        "abs", "capitalize", "count", "d", "default", "dictsort", "e", "escape", "first", "float",
        "indent", "int", "items", "join", "last", "length", "list", "lower", "map", "max", "min",
        "reject", "rejectattr", "replace", "reverse", "round", "safe", "select", "selectattr",
        "sort", "string", "sum", "title", "tojson", "trim", "unique", "upper",
    ]

    /// The filters of Jinja2 that no chat template uses.
    static let leftOut: Set<String> = [
        "attr", "batch", "center", "filesizeformat", "forceescape", "format", "groupby", "pprint",
        "random", "slice", "striptags", "truncate", "urlencode", "urlize", "wordcount", "wordwrap",
        "xmlattr",
    ]

    let runtime: Runtime

    /// The filtered value.
    func apply(
        _ name: String, to value: Value, _ arguments: Arguments
    ) throws(TemplateError) -> Value {
        switch name {
        case "default", "d":
            let values = try arguments.bound(name, ["default_value", "boolean"], runtime)
            let isMissing = value.isUndefined || (values[1]?.isTrue ?? false && !value.isTrue)
            return isMissing ? values[0] ?? .string(TemplateString()) : value
        case "length", "count":
            _ = try arguments.bound(name, [], runtime)
            return .integer(try runtime.length(of: value))
        case "tojson": return try json(value, arguments)
        case "items":
            _ = try arguments.bound(name, [], runtime)
            return try items(of: value)
        case "abs", "int", "float", "round":
            return try NumberFilters(runtime: runtime).apply(name, to: value, arguments)
        case "dictsort", "first", "join", "last", "list", "map", "min", "max", "reject",
            "rejectattr", "reverse", "select", "selectattr", "sort", "sum", "unique":
            return try SequenceFilters(runtime: runtime).apply(name, to: value, arguments)
        default:
            if Filters.leftOut.contains(name) {
                throw runtime.unsupported("filter \"\(name)\"")
            }
            guard Filters.names.contains(name) else {
                throw runtime.failure("No filter named '\(name.prefix(40))' found.")
            }
            return try TextFilters(runtime: runtime).apply(name, to: value, arguments)
        }
    }

    private func json(
        _ value: Value, _ arguments: Arguments
    ) throws(TemplateError) -> Value {
        let values = try arguments.bound(
            "tojson", ["ensure_ascii", "indent", "separators", "sort_keys"], runtime)
        var style = JSONStyle.python
        style.escapesNonASCII = values[0]?.isTrue ?? false
        switch values[1] {
        case nil, .null: break
        case .string(let string): style.indentation = string.text
        case let value:
            let width = max(0, try runtime.integer(value, default: 0))
            try runtime.checkLength(width)
            style.indentation = String(repeating: " ", count: width)
        }
        if style.indentation != nil { style.itemSeparator = "," }
        if let separators = values[2], !separators.isNull {
            let pair = try runtime.iterate(separators)
            guard pair.count == 2 else { throw runtime.failure("separators must be a pair") }
            style.itemSeparator = try runtime.string(argument: pair[0]).text
            style.keySeparator = try runtime.string(argument: pair[1]).text
        }
        let writer = JSONDump(
            runtime: runtime, style: style, sortsKeys: values[3]?.isTrue ?? false)
        return .string(try writer.text(of: value))
    }

    private func items(of value: Value) throws(TemplateError) -> Value {
        switch value {
        case .undefined: return try runtime.iterator([])
        case .mapping(let mapping):
            return try runtime.iterator(MappingView(kind: .items, mapping: mapping).items)
        default: throw runtime.failure("Can only get item pairs from a mapping.")
        }
    }
}
