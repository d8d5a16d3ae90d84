// SPDX-License-Identifier: Apache-2.0

import JSON

/// A value that a template computes with; the cases are Python's types.
enum Value {
    case undefined(String)
    case null
    case bool(Bool)
    case integer(Int)
    case float(Double)
    case string(TemplateString)
    case list(ValueList)
    case tuple(ValueList)
    case mapping(Mapping)
    case range(IntegerRange)
    case view(MappingView)
    case iterator(ValueIterator)
    case namespace(Namespace)
    case loop(Loop)
    case callable(Callable)

    /// A JSON value as a template sees it.
    init(_ json: JSONValue, origin: TemplateString.Origin) {
        switch json {
        case .null: self = .null
        case .bool(let value): self = .bool(value)
        case .integer(let value): self = .integer(value)
        case .number(let value): self = .float(value)
        case .decimal(let digits): self = .float(Double(digits) ?? .nan)
        case .string(let text): self = .string(TemplateString(text, origin: origin))
        case .array(let items):
            self = .list(ValueList(items.map { Value($0, origin: origin) }))
        case .object(let object):
            var mapping = Mapping()
            for (key, value) in object {
                mapping.set(
                    TemplateString(key, origin: origin), to: Value(value, origin: origin))
            }
            self = .mapping(mapping)
        }
    }

    /// A string that the server itself made, such as an attribute's name.
    static func text(_ text: String) -> Value {
        .string(TemplateString(text, origin: .template))
    }

    /// The name of the value's type in Python, for error messages.
    var typeName: String {
        switch self {
        case .undefined: "Undefined"
        case .null: "NoneType"
        case .bool: "bool"
        case .integer: "int"
        case .float: "float"
        case .string(let string): string.isMarkup ? "Markup" : "str"
        case .list: "list"
        case .tuple: "tuple"
        case .mapping: "dict"
        case .range: "range"
        case .view(let view): view.kind.rawValue
        case .iterator: "generator"
        case .namespace: "Namespace"
        case .loop: "LoopContext"
        case .callable: "function"
        }
    }

    /// How deep values are nested in this one.
    var depth: Int {
        switch self {
        case .list(let sequence), .tuple(let sequence): sequence.depth
        case .mapping(let mapping): mapping.depth
        case .view(let view): view.mapping.depth + 1
        case .iterator(let iterator): iterator.depth
        case .loop(let loop): loop.depth
        case .callable(let callable): callable.depth
        default: 0
        }
    }

    var isUndefined: Bool {
        if case .undefined = self { return true }
        return false
    }

    var isNull: Bool {
        if case .null = self { return true }
        return false
    }

    /// Python's truth of the value.
    var isTrue: Bool {
        switch self {
        case .undefined, .null: false
        case .bool(let value): value
        case .integer(let value): value != 0
        case .float(let value): value != 0
        case .string(let value): !value.isEmpty
        case .list(let sequence), .tuple(let sequence): !sequence.items.isEmpty
        case .mapping(let mapping): mapping.count > 0
        case .range(let range): range.count > 0
        case .view(let view): view.mapping.count > 0
        case .loop(let loop): loop.items.count > 0
        case .iterator, .namespace, .callable: true
        }
    }

    /// The value as a number where Python takes it for an integer.
    var integerValue: Int? {
        switch self {
        case .bool(let value): value ? 1 : 0
        case .integer(let value): value
        default: nil
        }
    }

    /// The value as a number, integers included.
    var floatValue: Double? {
        switch self {
        case .float(let value): value
        default: integerValue.map { Double($0) }
        }
    }
}

/// The elements of a list or tuple, which never change.
struct ValueList {
    let items: [Value]
    let depth: Int

    /// A sequence; the depth of its elements is looked up once, here.
    init(_ items: [Value]) {
        self.items = items
        var depth = 0
        for item in items { depth = max(depth, item.depth) }
        self.depth = depth + 1
    }
}

/// Python's `range`.
struct IntegerRange: Equatable {
    let start: Int
    let stop: Int
    let step: Int
    let count: Int

    /// Nil for a step of zero and for bounds whose distance is not an `Int`.
    init?(start: Int, stop: Int, step: Int) {
        guard step != 0, step != Int.min else { return nil }
        self.start = start
        self.stop = stop
        self.step = step
        let (distance, overflows) =
            step > 0
            ? stop.subtractingReportingOverflow(start)
            : start.subtractingReportingOverflow(stop)
        guard !overflows else { return nil }
        let stride = abs(step)
        count = distance <= 0 ? 0 : (distance - 1) / stride + 1
    }

    subscript(index: Int) -> Int { start + index * step }
}

/// The keys, values or items of a mapping.
struct MappingView {
    enum Kind: String {
        case keys = "dict_keys"
        case values = "dict_values"
        case items = "dict_items"
    }

    let kind: Kind
    let mapping: Mapping

    var items: [Value] {
        switch kind {
        case .keys: mapping.keys
        case .values: mapping.values
        case .items:
            zip(mapping.keys, mapping.values).map { .tuple(ValueList([$0, $1])) }
        }
    }
}

/// A value that can be iterated once: what `map`, `select`, `reverse` and their like give.
final class ValueIterator {
    private(set) var remaining: ArraySlice<Value>
    let depth: Int

    init(_ items: [Value]) {
        remaining = items[...]
        depth = ValueList(items).depth
    }

    func takeAll() -> [Value] {
        let items = Array(remaining)
        remaining = []
        return items
    }

    func next() -> Value? { remaining.popFirst() }
}

/// A mutable set of attributes: the only thing that a template can change.
final class Namespace {
    var attributes: Mapping

    init(_ attributes: Mapping) {
        self.attributes = attributes
    }
}
