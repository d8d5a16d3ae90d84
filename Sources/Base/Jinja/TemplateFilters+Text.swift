// SPDX-License-Identifier: Apache-2.0

extension TemplateFilters {
    func applyToText(
        _ name: String, _ value: TemplateValue, _ arguments: TemplateArguments
    ) throws(TemplateError) -> TemplateValue {
        let methods = TemplateMethods(runtime: runtime)
        switch name {
        case "indent": return .string(try indent(value, arguments))
        case "truncate": return try truncate(value, arguments)
        case "xmlattr": return .string(try attributes(value, arguments))
        case "urlencode":
            _ = try arguments.bound(name, [], runtime)
            return .string(try encodeURL(value))
        default: break
        }
        let string = try runtime.string(value)
        try runtime.work(string.count)
        switch name {
        case "replace":
            let values = try arguments.bound(name, ["old", "new", "count"], required: 2, runtime)
            let count = isNull(values[2]) ? -1 : try runtime.integer(values[2], default: -1)
            return .string(
                try methods.replace(
                    string, try runtime.string(values[0] ?? .null),
                    try runtime.string(values[1] ?? .null), count: count))
        case "format":
            guard arguments.positional.isEmpty || arguments.keywords.isEmpty else {
                throw runtime.failure(
                    "can't handle positional and keyword arguments at the same time")
            }
            var mapping = TemplateMapping()
            for (key, value) in arguments.keywords {
                mapping.set(TemplateString(key, origin: .template), to: value)
            }
            let values = try runtime.tuple(arguments.positional)
            return .string(
                try PrintfFormat.apply(
                    string, to: mapping.count > 0 ? .mapping(mapping) : values, runtime: runtime))
        case "trim":
            let values = try arguments.bound(name, ["chars"], runtime)
            return .string(
                string.stripped(try runtime.optionalString(values[0]), left: true, right: true))
        case "center":
            var arguments = arguments
            if arguments.positional.isEmpty, arguments.keywords.isEmpty {
                arguments.positional = [.integer(80)]
            }
            return try methods.call("center", of: string, arguments)
        default: break
        }
        _ = try arguments.bound(name, [], runtime)
        return try convert(name, string)
    }

    /// The filters of strings without arguments.
    private func convert(
        _ name: String, _ string: TemplateString
    ) throws(TemplateError) -> TemplateValue {
        switch name {
        case "string": return .string(string)
        case "lower": return .string(string.lowercased)
        case "upper": return .string(string.uppercased)
        case "capitalize": return .string(string.capitalized)
        case "title": return .string(string.titlecasedByFilter)
        case "escape", "e": return .string(try runtime.escaped(.string(string)))
        case "forceescape":
            var plain = string
            plain.isMarkup = false
            return .string(try runtime.escaped(.string(plain)))
        case "safe":
            var safe = string
            safe.isMarkup = true
            return .string(safe)
        case "striptags": return .string(stripTags(string))
        default:
            var count = 0
            var isInWord = false
            for scalar in string.scalars {
                let isWord = PythonText.isWord(scalar)
                if isWord, !isInWord { count += 1 }
                isInWord = isWord
            }
            return .integer(count)
        }
    }

    private func indent(
        _ value: TemplateValue, _ arguments: TemplateArguments
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

    private func truncate(
        _ value: TemplateValue, _ arguments: TemplateArguments
    ) throws(TemplateError) -> TemplateValue {
        let values = try arguments.bound(
            "truncate", ["length", "killwords", "end", "leeway"], runtime)
        let length = try runtime.integer(values[0], default: 255)
        let end = try runtime.optionalString(values[2]) ?? TemplateString("...", origin: .template)
        let leeway = isNull(values[3]) ? 5 : try runtime.integer(values[3], default: 5)
        guard length >= end.count, leeway >= 0 else {
            throw runtime.failure("expected length >= \(end.count) and leeway >= 0")
        }
        guard try runtime.length(of: value) - leeway > length else { return value }
        let string = try runtime.string(argument: value)
        var result = string.slice(0..<length - end.count)
        if !(values[1]?.isTrue ?? false),
            let space = result.lastOffset(
                of: TemplateString(" ", origin: .data), in: 0..<result.count)
        {
            result = result.slice(0..<space)
        }
        result.append(end)
        return .string(result)
    }

    private func attributes(
        _ value: TemplateValue, _ arguments: TemplateArguments
    ) throws(TemplateError) -> TemplateString {
        let values = try arguments.bound("xmlattr", ["autospace"], runtime)
        guard case .mapping(let mapping) = value else {
            throw runtime.failure("xmlattr needs a mapping")
        }
        var result = TemplateString()
        for (key, value) in zip(mapping.keys, mapping.values) {
            if isNull(value) || value.isUndefined { continue }
            let name = try runtime.string(argument: key)
            guard
                !name.scalars.contains(where: {
                    " \t\n\r\u{0B}\u{0C}/>=".unicodeScalars.contains($0)
                })
            else { throw runtime.failure("Invalid character in attribute name") }
            if !result.isEmpty || values[0]?.isTrue ?? true {
                result.append(" ", origin: .template)
            }
            result.append(try runtime.escaped(.string(name)))
            result.append("=\"", origin: .template)
            result.append(try runtime.escaped(value))
            result.append("\"", origin: .template)
            try runtime.checkLength(result.count)
        }
        return result
    }

    private func encodeURL(_ value: TemplateValue) throws(TemplateError) -> TemplateString {
        var pairs: [TemplateValue] = []
        switch value {
        case .mapping(let mapping):
            pairs = TemplateMappingView(kind: .items, mapping: mapping).items
        case .string: return try quoted(value, forQuery: false)
        default:
            guard runtime.isIterable(value) else { return try quoted(value, forQuery: false) }
            pairs = try runtime.iterate(value)
        }
        var result = TemplateString()
        for pair in pairs {
            let items = try runtime.iterate(pair)
            guard items.count == 2 else { throw runtime.failure("urlencode needs pairs") }
            if !result.isEmpty { result.append("&", origin: .data) }
            result.append(try quoted(items[0], forQuery: true))
            result.append("=", origin: .data)
            result.append(try quoted(items[1], forQuery: true))
            try runtime.checkLength(result.count)
        }
        return result
    }

    private func quoted(
        _ value: TemplateValue, forQuery: Bool
    ) throws(TemplateError) -> TemplateString {
        let string = try runtime.string(value)
        try runtime.checkLength(string.count * 12)
        return string.mapped { scalar, _ in
            if forQuery, scalar == " " { return "+" }
            let isSafe =
                scalar.isASCII
                && (PythonText.isWord(scalar) || "-.~".unicodeScalars.contains(scalar))
            if isSafe || (scalar == "/" && !forQuery) { return nil }
            return String(scalar).utf8.map { byte in
                "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
            }.joined()
        }
    }

    /// Without tags, comments and runs of white space; entities are left as they are.
    private func stripTags(_ string: TemplateString) -> TemplateString {
        var visible = TemplateString()
        var start = 0
        let whole = 0..<string.count
        let opening = TemplateString("<", origin: .data)
        let closing = TemplateString(">", origin: .data)
        while let open = string.firstOffset(of: opening, in: start..<whole.upperBound),
            let close = string.firstOffset(of: closing, in: open..<whole.upperBound)
        {
            visible.append(string, start..<open)
            start = close + 1
        }
        visible.append(string, start..<whole.upperBound)
        var result = TemplateString()
        for word in visible.words(limit: .max, fromEnd: false) {
            if !result.isEmpty { result.append(" ", origin: .data) }
            result.append(visible, word)
        }
        return result
    }
}
