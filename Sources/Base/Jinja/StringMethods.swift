// SPDX-License-Identifier: Apache-2.0

/// The methods of Python's strings that a template may call.
struct StringMethods {
    static let names: Set<String> = [
        "capitalize", "count", "endswith", "find", "format", "index", "isalnum", "isalpha",
        "isdecimal", "isdigit", "islower", "isnumeric", "isspace", "isupper", "join", "lower",
        "lstrip", "partition", "removeprefix", "removesuffix", "replace", "rfind", "rindex",
        "rpartition", "rsplit", "rstrip", "split", "splitlines", "startswith", "strip", "title",
        "upper",
    ]

    /// The methods of Python's strings that no chat template uses.
    static let leftOut: Set<String> = [
        "casefold", "center", "encode", "expandtabs", "format_map", "isascii", "isidentifier",
        "isprintable", "istitle", "ljust", "maketrans", "rjust", "swapcase", "translate", "zfill",
    ]

    let runtime: Runtime

    func call(
        _ name: String, of string: TemplateString, _ arguments: Arguments
    ) throws(TemplateError) -> Value {
        // Every method reads its string once or a fixed number of times.
        try runtime.work(string.count)
        switch name {
        case "strip", "lstrip", "rstrip":
            let values = try arguments.bound(name, ["chars"], runtime)
            return .string(
                string.stripped(
                    try runtime.optionalString(values[0]), left: name != "rstrip",
                    right: name != "lstrip"))
        case "split", "rsplit": return try split(string, arguments, fromEnd: name == "rsplit")
        case "splitlines":
            let values = try arguments.bound(name, ["keepends"], runtime)
            return try list(string, string.lines(keepsEnds: values[0]?.isTrue ?? false))
        case "partition", "rpartition":
            return try partition(string, arguments, fromEnd: name == "rpartition")
        case "startswith", "endswith":
            return try hasAffix(string, arguments, isPrefix: name == "startswith")
        case "removeprefix", "removesuffix":
            let values = try arguments.bound(name, ["affix"], required: 1, runtime)
            let affix = try runtime.string(argument: values[0] ?? .null)
            let whole = 0..<string.count
            if name == "removeprefix" {
                guard string.hasPrefix(affix, in: whole) else { return .string(string) }
                return .string(string.slice(affix.count..<string.count))
            }
            guard string.hasSuffix(affix, in: whole) else { return .string(string) }
            return .string(string.slice(0..<string.count - affix.count))
        case "replace":
            let values = try arguments.bound(
                name, ["old", "new", "count"], required: 2, runtime)
            return .string(
                try replace(
                    string, try runtime.string(argument: values[0] ?? .null),
                    try runtime.string(argument: values[1] ?? .null),
                    count: try runtime.integer(values[2], default: -1)))
        case "find", "rfind", "index", "rindex", "count":
            return try search(name, string, arguments)
        case "join":
            let values = try arguments.bound(name, ["iterable"], required: 1, runtime)
            return .string(try join(string, values[0] ?? .null))
        case "format":
            return .string(
                try BraceFormat(runtime: runtime, arguments: arguments).apply(string))
        default:
            _ = try arguments.bound(name, [], runtime)
            return try convert(name, string)
        }
    }

    /// The methods without arguments.
    private func convert(
        _ name: String, _ string: TemplateString
    ) throws(TemplateError) -> Value {
        switch name {
        case "lower": return .string(string.lowercased)
        case "upper": return .string(string.uppercased)
        case "title": return .string(string.titlecased)
        case "capitalize": return .string(string.capitalized)
        case "islower": return .bool(string.isAll(uppercase: false))
        case "isupper": return .bool(string.isAll(uppercase: true))
        case "isspace": return all(string, PythonText.isSpace)
        case "isalpha": return all(string, PythonText.isAlphabetic)
        case "isdecimal": return all(string, PythonText.isDecimal)
        case "isdigit": return all(string, PythonText.isDigit)
        case "isnumeric": return all(string, PythonText.isNumeric)
        case "isalnum":
            return all(string) { PythonText.isAlphabetic($0) || PythonText.isNumeric($0) }
        default: throw runtime.failure("'str' object has no attribute '\(name)'")
        }
    }

    private func all(
        _ string: TemplateString, _ predicate: (Unicode.Scalar) -> Bool
    ) -> Value {
        .bool(!string.isEmpty && string.scalars.allSatisfy(predicate))
    }

    private func list(
        _ string: TemplateString, _ ranges: [Range<Int>]
    ) throws(TemplateError) -> Value {
        try runtime.checkItems(ranges.count)
        return try runtime.list(ranges.map { .string(string.slice($0)) })
    }

    private func split(
        _ string: TemplateString, _ arguments: Arguments, fromEnd: Bool
    ) throws(TemplateError) -> Value {
        let values = try arguments.bound("split", ["sep", "maxsplit"], runtime)
        let count = try runtime.integer(values[1], default: -1)
        let limit = count < 0 ? Int.max : count
        guard let separator = try runtime.optionalString(values[0]) else {
            return try list(string, string.words(limit: limit, fromEnd: fromEnd))
        }
        guard !separator.isEmpty else { throw runtime.failure("empty separator") }
        return try list(
            string, string.parts(separatedBy: separator, limit: limit, fromEnd: fromEnd))
    }

    private func partition(
        _ string: TemplateString, _ arguments: Arguments, fromEnd: Bool
    ) throws(TemplateError) -> Value {
        let values = try arguments.bound("partition", ["sep"], required: 1, runtime)
        let separator = try runtime.string(argument: values[0] ?? .null)
        guard !separator.isEmpty else { throw runtime.failure("empty separator") }
        let whole = 0..<string.count
        let offset =
            fromEnd
            ? string.lastOffset(of: separator, in: whole)
            : string.firstOffset(of: separator, in: whole)
        var nothing = TemplateString()
        nothing.isMarkup = string.isMarkup
        let empty = Value.string(nothing)
        guard let offset else {
            let text = Value.string(string)
            return try runtime.tuple(fromEnd ? [empty, empty, text] : [text, empty, empty])
        }
        let end = offset + separator.count
        return try runtime.tuple([
            .string(string.slice(0..<offset)), .string(string.slice(offset..<end)),
            .string(string.slice(end..<string.count)),
        ])
    }

    private func hasAffix(
        _ string: TemplateString, _ arguments: Arguments, isPrefix: Bool
    ) throws(TemplateError) -> Value {
        let values = try arguments.bound(
            "startswith", ["affix", "start", "end"], required: 1, runtime)
        let start = try runtime.integer(values[1], default: 0)
        let range = runtime.bounds(
            start, try runtime.integer(values[2], default: string.count), string.count)
        guard start <= string.count else { return .bool(false) }
        var affixes: [Value] = [values[0] ?? .null]
        if case .tuple(let sequence) = affixes[0] { affixes = sequence.items }
        for affix in affixes {
            let text = try runtime.string(argument: affix)
            try runtime.work(text.count)
            if isPrefix ? string.hasPrefix(text, in: range) : string.hasSuffix(text, in: range) {
                return .bool(true)
            }
        }
        return .bool(false)
    }

    /// Replaces occurrences; an empty `old` stands between all characters.
    func replace(
        _ string: TemplateString, _ old: TemplateString, _ new: TemplateString, count: Int
    ) throws(TemplateError) -> TemplateString {
        try runtime.work(string.count + old.count)
        let limit = count < 0 ? Int.max : count
        let cuts: [Int]
        if old.isEmpty {
            cuts = Array(0..<min(limit, string.count + 1))
        } else {
            cuts = string.occurrences(of: old, in: 0..<string.count, limit: limit)
        }
        guard !cuts.isEmpty else { return string }
        let (growth, overflow) = cuts.count.multipliedReportingOverflow(by: new.count)
        try runtime.checkLength(overflow ? .max : string.count &+ growth)
        var result = TemplateString()
        result.isMarkup = string.isMarkup
        var start = 0
        for cut in cuts {
            result.append(string, start..<cut)
            result.append(new)
            start = cut + old.count
        }
        result.append(string, start..<string.count)
        return result
    }

    private func search(
        _ name: String, _ string: TemplateString, _ arguments: Arguments
    ) throws(TemplateError) -> Value {
        let values = try arguments.bound(name, ["sub", "start", "end"], required: 1, runtime)
        let needle = try runtime.string(argument: values[0] ?? .null)
        let start = try runtime.integer(
            values[1].flatMap { $0.isNull ? nil : $0 }, default: 0)
        let end = try runtime.integer(
            values[2].flatMap { $0.isNull ? nil : $0 }, default: string.count)
        let range = runtime.bounds(start, end, string.count)
        try runtime.work(string.count + needle.count)
        if name == "count" {
            return .integer(
                needle.isEmpty
                    ? (start > string.count ? 0 : range.count + 1)
                    : string.occurrences(of: needle, in: range).count)
        }
        let offset: Int?
        if start > string.count {
            offset = nil
        } else {
            offset =
                name.hasPrefix("r")
                ? string.lastOffset(of: needle, in: range)
                : string.firstOffset(of: needle, in: range)
        }
        if let offset { return .integer(offset) }
        guard name.hasSuffix("find") else { throw runtime.failure("substring not found") }
        return .integer(-1)
    }

    private func join(
        _ separator: TemplateString, _ items: Value
    ) throws(TemplateError) -> TemplateString {
        var result = TemplateString()
        for (i, item) in try runtime.iterate(items).enumerated() {
            guard case .string(let text) = item else {
                throw runtime.failure(
                    "sequence item \(i): expected str instance, \(item.typeName) found")
            }
            if i > 0 { result.append(separator) }
            result.append(text)
            try runtime.work(separator.count + text.count)
            guard result.count <= runtime.limits.maxStringLength else {
                throw runtime.limit(
                    "a string longer than \(runtime.limits.maxStringLength) characters")
            }
        }
        result.isMarkup = separator.isMarkup
        return result
    }
}
