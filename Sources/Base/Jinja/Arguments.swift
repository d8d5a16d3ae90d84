// SPDX-License-Identifier: Apache-2.0

/// Evaluated arguments of a call, a filter or a test.
struct Arguments {
    var positional: [Value] = []
    var keywords: [(name: String, value: Value)] = []

    /// The arguments by parameter, in the parameters' order; nil where one is not given.
    ///
    /// - Parameters:
    ///   - function: the name that errors mention.
    ///   - parameters: the names of all parameters.
    ///   - required: how many of them must be given.
    ///   - runtime: where errors are from.
    /// - Returns: one value or nil for each parameter.
    /// - Throws: when an argument is missing, unknown or one too many.
    func bound(
        _ function: String, _ parameters: [String], required: Int = 0, _ runtime: Runtime
    ) throws(TemplateError) -> [Value?] {
        guard positional.count <= parameters.count else {
            throw runtime.failure(
                "\(function) takes at most \(parameters.count) arguments, got \(positional.count)")
        }
        var values: [Value?] = positional
        values += [Value?](repeating: nil, count: parameters.count - positional.count)
        for (name, value) in keywords {
            guard let index = parameters.firstIndex(of: name) else {
                throw runtime.failure("\(function) got an unexpected keyword argument '\(name)'")
            }
            guard values[index] == nil else {
                throw runtime.failure("\(function) got multiple values for argument '\(name)'")
            }
            values[index] = value
        }
        for (name, value) in zip(parameters, values).prefix(required) where value == nil {
            throw runtime.failure("\(function) missing required argument: '\(name)'")
        }
        return values
    }
}

extension Runtime {
    /// An argument that must be an integer where it is given.
    func integer(
        _ value: Value?, default fallback: Int
    ) throws(TemplateError) -> Int {
        guard let value else { return fallback }
        if case .undefined(let message) = value { throw failure(message) }
        guard let integer = value.integerValue else {
            throw failure("'\(value.typeName)' object cannot be interpreted as an integer")
        }
        return integer
    }

    /// An argument that must be a string.
    func string(argument value: Value) throws(TemplateError) -> TemplateString {
        guard case .string(let string) = value else {
            throw failure("expected str, got \(value.typeName)")
        }
        return string
    }

    /// An argument that must be a string, or None, or not given.
    func optionalString(_ value: Value?) throws(TemplateError) -> TemplateString? {
        switch value {
        case .some(.null), nil: return nil
        case .some(let value): return try string(argument: value)
        }
    }
}
