// SPDX-License-Identifier: Apache-2.0

import JSON

/// Python's text of values: `str`, `repr`, and the escapes of `Markup`.
struct Representation {
    let runtime: Runtime

    /// Python's `str`.
    func string(_ value: Value) throws(TemplateError) -> TemplateString {
        switch value {
        case .string(let string): return string
        case .undefined: return TemplateString()
        case .null: return TemplateString("None", origin: .template)
        case .bool(let value): return TemplateString(value ? "True" : "False", origin: .template)
        case .integer(let value): return TemplateString(String(value), origin: .template)
        case .float(let value):
            return TemplateString(Self.text(of: value), origin: .template)
        default: return try representation(value)
        }
    }

    /// Python's `str` of a number.
    private static func text(of value: Double) -> String {
        if value.isNaN { return "nan" }
        if value.isInfinite { return value < 0 ? "-inf" : "inf" }
        return JSONStyle.pythonText(of: value)
    }

    /// Python's `repr`; punctuation around data counts as data.
    func representation(_ value: Value) throws(TemplateError) -> TemplateString {
        var result = TemplateString()
        try represent(value, into: &result, depth: 0)
        try runtime.work(result.count)
        return result
    }

    private func represent(
        _ value: Value, into result: inout TemplateString, depth: Int
    ) throws(TemplateError) {
        try runtime.step()
        try runtime.checkDepth(depth)
        guard result.count <= runtime.limits.maxStringLength else {
            throw runtime.limit("a string longer than \(runtime.limits.maxStringLength) characters")
        }
        switch value {
        case .string(let string): try quote(string, into: &result)
        case .undefined: result.append("Undefined", origin: .data)
        case .list(let sequence):
            result.append("[", origin: .data)
            try represent(sequence.items, into: &result, depth: depth)
            result.append("]", origin: .data)
        case .tuple(let sequence):
            result.append("(", origin: .data)
            try represent(sequence.items, into: &result, depth: depth)
            result.append(sequence.items.count == 1 ? ",)" : ")", origin: .data)
        case .mapping(let mapping):
            try represent(mapping, into: &result, depth: depth)
        case .view(let view):
            result.append(view.kind.rawValue + "([", origin: .data)
            try represent(view.items, into: &result, depth: depth)
            result.append("])", origin: .data)
        case .range(let range):
            let step = range.step == 1 ? "" : ", \(range.step)"
            result.append("range(\(range.start), \(range.stop)\(step))", origin: .data)
        case .namespace(let namespace):
            result.append("<Namespace ", origin: .data)
            try represent(namespace.attributes, into: &result, depth: depth)
            result.append(">", origin: .data)
        case .loop(let loop):
            result.append("<LoopContext \(loop.index + 1)/\(loop.items.count)>", origin: .data)
        case .callable(.macro(let macro)):
            result.append("<Macro '\(macro.definition.name)'>", origin: .data)
        case .iterator, .callable:
            result.append("<\(value.typeName)>", origin: .data)
        case .null, .bool, .integer, .float:
            result.append(try string(value).text, origin: .data)
        }
    }

    private func represent(
        _ items: [Value], into result: inout TemplateString, depth: Int
    ) throws(TemplateError) {
        for (i, item) in items.enumerated() {
            if i > 0 { result.append(", ", origin: .data) }
            try represent(item, into: &result, depth: depth + 1)
        }
    }

    private func represent(
        _ mapping: Mapping, into result: inout TemplateString, depth: Int
    ) throws(TemplateError) {
        result.append("{", origin: .data)
        for (i, (key, value)) in zip(mapping.keys, mapping.values).enumerated() {
            if i > 0 { result.append(", ", origin: .data) }
            try represent(key, into: &result, depth: depth + 1)
            result.append(": ", origin: .data)
            try represent(value, into: &result, depth: depth + 1)
        }
        result.append("}", origin: .data)
    }

    /// A string in quotes with Python's escapes.
    private func quote(
        _ string: TemplateString, into result: inout TemplateString
    ) throws(TemplateError) {
        try runtime.checkLength(string.count)
        if string.isMarkup { result.append("Markup(", origin: .data) }
        let usesDouble = string.scalars.contains("'") && !string.scalars.contains("\"")
        let mark: Unicode.Scalar = usesDouble ? "\"" : "'"
        result.append(mark, origin: .data)
        result.append(
            string.mapped { scalar, _ in
                switch scalar {
                case mark, "\\": "\\" + String(scalar)
                case "\n": "\\n"
                case "\r": "\\r"
                case "\t": "\\t"
                default: PythonText.isPrintable(scalar) ? nil : hexEscape(scalar)
                }
            })
        result.append(mark, origin: .data)
        if string.isMarkup { result.append(")", origin: .data) }
    }

    private func hexEscape(_ scalar: Unicode.Scalar) -> String {
        let value = scalar.value
        let (prefix, width) =
            value < 0x100 ? ("\\x", 2) : value < 0x10000 ? ("\\u", 4) : ("\\U", 8)
        let digits = String(value, radix: 16)
        return prefix + String(repeating: "0", count: width - digits.count) + digits
    }

    /// The string with HTML's special characters escaped, marked as safe.
    func escaped(_ value: Value) throws(TemplateError) -> TemplateString {
        let string = try string(value)
        if string.isMarkup { return string }
        try runtime.checkLength(string.count)
        var result = string.mapped { scalar, _ in
            switch scalar {
            case "&": "&amp;"
            case "<": "&lt;"
            case ">": "&gt;"
            case "'": "&#39;"
            case "\"": "&#34;"
            default: nil
            }
        }
        result.isMarkup = true
        return result
    }
}
