// SPDX-License-Identifier: Apache-2.0

/// The methods of Python's strings, dictionaries and lists that a template may call.
struct Methods {
    static let ofMappings: Set<String> = ["copy", "fromkeys", "get", "items", "keys", "values"]

    static let mutatingMappings: Set<String> = ["clear", "pop", "popitem", "setdefault", "update"]

    static let ofSequences: Set<String> = ["count", "index"]

    static let mutatingLists: Set<String> = [
        "append", "clear", "extend", "insert", "pop", "remove", "reverse", "sort",
    ]

    let runtime: Runtime

    func call(
        _ name: String, of receiver: Value, _ arguments: Arguments
    ) throws(TemplateError) -> Value {
        switch receiver {
        case .string(let string):
            return try StringMethods(runtime: runtime).call(name, of: string, arguments)
        case .mapping(let mapping): return try call(name, of: mapping, arguments)
        case .list(let sequence), .tuple(let sequence):
            if name == "copy" { return receiver }
            return try call(name, of: sequence, arguments)
        case .float(let value): return .bool(value == value.rounded())
        default:
            throw runtime.failure("'\(receiver.typeName)' object has no method '\(name)'")
        }
    }

    private func call(
        _ name: String, of mapping: Mapping, _ arguments: Arguments
    ) throws(TemplateError) -> Value {
        switch name {
        case "get":
            guard arguments.keywords.isEmpty, (1...2).contains(arguments.positional.count) else {
                throw runtime.failure("get expected 1 or 2 positional arguments")
            }
            return mapping[try runtime.comparison.key(of: arguments.positional[0])]
                ?? (arguments.positional.count > 1 ? arguments.positional[1] : .null)
        case "fromkeys": throw runtime.unsupported("method \"fromkeys\" of mappings")
        default: break
        }
        _ = try arguments.bound(name, [], runtime)
        switch name {
        case "copy": return .mapping(mapping)
        case "items": return .view(MappingView(kind: .items, mapping: mapping))
        case "keys": return .view(MappingView(kind: .keys, mapping: mapping))
        default: return .view(MappingView(kind: .values, mapping: mapping))
        }
    }

    private func call(
        _ name: String, of sequence: ValueList, _ arguments: Arguments
    ) throws(TemplateError) -> Value {
        let values = try arguments.bound(
            name, name == "index" ? ["value", "start", "stop"] : ["value"], required: 1, runtime)
        let wanted = values[0] ?? .null
        if name == "count" {
            var count = 0
            for item in sequence.items where try runtime.comparison.equals(item, wanted) {
                count += 1
            }
            return .integer(count)
        }
        let range = runtime.bounds(
            try runtime.integer(values[1], default: 0),
            try runtime.integer(values[2], default: sequence.items.count), sequence.items.count)
        for index in range where try runtime.comparison.equals(sequence.items[index], wanted) {
            return .integer(index)
        }
        throw runtime.failure("value is not in list")
    }
}
