// SPDX-License-Identifier: Apache-2.0

/// Evaluates the schemas of a document on one text after another.
///
/// Where a schema is named by several references, what it says of a value is kept for the rest of
/// the text, so that schemas which double with each reference do not double the time.
struct SchemaEvaluation {
    /// What a schema said of a value.
    private struct Finding {
        let isValid: Bool
        /// Which members or items it evaluated, where that was asked for.
        let marks: [Bool]
    }

    private struct Question: Hashable {
        let schema: Int32
        let node: Int32
        let scope: Int32
        let collects: Bool
    }

    /// The first thing that was wrong.
    private struct Failure {
        let schema: Schema
        let keyword: SchemaKeyword?
        let node: Int
        let reason: String
    }

    /// How many evaluations of a schema on a value and matches of a pattern one text may take, and
    /// how many evaluations may be within one another: that many take less than 2 MB of stack.
    private static let maxSteps = 5_000_000
    private static let maxNesting = 2_048

    private let document: SchemaDocument
    private let limits: RecognitionLimits
    private let assertsFormats: Bool

    private var tree = JSONTree()
    private var names: [SchemaNames?]
    private var automata: [LazyAutomaton?]
    private var formatAutomata: [StringFormat: LazyAutomaton] = [:]

    /// For the values being evaluated, which of their members or items have been evaluated, one
    /// range after the other.
    private var marks: [Bool] = []
    private var findings: [Question: Finding] = [:]
    private var findingByteCount = 0
    private var nesting = 0
    private var steps = 0
    /// Whether the text was too much to decide.
    private var isOverwhelmed = false

    /// Whether failures are noted: only in a second run.
    private var explains = false
    /// How many evaluations are under way whose failure is not one of the text.
    private var speculation = 0
    private var failure: Failure?

    /// For each dynamic scope, the resources that were entered, the outermost first.
    private var scopes: [[Int]] = [[]]
    private var scopeIndices: [[Int]: Int] = [[]: 0]
    private var scope = 0

    /// An evaluation of the schemas of a document.
    init(_ document: SchemaDocument, limits: RecognitionLimits, assertsFormats: Bool) {
        self.document = document
        self.limits = limits
        self.assertsFormats = assertsFormats
        names = [SchemaNames?](repeating: nil, count: document.schemas.count)
        automata = [LazyAutomaton?](repeating: nil, count: document.patterns.count)
    }

    /// About how many bytes are kept between texts.
    var byteCount: Int {
        let automataBytes = automata.reduce(0) { $0 + ($1?.byteCount ?? 0) }
        let formatBytes = formatAutomata.values.reduce(0) { $0 + $1.byteCount }
        let nameBytes = names.reduce(0) { $0 + 8 + ($1.map { 256 + 128 * $0.entries.count } ?? 0) }
        return automataBytes + formatBytes + nameBytes + tree.bytes.capacity
            + 64 * tree.nodes.capacity
    }

    /// Whether a text is one JSON value that satisfies a schema.
    mutating func accepts(_ text: ArraySlice<UInt8>, _ schema: Schema) -> Bool {
        guard tree.parse(text, maxDepth: limits.maxDepth) == nil else { return false }
        begin()
        return evaluate(schema, 0, into: nil) && !isOverwhelmed
    }

    /// Whether a text is one value that is known to violate a schema.
    mutating func rejects(_ text: ArraySlice<UInt8>, _ schema: Schema) -> Bool {
        guard tree.parse(text, maxDepth: limits.maxDepth) == nil else { return false }
        begin()
        return !evaluate(schema, 0, into: nil) && !isOverwhelmed
    }

    /// What is wrong with a text that a schema does not accept.
    mutating func problem(in text: ArraySlice<UInt8>, _ schema: Schema) -> SchemaProblem? {
        if let flaw = tree.parse(text, maxDepth: limits.maxDepth) {
            return SchemaProblem(pointer: "", offset: flaw.offset, reason: flaw.reason)
        }
        begin()
        explains = true
        defer { explains = false }
        let isValid = evaluate(schema, 0, into: nil)
        if isOverwhelmed {
            return SchemaProblem(
                pointer: schema.pointer, offset: 0, reason: "it is too complex to be validated")
        }
        guard !isValid else { return nil }
        guard let failure else {
            return SchemaProblem(pointer: schema.pointer, offset: 0, reason: "it is not valid")
        }
        let keyword = failure.keyword.map { "/" + $0.rawValue } ?? ""
        return SchemaProblem(
            pointer: failure.schema.pointer + keyword, offset: tree.nodes[failure.node].place,
            reason: failure.reason)
    }

    private mutating func begin() {
        marks.removeAll(keepingCapacity: true)
        findings.removeAll(keepingCapacity: true)
        findingByteCount = 0
        nesting = 0
        steps = 0
        isOverwhelmed = false
        speculation = 0
        failure = nil
        scope = 0
        if scopes.count > 1_024 {
            scopes = [[]]
            scopeIndices = [[]: 0]
        }
        let total = automata.reduce(0) { $0 + ($1?.byteCount ?? 0) }
        if total > limits.maxBytes / 4 { for automaton in automata { automaton?.forgetStates() } }
    }

    // MARK: One schema on one value

    /// Whether a value satisfies a schema.
    ///
    /// - Parameters:
    ///   - schema: the schema.
    ///   - node: the value.
    ///   - base: where in ``marks`` to note which members or items the schema evaluated, if that is
    ///     asked for; what is noted for a value that is not valid means nothing.
    /// - Returns: whether it does.
    private mutating func evaluate(_ schema: Schema, _ node: Int, into base: Int?) -> Bool {
        if let verdict = schema.verdict {
            return verdict || fail(schema, nil, node, "nothing is allowed here")
        }
        steps += 1
        guard steps <= Self.maxSteps, nesting < Self.maxNesting, !isOverwhelmed else {
            isOverwhelmed = true
            return false
        }
        nesting += 1
        defer { nesting -= 1 }
        let outerScope = scope
        if document.hasDynamicReferences { enter(schema.resource) }
        defer { scope = outerScope }

        guard schema.referenceCount > 1, !schema.isLeaf else {
            return apply(schema, node, into: base)
        }
        let question = Question(
            schema: Int32(schema.index), node: Int32(node), scope: Int32(scope),
            collects: base != nil)
        let count = base == nil ? 0 : Int(tree.nodes[node].count)
        if let known = findings[question], known.isValid || speculation > 0 || !explains {
            if let base {
                for index in 0..<count where known.marks[index] { marks[base + index] = true }
            }
            return known.isValid
        }
        let own = base.map { _ in openMarks(count) }
        let isValid = apply(schema, node, into: own)
        let found = own.map { Array(marks[$0..<$0 + count]) } ?? []
        if let own { closeMarks(own, count, mergingInto: isValid ? base : nil) }
        findingByteCount += 64 + count
        if findingByteCount < limits.maxBytes / 4 {
            findings[question] = Finding(isValid: isValid, marks: found)
        }
        return isValid
    }

    /// Notes that evaluation has come to a resource.
    private mutating func enter(_ resource: Int) {
        guard !scopes[scope].contains(resource) else { return }
        let entered = scopes[scope] + [resource]
        if let known = scopeIndices[entered] {
            scope = known
        } else {
            scopes.append(entered)
            scopeIndices[entered] = scopes.count - 1
            scope = scopes.count - 1
        }
    }

    private mutating func apply(_ schema: Schema, _ node: Int, into base: Int?) -> Bool {
        let kind = tree.nodes[node].kind
        guard schema.types.contains(kind.types) else {
            return fail(schema, .type, node, "\(kind.phrase) is not allowed here")
        }
        if schema.integersArePlain, kind == .integer, !schema.types.contains(.fraction),
            !tree.isPlain(node)
        {
            return fail(schema, .type, node, "an integer has no point and no exponent in draft 4")
        }
        guard isConstant(schema, node) else { return false }
        var own = base
        let count = Int(tree.nodes[node].count)
        let unevaluated =
            kind == .object
            ? schema.unevaluatedProperties : kind == .array ? schema.unevaluatedItems : nil
        if unevaluated != nil { own = openMarks(count) }
        var isValid: Bool
        switch kind {
        case .integer, .fraction: isValid = isNumber(schema, node)
        case .string: isValid = isString(schema, node)
        case .array: isValid = isArray(schema, node, into: own)
        case .object: isValid = isObject(schema, node, into: own)
        default: isValid = true
        }
        isValid = isValid && isInPlace(schema, node, into: own)
        if let unevaluated, let own {
            isValid = isValid && evaluateRest(of: schema, unevaluated, node, own)
            closeMarks(own, count, mergingInto: isValid ? base : nil)
        }
        return isValid
    }

    // MARK: Marks

    private mutating func openMarks(_ count: Int) -> Int {
        marks.append(contentsOf: repeatElement(false, count: count))
        return marks.count - count
    }

    private mutating func closeMarks(_ own: Int, _ count: Int, mergingInto base: Int?) {
        if let base {
            for index in 0..<count where marks[own + index] { marks[base + index] = true }
        }
        marks.removeLast(marks.count - own)
    }

    /// Evaluates a schema whose failure may be of no consequence.
    private mutating func tries(_ schema: Schema, _ node: Int, into base: Int?) -> Bool {
        speculation += 1
        defer { speculation -= 1 }
        guard let base else { return evaluate(schema, node, into: nil) }
        let count = Int(tree.nodes[node].count)
        let own = openMarks(count)
        let isValid = evaluate(schema, node, into: own)
        closeMarks(own, count, mergingInto: isValid ? base : nil)
        return isValid
    }

    /// Evaluates what nothing else has evaluated; all is evaluated then.
    private mutating func evaluateRest(
        of schema: Schema, _ unevaluated: Schema, _ node: Int, _ own: Int
    ) -> Bool {
        let isObject = tree.nodes[node].kind == .object
        let end = Int(tree.nodes[node].next)
        var next = isObject ? tree.nextKey(node + 1, before: end) : node + 1
        var index = 0
        while let child = next, child < end {
            let value = isObject ? child + 1 : child
            if !marks[own + index] {
                if unevaluated.verdict == false {
                    return fail(
                        schema, isObject ? .unevaluatedProperties : .unevaluatedItems, child,
                        isObject ? "no such member is allowed" : "no such item is allowed")
                }
                guard evaluate(unevaluated, value, into: nil) else { return false }
                marks[own + index] = true
            }
            index += 1
            let following = Int(tree.nodes[value].next)
            next = isObject ? tree.nextKey(following, before: end) : following
        }
        return true
    }

    // MARK: Constants, numbers and strings

    private mutating func isConstant(_ schema: Schema, _ node: Int) -> Bool {
        guard schema.constant != nil || schema.enumeration != nil else { return true }
        let names = names(of: schema)
        let hash = tree.valueHash(node)
        if schema.enumeration != nil, !names.enumerates(node, of: tree, hash: hash) {
            return fail(schema, .enum, node, "the value is none of those in \"enum\"")
        }
        if schema.constant != nil, !names.isConstant(node, of: tree) {
            return fail(schema, .const, node, "the value is not that of \"const\"")
        }
        return true
    }

    private mutating func isNumber(_ schema: Schema, _ node: Int) -> Bool {
        guard schema.limitsNumbers else { return true }
        let number = tree.number(node)
        if let minimum = schema.minimum, number < minimum {
            return fail(schema, .minimum, node, "the number is less than \(minimum)")
        }
        if let maximum = schema.maximum, maximum < number {
            return fail(schema, .maximum, node, "the number is more than \(maximum)")
        }
        if let bound = schema.exclusiveMinimum, number <= bound {
            return fail(schema, .exclusiveMinimum, node, "the number is not more than \(bound)")
        }
        if let bound = schema.exclusiveMaximum, bound <= number {
            return fail(schema, .exclusiveMaximum, node, "the number is not less than \(bound)")
        }
        if let unit = schema.multipleOf, !number.isMultiple(of: unit) {
            return fail(schema, .multipleOf, node, "the number is no multiple of \(unit)")
        }
        return true
    }

    private mutating func isString(_ schema: Schema, _ node: Int) -> Bool {
        if schema.minLength != nil || schema.maxLength != nil {
            let length = tree.codePointCount(node)
            if let least = schema.minLength, length < least {
                return fail(schema, .minLength, node, "the string is shorter than \(least)")
            }
            if let most = schema.maxLength, length > most {
                return fail(schema, .maxLength, node, "the string is longer than \(most)")
            }
        }
        if let pattern = schema.pattern, !matches(pattern, node) {
            return fail(
                schema, .pattern, node, "the string does not match \"\(pattern.source)\"")
        }
        if assertsFormats, let format = schema.format, !matches(format, node) {
            return fail(schema, .format, node, "the string is no \(format.name)")
        }
        return true
    }

    private mutating func matches(_ pattern: Schema.Pattern, _ node: Int) -> Bool {
        let automaton: LazyAutomaton
        if let known = automata[pattern.index] {
            automaton = known
        } else {
            guard let made = try? LazyAutomaton(pattern.expression, limits: limits) else {
                isOverwhelmed = true
                return false
            }
            automaton = made
            automata[pattern.index] = made
        }
        return matches(automaton, node)
    }

    private mutating func matches(_ format: StringFormat, _ node: Int) -> Bool {
        let automaton: LazyAutomaton
        if let known = formatAutomata[format] {
            automaton = known
        } else {
            guard let made = try? LazyAutomaton(format.expression, limits: limits) else {
                isOverwhelmed = true
                return false
            }
            automaton = made
            formatAutomata[format] = made
        }
        guard matches(automaton, node) else { return false }
        if format.isExact { return true }
        let (start, end) = (tree.nodes[node].start, tree.nodes[node].end)
        return format.accepts(String(decoding: tree.bytes[start..<end], as: UTF8.self))
    }

    private mutating func matches(_ automaton: LazyAutomaton, _ node: Int) -> Bool {
        steps += 1
        guard steps <= Self.maxSteps else {
            isOverwhelmed = true
            return false
        }
        if automaton.isExhausted { automaton.forgetStates() }
        let (start, end) = (tree.nodes[node].start, tree.nodes[node].end)
        let state = Self.run(automaton, tree.bytes.span, start..<end)
        let accepts = state != LazyAutomaton.dead && automaton.accepts(state)
        if !accepts, automaton.isExhausted { isOverwhelmed = true }
        return accepts
    }

    private static func run(
        _ automaton: LazyAutomaton, _ bytes: borrowing Span<UInt8>, _ range: Range<Int>
    ) -> Int32 {
        var state = automaton.start
        var index = range.lowerBound
        while index < range.upperBound, state != LazyAutomaton.dead {
            state = automaton.next(state, bytes[index])
            index += 1
        }
        return state
    }

    // MARK: Arrays

    private mutating func isArray(_ schema: Schema, _ node: Int, into base: Int?) -> Bool {
        let count = Int(tree.nodes[node].count)
        if let least = schema.minItems, count < least {
            return fail(schema, .minItems, node, "the array has less than \(least) items")
        }
        if let most = schema.maxItems, count > most {
            return fail(schema, .maxItems, node, "the array has more than \(most) items")
        }
        let end = Int(tree.nodes[node].next)
        if !schema.prefixItems.isEmpty || schema.items != nil {
            var (item, index) = (node + 1, 0)
            while item < end {
                let rule =
                    index < schema.prefixItems.count ? schema.prefixItems[index] : schema.items
                guard let rule else { break }
                if rule.verdict == false, index >= schema.prefixItems.count {
                    return fail(schema, .items, item, "the array has more items than are allowed")
                }
                guard evaluate(rule, item, into: nil) else { return false }
                if let base { marks[base + index] = true }
                index += 1
                item = Int(tree.nodes[item].next)
            }
        }
        if let contains = schema.contains {
            guard containsEnough(schema, contains, node, into: base) else { return false }
        }
        return !schema.uniqueItems || count < 2 || hasUniqueItems(schema, node)
    }

    private mutating func containsEnough(
        _ schema: Schema, _ contains: Schema, _ node: Int, into base: Int?
    ) -> Bool {
        let end = Int(tree.nodes[node].next)
        let least = schema.minContains ?? 1
        let notes = schema.containsEvaluates ? base : nil
        var (item, index, count) = (node + 1, 0, 0)
        while item < end, notes != nil || schema.maxContains != nil || count < least {
            if tries(contains, item, into: nil) {
                count += 1
                if let notes { marks[notes + index] = true }
            }
            index += 1
            item = Int(tree.nodes[item].next)
        }
        if count < least {
            return fail(
                schema, schema.minContains == nil ? .contains : .minContains, node,
                "the array has less than \(least) items that satisfy \"contains\"")
        }
        if let most = schema.maxContains, count > most {
            return fail(
                schema, .maxContains, node,
                "the array has more than \(most) items that satisfy \"contains\"")
        }
        return true
    }

    private mutating func hasUniqueItems(_ schema: Schema, _ node: Int) -> Bool {
        var items: [(hash: UInt64, node: Int)] = []
        items.reserveCapacity(Int(tree.nodes[node].count))
        var item = node + 1
        while item < Int(tree.nodes[node].next) {
            items.append((tree.valueHash(item), item))
            item = Int(tree.nodes[item].next)
        }
        items.sort { $0.hash != $1.hash ? $0.hash < $1.hash : $0.node < $1.node }
        for (index, item) in items.enumerated() {
            var other = index + 1
            while other < items.count, items[other].hash == item.hash {
                if tree.isEqual(item.node, tree, items[other].node) {
                    return fail(
                        schema, .uniqueItems, items[other].node, "the item is there already")
                }
                other += 1
            }
        }
        return true
    }

    // MARK: Objects

    private mutating func isObject(_ schema: Schema, _ node: Int, into base: Int?) -> Bool {
        let count = Int(tree.nodes[node].count)
        if let least = schema.minProperties, count < least {
            return fail(schema, .minProperties, node, "the object has less than \(least) members")
        }
        if let most = schema.maxProperties, count > most {
            return fail(schema, .maxProperties, node, "the object has more than \(most) members")
        }
        guard schema.limitsMembers else { return true }
        let names = names(of: schema)
        var present: [Bool] = []
        if names.requiredCount > 0 || names.hasDependencies {
            present = [Bool](repeating: false, count: names.entries.count)
        }
        var requiredCount = 0
        let end = Int(tree.nodes[node].next)
        var (next, index) = (tree.nextKey(node + 1, before: end), 0)
        while let key = next {
            let entry = names.entry(of: key, in: tree)
            if let entry, !present.isEmpty {
                present[entry] = true
                if names.entries[entry].isRequired { requiredCount += 1 }
            }
            let property = entry.flatMap { names.entries[$0].property }
            guard isMember(schema, key, property, into: base.map { $0 + index }) else {
                return false
            }
            index += 1
            next = tree.nextKey(Int(tree.nodes[key + 1].next), before: end)
        }
        if requiredCount < names.requiredCount {
            let missing = names.entries.indices.first {
                names.entries[$0].isRequired && !present[$0]
            }
            return fail(
                schema, .required, node,
                "the object has no member \(missing.map(names.text(of:)) ?? "")")
        }
        return !names.hasDependencies || hasDependencies(schema, node, names, present, into: base)
    }

    /// Whether a member is as the schema asks; its mark, if any, is at an index of ``marks``.
    private mutating func isMember(
        _ schema: Schema, _ key: Int, _ property: Schema?, into mark: Int?
    ) -> Bool {
        var isNamed = false
        if let property {
            isNamed = true
            guard evaluate(property, key + 1, into: nil) else { return false }
        }
        for (pattern, rule) in schema.patternProperties where matches(pattern, key) {
            isNamed = true
            guard evaluate(rule, key + 1, into: nil) else { return false }
        }
        if !isNamed, let rule = schema.additionalProperties {
            isNamed = true
            if rule.verdict == false {
                return fail(schema, .additionalProperties, key, "no such member is allowed")
            }
            guard evaluate(rule, key + 1, into: nil) else { return false }
        }
        if isNamed, let mark { marks[mark] = true }
        guard let rule = schema.propertyNames else { return true }
        return evaluate(rule, key, into: nil)
    }

    private mutating func hasDependencies(
        _ schema: Schema, _ node: Int, _ names: SchemaNames, _ present: [Bool], into base: Int?
    ) -> Bool {
        for (index, entry) in names.entries.enumerated() where present[index] {
            if let missing = entry.requires.first(where: { !present[$0] }) {
                return fail(
                    schema, .dependentRequired, node,
                    "beside \(names.text(of: index)) the object needs \(names.text(of: missing))")
            }
            for rule in entry.schemas {
                guard evaluate(rule, node, into: base) else { return false }
            }
        }
        return true
    }

    // MARK: In place

    private mutating func isInPlace(_ schema: Schema, _ node: Int, into base: Int?) -> Bool {
        if let reference = schema.reference {
            guard evaluate(reference, node, into: base) else { return false }
        }
        if let dynamic = schema.dynamicReference {
            guard evaluate(target(of: dynamic), node, into: base) else { return false }
        }
        for rule in schema.allOf {
            guard evaluate(rule, node, into: base) else { return false }
        }
        if let rules = schema.anyOf {
            var isAny = false
            for rule in rules where base != nil || !isAny {
                if tries(rule, node, into: base) { isAny = true }
            }
            guard isAny else {
                return fail(schema, .anyOf, node, "the value satisfies none of \"anyOf\"")
            }
        }
        if let rules = schema.oneOf {
            var count = 0
            for rule in rules where count < 2 {
                if tries(rule, node, into: base) { count += 1 }
            }
            guard count == 1 else {
                return fail(
                    schema, .oneOf, node,
                    "the value satisfies \(count == 0 ? "none" : "more than one") of \"oneOf\"")
            }
        }
        if let rule = schema.not, tries(rule, node, into: nil) {
            return fail(schema, .not, node, "the value satisfies what \"not\" forbids")
        }
        guard let condition = schema.condition else { return true }
        let rule = tries(condition.if, node, into: base) ? condition.then : condition.else
        return rule.map { evaluate($0, node, into: base) } ?? true
    }

    private func target(of dynamic: Schema.DynamicReference) -> Schema {
        for resource in scopes[scope] {
            if let candidate = dynamic.candidates.first(where: { $0.resource == resource }) {
                return candidate.schema
            }
        }
        return dynamic.fallback
    }

    // MARK: Tables and failures

    private mutating func names(of schema: Schema) -> SchemaNames {
        if let known = names[schema.index] { return known }
        let made = SchemaNames(schema)
        names[schema.index] = made
        return made
    }

    /// Notes why a value is not valid, where that is asked for; always false.
    private mutating func fail(
        _ schema: Schema, _ keyword: SchemaKeyword?, _ node: Int,
        _ reason: @autoclosure () -> String
    ) -> Bool {
        if explains, speculation == 0, failure == nil {
            failure = Failure(schema: schema, keyword: keyword, node: node, reason: reason())
        }
        return false
    }
}
