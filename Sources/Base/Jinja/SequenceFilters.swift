// SPDX-License-Identifier: Apache-2.0

/// The filters of lists, mappings and whatever else can be iterated.
struct SequenceFilters {
    let runtime: Runtime

    func apply(
        _ name: String, to value: Value, _ arguments: Arguments
    ) throws(TemplateError) -> Value {
        switch name {
        case "list":
            _ = try arguments.bound(name, [], runtime)
            return try runtime.list(try runtime.iterate(value))
        case "first", "last":
            _ = try arguments.bound(name, [], runtime)
            return try end(of: value, isFirst: name == "first")
        case "join": return .string(try join(value, arguments))
        case "reverse":
            _ = try arguments.bound(name, [], runtime)
            if case .string = value {
                return try runtime.slice(value, start: nil, stop: nil, step: -1)
            }
            return try runtime.iterator(try runtime.iterate(value).reversed())
        case "map": return try runtime.iterator(try map(value, arguments))
        case "select", "reject", "selectattr", "rejectattr":
            return try runtime.iterator(
                try select(
                    value, arguments, keeps: name.hasPrefix("select"),
                    byAttribute: name.hasSuffix("attr")))
        case "sort": return try sort(value, arguments)
        case "dictsort": return try sortMapping(value, arguments)
        case "unique": return try runtime.iterator(try unique(value, arguments))
        case "min", "max": return try extreme(value, arguments, isMin: name == "min")
        default: return try sum(value, arguments)
        }
    }

    private func end(
        of value: Value, isFirst: Bool
    ) throws(TemplateError) -> Value {
        if isFirst, case .iterator(let iterator) = value {
            return iterator.next() ?? .undefined("No first item, sequence was empty.")
        }
        switch value {
        case .iterator where !isFirst:
            throw runtime.failure("'generator' object is not reversible")
        case .string(let string):
            guard !string.isEmpty else { break }
            let index = isFirst ? 0 : string.count - 1
            var character = string.slice(index..<index + 1)
            if isFirst { character.isMarkup = false }
            return .string(character)
        default:
            let items = try runtime.iterate(value)
            if let item = isFirst ? items.first : items.last { return item }
        }
        return .undefined("No \(isFirst ? "first" : "last") item, sequence was empty.")
    }

    /// The attribute of an item by a path such as `function.name` or `0`.
    private func attribute(
        _ path: Value?, of item: Value, default fallback: Value? = nil
    ) throws(TemplateError) -> Value {
        guard let path, !path.isNull else { return item }
        var keys = [path]
        if case .string(let string) = path {
            try runtime.work(string.count)
            keys = string.parts(
                separatedBy: TemplateString(".", origin: .data), limit: .max, fromEnd: false
            ).map { range in
                let part = string.slice(range)
                let isNumber = !part.isEmpty && part.scalars.allSatisfy(PythonText.isDigit)
                return (isNumber ? Int(part.text).map { .integer($0) } : nil) ?? .string(part)
            }
        }
        var value = item
        for key in keys {
            try runtime.step()
            value = try Members(runtime: runtime).item(key, of: value)
            if value.isUndefined, let fallback { value = fallback }
        }
        return value
    }

    /// The key that sorting and comparing go by: strings in lower case unless case matters.
    private func key(
        _ value: Value, isCaseSensitive: Bool
    ) throws(TemplateError) -> Value {
        guard case .string(let string) = value, !isCaseSensitive else { return value }
        try runtime.work(string.count)
        return .string(string.lowercased)
    }

    private func keys(
        _ items: [Value], attribute path: Value?, isCaseSensitive: Bool,
        default fallback: Value? = nil
    ) throws(TemplateError) -> [Value] {
        var keys: [Value] = []
        for item in items {
            keys.append(
                try key(
                    try attribute(path, of: item, default: fallback),
                    isCaseSensitive: isCaseSensitive))
        }
        return keys
    }

    private func join(
        _ value: Value, _ arguments: Arguments
    ) throws(TemplateError) -> TemplateString {
        let values = try arguments.bound("join", ["d", "attribute"], runtime)
        let separator = try runtime.text.string(values[0] ?? .string(TemplateString()))
        var result = TemplateString()
        for (i, item) in try runtime.iterate(value).enumerated() {
            let text = try runtime.text.string(try attribute(values[1], of: item))
            if i > 0 { result.append(separator) }
            result.append(text)
            try runtime.work(separator.count + text.count)
            guard result.count <= runtime.limits.maxStringLength else {
                throw runtime.limit(
                    "a string longer than \(runtime.limits.maxStringLength) characters")
            }
        }
        return result
    }

    private func map(
        _ value: Value, _ arguments: Arguments
    ) throws(TemplateError) -> [Value] {
        let items = value.isTrue ? try runtime.iterate(value) : []
        guard !items.isEmpty else { return [] }
        var result: [Value] = []
        if arguments.positional.isEmpty,
            let path = arguments.keywords.first(where: { $0.name == "attribute" })
        {
            let values = try arguments.bound("map", ["attribute", "default"], runtime)
            let fallback = values[1].flatMap { $0.isNull ? nil : $0 }
            for item in items {
                result.append(try attribute(path.value, of: item, default: fallback))
            }
            return result
        }
        guard let first = arguments.positional.first else {
            throw runtime.failure("map requires a filter argument")
        }
        let name = try runtime.string(argument: first).text
        var rest = arguments
        rest.positional.removeFirst()
        let filters = Filters(runtime: runtime)
        for item in items {
            try runtime.step()
            result.append(try filters.apply(name, to: item, rest))
        }
        return result
    }

    private func select(
        _ value: Value, _ arguments: Arguments, keeps: Bool, byAttribute: Bool
    ) throws(TemplateError) -> [Value] {
        let items = value.isTrue ? try runtime.iterate(value) : []
        guard !items.isEmpty else { return [] }
        var rest = arguments
        var path: Value?
        if byAttribute {
            guard !rest.positional.isEmpty else {
                throw runtime.failure("Missing parameter for attribute name")
            }
            path = rest.positional.removeFirst()
        }
        var name: String?
        if !rest.positional.isEmpty {
            name = try runtime.string(argument: rest.positional.removeFirst()).text
        }
        let tests = Tests(runtime: runtime)
        var result: [Value] = []
        for item in items {
            try runtime.step()
            let subject = try attribute(path, of: item)
            let holds: Bool
            if let name {
                holds = try tests.check(name, subject, rest)
            } else {
                holds = subject.isTrue
            }
            if holds == keeps { result.append(item) }
        }
        return result
    }

    private func sort(
        _ value: Value, _ arguments: Arguments
    ) throws(TemplateError) -> Value {
        let values = try arguments.bound(
            "sort", ["reverse", "case_sensitive", "attribute"], runtime)
        let items = try runtime.iterate(value)
        let isCaseSensitive = values[1]?.isTrue ?? false
        var paths: [Value?] = [values[2]]
        if case .string(let string) = values[2] {
            paths = string.parts(
                separatedBy: TemplateString(",", origin: .data), limit: .max, fromEnd: false
            ).map { .string(string.slice($0)) }
        }
        var keys: [Value] = []
        for item in items {
            var parts: [Value] = []
            for path in paths {
                parts.append(
                    try key(
                        try attribute(path, of: item), isCaseSensitive: isCaseSensitive))
            }
            keys.append(try runtime.list(parts))
        }
        return try runtime.list(
            try runtime.comparison.sorted(items, by: keys, isReversed: values[0]?.isTrue ?? false))
    }

    private func sortMapping(
        _ value: Value, _ arguments: Arguments
    ) throws(TemplateError) -> Value {
        let values = try arguments.bound(
            "dictsort", ["case_sensitive", "by", "reverse"], runtime)
        let by = try runtime.optionalString(values[1])?.text ?? "key"
        guard by == "key" || by == "value" else {
            throw runtime.failure("You can only sort by either \"key\" or \"value\"")
        }
        guard case .mapping(let mapping) = value else {
            if case .undefined(let message) = value { throw runtime.failure(message) }
            throw runtime.failure("'\(value.typeName)' object has no attribute 'items'")
        }
        let keys = try keys(
            by == "key" ? mapping.keys : mapping.values, attribute: nil,
            isCaseSensitive: values[0]?.isTrue ?? false)
        let items = MappingView(kind: .items, mapping: mapping).items
        return try runtime.list(
            try runtime.comparison.sorted(items, by: keys, isReversed: values[2]?.isTrue ?? false))
    }

    private func unique(
        _ value: Value, _ arguments: Arguments
    ) throws(TemplateError) -> [Value] {
        let values = try arguments.bound("unique", ["case_sensitive", "attribute"], runtime)
        let items = try runtime.iterate(value)
        let keys = try keys(
            items, attribute: values[1], isCaseSensitive: values[0]?.isTrue ?? false)
        var seen: Set<MappingKey> = []
        var result: [Value] = []
        for (item, key) in zip(items, keys)
        where seen.insert(try runtime.comparison.key(of: key)).inserted {
            result.append(item)
        }
        return result
    }

    private func extreme(
        _ value: Value, _ arguments: Arguments, isMin: Bool
    ) throws(TemplateError) -> Value {
        let values = try arguments.bound("min", ["case_sensitive", "attribute"], runtime)
        let items = try runtime.iterate(value)
        let keys = try keys(
            items, attribute: values[1], isCaseSensitive: values[0]?.isTrue ?? false)
        guard !items.isEmpty else {
            return .undefined("No aggregated item, sequence was empty.")
        }
        var best = 0
        for i in keys.indices.dropFirst() {
            let isBetter =
                isMin
                ? try runtime.comparison.isLess(keys[i], keys[best])
                : try runtime.comparison.isLess(keys[best], keys[i])
            if isBetter { best = i }
        }
        return items[best]
    }

    private func sum(
        _ value: Value, _ arguments: Arguments
    ) throws(TemplateError) -> Value {
        let values = try arguments.bound("sum", ["attribute", "start"], runtime)
        var total = values[1] ?? .integer(0)
        if case .string = total { throw runtime.failure("sum() can't sum strings") }
        for item in try runtime.iterate(value) {
            total = try runtime.arithmetic.apply(.add, total, try attribute(values[0], of: item))
        }
        return total
    }
}
