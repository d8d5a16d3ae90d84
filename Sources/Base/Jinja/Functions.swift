// SPDX-License-Identifier: Apache-2.0

/// The global functions that a chat template may call.
struct Functions {
    static let names: Set<String> = [
        "range", "dict", "namespace", "raise_exception", "strftime_now",
    ]

    /// The functions of Jinja2 that no chat template uses: defined, but an error once called.
    static let leftOut: Set<String> = ["cycler", "joiner", "lipsum"]

    let runtime: Runtime

    /// What `strftime_now` tells.
    let now: WallClockTime

    func call(
        _ name: String, _ arguments: Arguments
    ) throws(TemplateError) -> Value {
        switch name {
        case "range": return try range(arguments)
        case "dict":
            let mapping = try mapping("dict", arguments)
            try runtime.checkDepth(mapping.depth)
            return .mapping(mapping)
        case "namespace":
            let mapping = try mapping("namespace", arguments)
            try runtime.checkDepth(mapping.depth)
            for case .string(let name) in mapping.keys where name.scalars.first == "_" {
                throw runtime.failure("underscore-prefixed attributes cannot be stored")
            }
            return .namespace(runtime.makeNamespace(mapping))
        case "raise_exception":
            let values = try arguments.bound(
                "raise_exception", ["message"], required: 1, runtime)
            throw .raised(try runtime.text.string(values[0] ?? .null).text)
        case "strftime_now":
            let values = try arguments.bound("strftime_now", ["format"], required: 1, runtime)
            let format = try runtime.string(argument: values[0] ?? .null)
            try runtime.checkLength(format.count * 10)
            return .text(now.formatted(format.text))
        default:
            if Self.leftOut.contains(name) {
                throw runtime.unsupported("function \"\(name)\"")
            }
            throw runtime.failure("'\(name)' is undefined")
        }
    }

    private func range(_ arguments: Arguments) throws(TemplateError) -> Value {
        var bounds: [Int] = []
        for value in arguments.positional { bounds.append(try runtime.integer(value, default: 0)) }
        guard (1...3).contains(bounds.count), arguments.keywords.isEmpty else {
            throw runtime.failure("range expected 1 to 3 arguments, got \(bounds.count)")
        }
        let start = bounds.count == 1 ? 0 : bounds[0]
        let stop = bounds.count == 1 ? bounds[0] : bounds[1]
        let step = bounds.count == 3 ? bounds[2] : 1
        guard step != 0 else { throw runtime.failure("range() arg 3 must not be zero") }
        guard let range = IntegerRange(start: start, stop: stop, step: step),
            range.count <= runtime.limits.maxItems
        else {
            throw runtime.limit("a range of more than \(runtime.limits.maxItems) items")
        }
        return .range(range)
    }

    /// The mapping that `dict` makes of a mapping or of pairs, and of keyword arguments.
    private func mapping(
        _ function: String, _ arguments: Arguments
    ) throws(TemplateError) -> Mapping {
        guard arguments.positional.count <= 1 else {
            throw runtime.failure("\(function) expected at most 1 argument")
        }
        var result = Mapping()
        if let first = arguments.positional.first {
            switch first {
            case .mapping(let mapping): result = mapping
            case .namespace(let namespace): result = namespace.attributes
            default:
                for pair in try runtime.iterate(first) {
                    let items = try runtime.iterate(pair)
                    guard items.count == 2 else {
                        throw runtime.failure(
                            "dictionary update sequence element has length \(items.count); "
                                + "2 is required")
                    }
                    result.set(items[0], try runtime.comparison.key(of: items[0]), to: items[1])
                }
            }
        }
        try runtime.checkItems(result.count)
        for (name, value) in arguments.keywords {
            result.set(TemplateString(name, origin: .template), to: value)
        }
        return result
    }
}
