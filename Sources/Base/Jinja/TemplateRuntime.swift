// SPDX-License-Identifier: Apache-2.0

/// What one rendering has used up and may yet use, and where it is in the source.
final class TemplateRuntime {
    let limits: TemplateLimits

    /// The place that errors name.
    var position = TemplatePosition(line: 1, column: 1)

    private var steps = 0
    private var textWork = 0
    private var scopes: [TemplateScope] = []
    private var namespaces: [TemplateNamespace] = []

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
    func list(_ items: [TemplateValue]) throws(TemplateError) -> TemplateValue {
        .list(try sequence(items))
    }

    /// A tuple, unless it is nested too deep.
    func tuple(_ items: [TemplateValue]) throws(TemplateError) -> TemplateValue {
        .tuple(try sequence(items))
    }

    /// An iterator, unless it is nested too deep.
    func iterator(_ items: [TemplateValue]) throws(TemplateError) -> TemplateValue {
        try checkItems(items.count)
        let iterator = TemplateIterator(items)
        try checkDepth(iterator.depth)
        return .iterator(iterator)
    }

    func checkDepth(_ depth: Int) throws(TemplateError) {
        guard depth <= limits.maxValueDepth else {
            throw limit("a value nested deeper than \(limits.maxValueDepth)")
        }
    }

    private func sequence(_ items: [TemplateValue]) throws(TemplateError) -> TemplateSequence {
        try checkItems(items.count)
        let sequence = TemplateSequence(items)
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
    func register(_ scope: TemplateScope) {
        guard !scope.isRegistered else { return }
        scope.isRegistered = true
        scopes.append(scope)
    }

    func makeNamespace(_ attributes: TemplateMapping) -> TemplateNamespace {
        let namespace = TemplateNamespace(attributes)
        namespaces.append(namespace)
        return namespace
    }

    /// Empties every scope and namespace that could be part of a cycle or of a long chain.
    func finish() {
        for scope in scopes { scope.variables.removeAll() }
        for namespace in namespaces { namespace.attributes = TemplateMapping() }
    }
}
