// SPDX-License-Identifier: Apache-2.0

/// What one rendering has used up and may yet use, and where it is in the source.
final class Runtime {
    let limits: TemplateLimits

    /// The place that errors name.
    var position = TemplatePosition(line: 1, column: 1)

    private var steps = 0
    private var textWork = 0
    private var scopes: [Scope] = []
    private var namespaces: [Namespace] = []

    /// Python's text of values.
    var text: Representation { Representation(runtime: self) }

    /// Python's comparisons of values.
    var comparison: Comparison { Comparison(runtime: self) }

    /// Python's arithmetic of values.
    var arithmetic: Arithmetic { Arithmetic(runtime: self) }

    init(limits: TemplateLimits) {
        self.limits = limits
    }

    /// Accounts for `count` steps.
    func step(_ count: Int = 1) throws(TemplateError) {
        steps += max(0, min(count, limits.maxSteps + 1))
        guard steps <= limits.maxSteps else {
            throw limit("more than \(limits.maxSteps) steps")
        }
    }

    /// Accounts for `count` code points read or written by a string operation.
    func work(_ count: Int) throws(TemplateError) {
        textWork += max(0, min(count, limits.maxTextWork + 1))
        guard textWork <= limits.maxTextWork else {
            throw limit("more than \(limits.maxTextWork) characters handled")
        }
    }

    /// Checks and accounts for a string about to be made.
    func checkLength(_ count: Int) throws(TemplateError) {
        guard count <= limits.maxStringLength else {
            throw limit("a string longer than \(limits.maxStringLength) characters")
        }
        try work(count)
    }

    /// Checks and accounts for a list about to be made.
    func checkItems(_ count: Int) throws(TemplateError) {
        guard count <= limits.maxItems else {
            throw limit("a sequence of more than \(limits.maxItems) items")
        }
        try step(count)
    }

    /// A list, unless it is nested too deep.
    func list(_ items: [Value]) throws(TemplateError) -> Value {
        .list(try sequence(items))
    }

    /// A tuple, unless it is nested too deep.
    func tuple(_ items: [Value]) throws(TemplateError) -> Value {
        .tuple(try sequence(items))
    }

    /// An iterator, unless it is nested too deep.
    func iterator(_ items: [Value]) throws(TemplateError) -> Value {
        try checkItems(items.count)
        let iterator = ValueIterator(items)
        try checkDepth(iterator.depth)
        return .iterator(iterator)
    }

    func checkDepth(_ depth: Int) throws(TemplateError) {
        guard depth <= limits.maxValueDepth else {
            throw limit("a value nested deeper than \(limits.maxValueDepth)")
        }
    }

    private func sequence(_ items: [Value]) throws(TemplateError) -> ValueList {
        try checkItems(items.count)
        let sequence = ValueList(items)
        try checkDepth(sequence.depth)
        return sequence
    }

    /// An error of evaluation at the current place.
    func failure(_ message: String) -> TemplateError {
        .evaluation(message, at: position)
    }

    func limit(_ message: String) -> TemplateError {
        .limit(message, at: position)
    }

    func unsupported(_ message: String) -> TemplateError {
        .unsupported(message, at: position)
    }

    /// Remembers a scope that a macro refers to, so that `finish` can break the cycle.
    func register(_ scope: Scope) {
        guard !scope.isRegistered else { return }
        scope.isRegistered = true
        scopes.append(scope)
    }

    func makeNamespace(_ attributes: Mapping) -> Namespace {
        let namespace = Namespace(attributes)
        namespaces.append(namespace)
        return namespace
    }

    /// Empties every scope and namespace that could be part of a cycle or of a long chain.
    func finish() {
        for scope in scopes { scope.variables.removeAll() }
        for namespace in namespaces { namespace.attributes = Mapping() }
    }

    /// What iterating over the value gives; an iterator is used up by it.
    func iterate(_ value: Value) throws(TemplateError) -> [Value] {
        let items: [Value]
        switch value {
        case .undefined: return []
        case .string(let string):
            try checkItems(string.count)
            var plain = string
            plain.isMarkup = false
            return (0..<string.count).map { .string(plain.slice($0..<$0 + 1)) }
        case .list(let sequence), .tuple(let sequence): items = sequence.items
        case .mapping(let mapping): items = mapping.keys
        case .range(let range):
            try checkItems(range.count)
            return (0..<range.count).map { .integer(range[$0]) }
        case .view(let view): items = view.items
        case .iterator(let iterator): items = iterator.takeAll()
        default:
            throw failure("'\(value.typeName)' object is not iterable")
        }
        try step(items.count)
        return items
    }

    /// Python's `len`.
    func length(of value: Value) throws(TemplateError) -> Int {
        switch value {
        case .undefined: return 0
        case .string(let string): return string.count
        case .list(let sequence), .tuple(let sequence): return sequence.items.count
        case .mapping(let mapping): return mapping.count
        case .range(let range): return range.count
        case .view(let view): return view.mapping.count
        case .loop(let loop): return loop.items.count
        default: throw failure("object of type '\(value.typeName)' has no len()")
        }
    }

    /// Whether Python's `iter` takes the value.
    func isIterable(_ value: Value) -> Bool {
        switch value {
        case .undefined, .string, .list, .tuple, .mapping, .range, .view, .iterator, .loop: true
        default: false
        }
    }

    func isSliceable(_ value: Value) -> Bool {
        switch value {
        case .string, .list, .tuple, .range: true
        default: false
        }
    }

    /// Python's slicing.
    func slice(
        _ value: Value, start: Int?, stop: Int?, step: Int?
    ) throws(TemplateError) -> Value {
        if case .undefined(let message) = value { throw failure(message) }
        guard isSliceable(value) else {
            throw failure("'\(value.typeName)' object is not subscriptable with slices")
        }
        let stride = step ?? 1
        guard stride != 0 else { throw failure("slice step cannot be zero") }
        let count = try length(of: value)
        let (low, high) = stride > 0 ? (0, count) : (-1, count - 1)
        func clamp(_ bound: Int?, _ fallback: Int) -> Int {
            guard let bound else { return fallback }
            return min(max(bound < 0 ? bound + count : bound, low), high)
        }
        let first = clamp(start, stride > 0 ? low : high)
        let last = clamp(stop, stride > 0 ? high : low)
        if stride == 1, case .string(let string) = value {
            try work(max(0, last - first))
            return .string(string.slice(first..<max(first, last)))
        }
        var indices: [Int] = []
        var index = first
        try work(count)
        while stride > 0 ? index < last : index > last {
            indices.append(index)
            let (next, overflow) = index.addingReportingOverflow(stride)
            if overflow { break }
            index = next
        }
        switch value {
        case .string(let string):
            return .string(string.picked(indices))
        case .list(let sequence): return try list(indices.map { sequence.items[$0] })
        case .tuple(let sequence): return try tuple(indices.map { sequence.items[$0] })
        case .range(let range):
            try checkItems(indices.count)
            return try list(indices.map { .integer(range[$0]) })
        default: return .null
        }
    }

    /// Python's bounds of a part of a sequence; empty where they are out of order.
    func bounds(_ start: Int, _ stop: Int, _ count: Int) -> Range<Int> {
        let low = min(max(start < 0 ? start + count : start, 0), count)
        let high = min(max(stop < 0 ? stop + count : stop, 0), count)
        return low..<max(low, high)
    }
}
