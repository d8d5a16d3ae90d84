// SPDX-License-Identifier: Apache-2.0

/// Looks up attributes and items of values as Jinja2's sandbox does.
struct Members {
    let runtime: Runtime

    /// `subject.name`: a method or attribute of the type first, then an item of that key.
    func attribute(
        _ name: String, of subject: Value
    ) throws(TemplateError) -> Value {
        if case .undefined(let message) = subject { throw runtime.failure(message) }
        if let value = try member(name, of: subject) { return value }
        if case .mapping(let mapping) = subject, let value = mapping[name] { return value }
        if name.hasPrefix("_") { return hiddenAttribute(name, of: subject) }
        return .undefined("'\(subject.typeName) object' has no attribute '\(name.prefix(100))'")
    }

    /// `subject[key]`: an item first, then an attribute of that name.
    func item(
        _ key: Value, of subject: Value
    ) throws(TemplateError) -> Value {
        switch subject {
        case .undefined(let message): throw runtime.failure(message)
        case .mapping(let mapping):
            if isHashable(key), let value = mapping[try runtime.comparison.key(of: key)] {
                return value
            }
        case .string(let string):
            if let index = key.integerValue {
                guard let offset = offset(index, string.count) else { break }
                return .string(string.slice(offset..<offset + 1))
            }
        case .list(let sequence), .tuple(let sequence):
            if let index = key.integerValue, let offset = offset(index, sequence.items.count) {
                return sequence.items[offset]
            }
        case .range(let range):
            if let index = key.integerValue, let offset = offset(index, range.count) {
                return .integer(range[offset])
            }
        default: break
        }
        guard case .string(let name) = key else {
            return .undefined("'\(subject.typeName) object' has no such element")
        }
        let text = name.text
        if let value = try member(text, of: subject) { return value }
        if text.hasPrefix("_") { return hiddenAttribute(text, of: subject) }
        return .undefined("'\(subject.typeName) object' has no attribute '\(text.prefix(100))'")
    }

    private func isHashable(_ value: Value) -> Bool {
        switch value {
        case .null, .bool, .integer, .float, .string, .tuple, .undefined: true
        default: false
        }
    }

    private func offset(_ index: Int, _ count: Int) -> Int? {
        let offset = index < 0 ? index + count : index
        return (0..<count).contains(offset) ? offset : nil
    }

    /// What Jinja2's sandbox gives for an attribute that it hides.
    private func hiddenAttribute(_ name: String, of subject: Value) -> Value {
        .undefined(
            "access to attribute '\(name.prefix(100))' of '\(subject.typeName)' object is unsafe.")
    }

    /// A method or attribute that the type of the value has in Python.
    private func member(
        _ name: String, of subject: Value
    ) throws(TemplateError) -> Value? {
        let method = Value.callable(.method(subject, name))
        switch subject {
        case .string:
            if StringMethods.leftOut.contains(name) {
                throw runtime.unsupported("method \"\(name)\" of strings")
            }
            return StringMethods.names.contains(name) ? method : nil
        case .mapping:
            if Methods.mutatingMappings.contains(name) { return hiddenAttribute(name, of: subject) }
            return Methods.ofMappings.contains(name) ? method : nil
        case .list:
            if Methods.mutatingLists.contains(name) { return hiddenAttribute(name, of: subject) }
            return Methods.ofSequences.contains(name) || name == "copy" ? method : nil
        case .tuple:
            return Methods.ofSequences.contains(name) ? method : nil
        case .range(let range):
            switch name {
            case "start": return .integer(range.start)
            case "stop": return .integer(range.stop)
            case "step": return .integer(range.step)
            default: return nil
            }
        case .float: return name == "is_integer" ? method : nil
        case .namespace(let namespace): return namespace.attributes[name]
        case .loop(let loop): return loop.attribute(name)
        case .callable(let callable): return member(name, of: callable)
        default: return nil
        }
    }

    private func member(_ name: String, of callable: Callable) -> Value? {
        switch callable {
        case .macro(let macro):
            switch name {
            case "name": return .text(macro.definition.name)
            case "arguments":
                return .tuple(
                    ValueList(macro.definition.parameters.map { .text($0.name) }))
            case "caller": return .bool(macro.definition.usesCaller)
            case "catch_kwargs": return .bool(macro.definition.usesKeywords)
            case "catch_varargs": return .bool(macro.definition.usesVariadic)
            default: return nil
            }
        default: return nil
        }
    }
}
