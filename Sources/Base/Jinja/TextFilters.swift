// SPDX-License-Identifier: Apache-2.0

/// The filters of text.
struct TextFilters {
    let runtime: Runtime

    func apply(
        _ name: String, to value: Value, _ arguments: Arguments
    ) throws(TemplateError) -> Value {
        if name == "indent" { return .string(try indent(value, arguments)) }
        let string = try runtime.text.string(value)
        try runtime.work(string.count)
        switch name {
        case "replace":
            let values = try arguments.bound(name, ["old", "new", "count"], required: 2, runtime)
            let count = values[2]?.isNull ?? true ? -1 : try runtime.integer(values[2], default: -1)
            return .string(
                try StringMethods(runtime: runtime).replace(
                    string, try runtime.text.string(values[0] ?? .null),
                    try runtime.text.string(values[1] ?? .null), count: count))
        case "trim":
            let values = try arguments.bound(name, ["chars"], runtime)
            return .string(
                string.stripped(try runtime.optionalString(values[0]), left: true, right: true))
        default: break
        }
        _ = try arguments.bound(name, [], runtime)
        return try convert(name, string)
    }

    /// The filters of strings without arguments.
    private func convert(
        _ name: String, _ string: TemplateString
    ) throws(TemplateError) -> Value {
        switch name {
        case "string": return .string(string)
        case "lower": return .string(string.lowercased)
        case "upper": return .string(string.uppercased)
        case "capitalize": return .string(string.capitalized)
        case "title": return .string(string.titlecasedByFilter)
        case "escape", "e": return .string(try runtime.text.escaped(.string(string)))
        case "safe":
            var safe = string
            safe.isMarkup = true
            return .string(safe)
        default: throw runtime.failure("No filter named '\(name)' found.")
        }
    }

    private func indent(
        _ value: Value, _ arguments: Arguments
    ) throws(TemplateError) -> TemplateString {
        let values = try arguments.bound("indent", ["width", "first", "blank"], runtime)
        if case .undefined(let message) = value { throw runtime.failure(message) }
        var text = try runtime.string(argument: value)
        let indentation: TemplateString
        if case .string(let string) = values[0] {
            indentation = string
        } else {
            let width = max(0, try runtime.integer(values[0], default: 4))
            try runtime.checkLength(width)
            indentation = TemplateString(String(repeating: " ", count: width), origin: .template)
        }
        let indentsBlank = values[2]?.isTrue ?? false
        text.append("\n", origin: .data)
        let lines = text.lines(keepsEnds: false)
        let (added, overflow) = lines.count.multipliedReportingOverflow(
            by: indentation.count + 1)
        try runtime.checkLength(overflow ? .max : text.count &+ added)
        var result = TemplateString()
        if values[1]?.isTrue ?? false { result.append(indentation) }
        for (i, line) in lines.enumerated() {
            if i > 0 {
                result.append("\n", origin: .data)
                if indentsBlank || !line.isEmpty { result.append(indentation) }
            }
            result.append(text, line)
        }
        result.isMarkup = text.isMarkup
        return result
    }
}
