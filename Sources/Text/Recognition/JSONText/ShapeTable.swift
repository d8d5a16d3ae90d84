// SPDX-License-Identifier: Apache-2.0

import JSON

/// What is expected of the values at the places of a document, made when a text first comes there.
///
/// Everything is known by an index, equal things by the same one, so that a recursive schema and a
/// huge one cost no more than the places that are reached.
final class ShapeTable {
    let style: RecognitionStyle
    let limits: RecognitionLimits
    let terms: ScalarTerms

    let document: SchemaDocument

    private(set) var constants: [JSONValue] = []
    private(set) var expectations: [Expectation] = []
    private(set) var objects: [ObjectShape] = []
    private var objectBytes = 0
    private(set) var arrays: [ArrayShape] = []
    private(set) var guards: [[Requirement]] = [[]]

    private var constantIndices: [JSONValue: Int32] = [:]
    private var expectationIndices: [[Requirement]: Int32] = [:]
    private var objectIndices: [Conjunction: Int32] = [:]
    private var arrayIndices: [Conjunction: Int32] = [:]
    private var guardIndices: [[Requirement]: Int32] = [[]: 0]
    private var formulas: [Int64: Int32] = [:]
    private var patterns: [Int: Int32] = [:]
    private var formats: [String: Int32] = [:]
    private var coverages: [Int32: Coverage] = [:]
    private var possibilityBudget = 0
    private var pending: Set<Int32> = []
    private var exclusions: [Exclusion.Pair: Bool] = [:]

    init(_ document: SchemaDocument, style: RecognitionStyle, limits: RecognitionLimits) {
        self.document = document
        self.style = style
        self.limits = limits
        terms = ScalarTerms(limits: limits)
        let nothing = Expectation([])
        nothing.stringTerm = -1
        nothing.numberTerm = -1
        nothing.words = (false, false, false)
        (nothing.objects, nothing.arrays, nothing.isPossible) = ([], [], false)
        expectations.append(nothing)
    }

    /// What no value meets.
    let nothing: Int32 = 0

    /// That the whole document is checked when it ends.
    var rootGuards: Int32 { guards([satisfying(document.root)]) }

    // MARK: Requirements

    /// That a value satisfies a schema.
    func satisfying(_ schema: Schema) -> Requirement { Requirement(.satisfies, index(of: schema)) }

    /// That a value violates a schema.
    func violating(_ schema: Schema) -> Requirement { Requirement(.violates, index(of: schema)) }

    private func index(of schema: Schema) -> Int32 { Int32(schema.index) }

    /// The schemas of the document.
    var schemas: [Schema] { document.schemas }

    /// The index of a constant.
    func constant(_ value: JSONValue) -> Int32 {
        if let index = constantIndices[value] { return index }
        let index = Int32(constants.count)
        constants.append(value)
        constantIndices[value] = index
        return index
    }

    /// The index of what is expected where all of some requirements hold.
    func expectation(_ requirements: [Requirement]) -> Int32 {
        var sorted = requirements.sorted()
        var kept = 0
        for index in sorted.indices where kept == 0 || sorted[kept - 1] != sorted[index] {
            sorted[kept] = sorted[index]
            kept += 1
        }
        sorted.removeLast(sorted.count - kept)
        sorted.removeAll { requirement in
            guard requirement.relation != .equals else { return false }
            let verdict = schemas[Int(requirement.index)].verdict
            return verdict == (requirement.relation == .satisfies)
        }
        if let index = expectationIndices[sorted] { return index }
        let index = Int32(expectations.count)
        expectations.append(Expectation(sorted))
        expectationIndices[sorted] = index
        return index
    }

    /// The kind of a value.
    static func kind(of value: JSONValue) -> ValueKind {
        switch value {
        case .null: .null
        case .bool(let value): value ? .true : .false
        case .integer, .number, .decimal: .number
        case .string: .string
        case .array: .array
        case .object: .object
        }
    }

    // MARK: Scalars

    /// The term of the strings that are expected; -1 for none.
    func stringTerm(_ expectation: Int32) -> Int32 {
        let expectation = expectations[Int(expectation)]
        if expectation.stringTerm == -2 {
            expectation.stringTerm = terms.stringTerm(formula(expectation, .string))
        }
        return expectation.stringTerm
    }

    /// The term of the numbers that are expected; -1 for none.
    func numberTerm(_ expectation: Int32) -> Int32 {
        let expectation = expectations[Int(expectation)]
        if expectation.numberTerm == -2 {
            expectation.numberTerm = terms.numberTerm(formula(expectation, .number))
        }
        return expectation.numberTerm
    }

    /// Whether null, false and true are expected.
    func words(_ expectation: Int32) -> (null: Bool, false: Bool, true: Bool) {
        let expectation = expectations[Int(expectation)]
        if let words = expectation.words { return words }
        let words = (
            null: formula(expectation, .null) != FormulaTable.never,
            false: formula(expectation, .false) != FormulaTable.never,
            true: formula(expectation, .true) != FormulaTable.never
        )
        expectation.words = words
        return words
    }

    private func formula(_ expectation: Expectation, _ kind: ValueKind) -> Int32 {
        terms.formulas.all(expectation.requirements.map { formula($0, kind, depth: 0) })
    }

    /// The formula of the strings that meet a requirement.
    func stringFormula(_ requirement: Requirement) -> Int32 {
        formula(requirement, .string, depth: 0)
    }

    /// Whether an object must be looked at again that has come by the rules of a schema's own.
    func needsLook(_ schema: Schema) -> Bool {
        // A key that is known by no name may come twice, and would be counted twice.
        if let least = schema.minProperties, least > max(1, schema.required.count) { return true }
        guard let names = schema.propertyNames else { return false }
        return terms.isInexact(Formula(stringFormula(satisfying(names)), in: terms.formulas))
    }

    private func formula(_ requirement: Requirement, _ kind: ValueKind, depth: Int) -> Int32 {
        switch requirement.relation {
        case .satisfies: formula(requirement.index, kind, depth: depth)
        case .violates: terms.formulas.not(formula(requirement.index, kind, depth: depth))
        case .equals: formula(ofAny: [constants[Int(requirement.index)]], kind)
        }
    }

    /// How many values meet all of some requirements, where they are listed strings.
    func valueCount(of requirements: [Requirement]) -> Int? {
        let expectation = expectation(requirements)
        let words = words(expectation)
        let term = stringTerm(expectation)
        guard term >= 0, !words.null, !words.false, !words.true, numberTerm(expectation) < 0,
            objects(expectation).isEmpty, arrays(expectation).isEmpty,
            let atom = terms.terms[Int(term)].formula.atoms.first,
            case .words(let list) = atom, terms.terms[Int(term)].formula.atoms.count == 1
        else { return nil }
        return terms.wordLists[Int(list)].words.count
    }

    private func formula(ofAny constants: [JSONValue], _ kind: ValueKind) -> Int32 {
        switch kind {
        case .string:
            return terms.anyWord(constants.compactMap { $0.stringValue.map { Array($0.utf8) } })
        case .number: return terms.anyNumber(constants)
        default:
            let isThere = constants.contains { Self.kind(of: $0) == kind }
            return isThere ? FormulaTable.always : FormulaTable.never
        }
    }

    private func formula(_ index: Int32, _ kind: ValueKind, depth: Int) -> Int32 {
        let key = Int64(index) << 8 | Int64(kind.rawValue)
        if let known = formulas[key] { return known }
        // What is its own condition in place holds for nothing; nor does what nests too deeply.
        guard depth < 160 else { return FormulaTable.never }
        formulas[key] = FormulaTable.never
        let made = formula(schemas[Int(index)], kind, depth: depth + 1)
        formulas[key] = made
        return made
    }

    private func formula(_ schema: Schema, _ kind: ValueKind, depth: Int) -> Int32 {
        if let verdict = schema.verdict {
            return verdict ? FormulaTable.always : FormulaTable.never
        }
        func part(_ schema: Schema) -> Int32 { formula(index(of: schema), kind, depth: depth) }
        var parts = [ownFormula(schema, kind)]
        if let constant = schema.constant { parts.append(formula(ofAny: [constant], kind)) }
        if let values = schema.enumeration { parts.append(formula(ofAny: values, kind)) }
        guard !parts.contains(FormulaTable.never) else { return FormulaTable.never }
        if schema.dynamicReference != nil { parts.append(terms.formulas.atom(.unknown)) }
        if let reference = schema.reference { parts.append(part(reference)) }
        parts += schema.allOf.map(part)
        if let choices = schema.anyOf { parts.append(terms.formulas.any(choices.map(part))) }
        if let choices = schema.oneOf { parts.append(terms.formulas.one(choices.map(part))) }
        if let excluded = schema.not { parts.append(terms.formulas.not(part(excluded))) }
        if let condition = schema.condition {
            let met = part(condition.if)
            if let then = condition.then {
                parts.append(terms.formulas.any([terms.formulas.not(met), part(then)]))
            }
            if let otherwise = condition.else {
                parts.append(terms.formulas.any([met, part(otherwise)]))
            }
        }
        return terms.formulas.all(parts)
    }

    private func ownFormula(_ schema: Schema, _ kind: ValueKind) -> Int32 {
        switch kind {
        case .null: schema.types.contains(.null) ? FormulaTable.always : FormulaTable.never
        case .false, .true:
            schema.types.contains(.boolean) ? FormulaTable.always : FormulaTable.never
        case .string:
            schema.types.contains(.string) ? stringRules(schema) : FormulaTable.never
        case .number: numberRules(schema)
        case .array, .object: FormulaTable.never
        }
    }

    private func stringRules(_ schema: Schema) -> Int32 {
        var parts: [Int32] = []
        let least = max(0, schema.minLength ?? 0)
        if least > 0 || schema.maxLength != nil {
            parts.append(terms.formulas.atom(.length(least: least, most: schema.maxLength)))
        }
        if let pattern = schema.pattern { parts.append(formula(of: pattern)) }
        if let format = schema.format {
            parts.append(formula(of: format))
        }
        return terms.formulas.all(parts)
    }

    private func numberRules(_ schema: Schema) -> Int32 {
        var atoms: [ScalarAtom] = []
        if !schema.types.contains(.number) {
            guard schema.types.contains(.integer) else { return FormulaTable.never }
            atoms.append(.integer)
        }
        if let bound = schema.minimum { atoms.append(.atLeast(bound, orEqual: true)) }
        if let bound = schema.exclusiveMinimum { atoms.append(.atLeast(bound, orEqual: false)) }
        if let bound = schema.maximum { atoms.append(.atMost(bound, orEqual: true)) }
        if let bound = schema.exclusiveMaximum { atoms.append(.atMost(bound, orEqual: false)) }
        if let unit = schema.multipleOf { atoms.append(.multiple(of: unit)) }
        return terms.formulas.all(atoms.map { terms.formulas.atom($0) })
    }

    /// The formula of the strings in which a pattern is found.
    func formula(of pattern: Schema.Pattern) -> Int32 {
        if let known = patterns[pattern.index] { return known }
        let formula = terms.matching(pattern.expression)
        patterns[pattern.index] = formula
        return formula
    }

    private func formula(of format: StringFormat) -> Int32 {
        if let known = formats[format.name] { return known }
        let formula = terms.matching(format.expression, isExact: format.isExact)
        formats[format.name] = formula
        return formula
    }

    /// The automaton of a pattern; -1 where no string matches it.
    func automaton(of pattern: Schema.Pattern) -> Int32 {
        let formula = formula(of: pattern)
        guard case .atom(.automaton(let automaton)) = terms.formulas.nodes[Int(formula)] else {
            return -1
        }
        return automaton
    }

    // MARK: Containers

    /// The objects that are expected.
    func objects(_ expectation: Int32) -> [ContainerRule] {
        let expectation = expectations[Int(expectation)]
        if let rules = expectation.objects { return rules }
        let rules = Expansion.alternatives(of: expectation.requirements, .object, in: self).map {
            ContainerRule(shape: objectShape($0), guards: guards($0.guards))
        }
        expectation.objects = rules
        return rules
    }

    /// The arrays that are expected.
    func arrays(_ expectation: Int32) -> [ContainerRule] {
        let expectation = expectations[Int(expectation)]
        if let rules = expectation.arrays { return rules }
        let rules = Expansion.alternatives(of: expectation.requirements, .array, in: self).map {
            ContainerRule(shape: arrayShape($0), guards: guards($0.guards))
        }
        expectation.arrays = rules
        return rules
    }

    private func guards(_ requirements: [Requirement]) -> Int32 {
        // What a dynamic reference names is known at the root only, where all is checked then.
        if document.hasDynamicReferences, !isRoot(requirements) { return 0 }
        let sorted = requirements.sorted()
        if let index = guardIndices[sorted] { return index }
        let index = Int32(guards.count)
        guards.append(sorted)
        guardIndices[sorted] = index
        return index
    }

    private func objectShape(_ rules: Conjunction) -> Int32 {
        var rules = rules
        rules.guards = []
        if let index = objectIndices[rules] { return index }
        let index = Int32(objects.count)
        let shape = ObjectShape(rules, in: self)
        objects.append(shape)
        objectBytes += shape.byteCount
        objectIndices[rules] = index
        return index
    }

    private func arrayShape(_ rules: Conjunction) -> Int32 {
        var rules = rules
        rules.guards = []
        if let index = arrayIndices[rules] { return index }
        let index = Int32(arrays.count)
        arrays.append(ArrayShape(rules, in: self))
        arrayIndices[rules] = index
        return index
    }

    private func isRoot(_ requirements: [Requirement]) -> Bool {
        requirements == [satisfying(document.root)]
    }

    // MARK: Possibility

    /// Whether some value may stand where this is expected; true where that takes long to tell.
    func isPossible(_ expectation: Int32) -> Bool {
        if let known = expectations[Int(expectation)].isPossible { return known }
        if isPlainlyPossible(expectations[Int(expectation)].requirements, depth: 0) {
            expectations[Int(expectation)].isPossible = true
            return true
        }
        let isOutermost = pending.isEmpty
        if isOutermost { possibilityBudget = 64 }
        // What needs itself within itself is never finished.
        guard pending.count < 16, possibilityBudget > 0 else { return true }
        guard pending.insert(expectation).inserted else { return false }
        defer { pending.remove(expectation) }
        possibilityBudget -= 1
        let words = words(expectation)
        let isPossible =
            words.null || words.false || words.true || stringTerm(expectation) >= 0
            || isNumberPossible(expectation)
            || arrays(expectation).contains { arrays[Int($0.shape)].isPossible }
            || objects(expectation).contains { objects[Int($0.shape)].isPossible }
        if isPossible || isOutermost { expectations[Int(expectation)].isPossible = isPossible }
        return isPossible
    }

    /// Whether any number is expected, as far as digits tell.
    func isNumberPossible(_ expectation: Int32) -> Bool {
        let term = numberTerm(expectation)
        guard term >= 0 else { return false }
        return terms.terms[Int(term)].bounds.contains {
            $0.canBecome([], lists: terms.numberLists)
                || $0.canBecome([UInt8(ascii: "-")], lists: terms.numberLists)
        }
    }

    /// Whether one look at a schema is enough to know that some value satisfies it.
    private func isPlainlyPossible(_ requirements: [Requirement], depth: Int) -> Bool {
        guard requirements.count <= 1 else { return false }
        guard let requirement = requirements.first else { return true }
        guard requirement.relation != .equals else { return true }
        guard requirement.relation == .satisfies else { return false }
        let schema = schemas[Int(requirement.index)]
        if let verdict = schema.verdict { return verdict }
        guard
            schema.allOf.isEmpty, schema.anyOf == nil, schema.oneOf == nil, schema.not == nil,
            schema.condition == nil, schema.constant == nil, schema.enumeration == nil
        else { return false }
        if let reference = schema.reference {
            return depth < 4 && schema.types == .any && schema.required.isEmpty
                && isPlainlyPossible([satisfying(reference)], depth: depth + 1)
        }
        let types = schema.types
        if types.contains(.null) || types.contains(.boolean) { return true }
        if types.contains(.string), schema.pattern == nil, schema.format == nil {
            return schema.minLength ?? 0 <= schema.maxLength ?? Int.max
        }
        if types.contains(.integer) || types.contains(.number) {
            return schema.minimum == nil && schema.maximum == nil && schema.exclusiveMinimum == nil
                && schema.exclusiveMaximum == nil
        }
        if types.contains(.object), schema.required.isEmpty, schema.minProperties ?? 0 <= 0,
            schema.dependentSchemas.isEmpty, schema.maxProperties ?? 0 >= 0
        {
            return true
        }
        return types.contains(.array) && schema.minItems ?? 0 <= 0 && schema.contains == nil
            && schema.maxItems ?? 0 >= 0
    }

    // MARK: Exclusion

    /// Whether no object, or no array, can satisfy two of the schemas, as far as is easily told.
    func areExclusive(_ choices: [Schema], _ kind: ValueKind) -> Bool {
        let fitting = choices.filter { $0.verdict != false }.map { satisfying($0) }
        guard fitting.count <= 64 else { return false }
        let exclusion = Exclusion(in: self)
        for (index, left) in fitting.enumerated() {
            for right in fitting[(index + 1)...]
            where !exclusion.areExclusive(expectation([left]), expectation([right]), kind) {
                return false
            }
        }
        return true
    }

    /// Whether two expectations are known to exclude each other, or not to.
    func knownExclusion(_ pair: Exclusion.Pair) -> Bool? { exclusions[pair] }

    /// Keeps whether two expectations exclude each other.
    func keep(_ areExclusive: Bool, _ pair: Exclusion.Pair) { exclusions[pair] = areExclusive }

    // MARK: Coverage

    /// The members that the keywords in place of a schema evaluate.
    struct Coverage {
        var names: [ExactString] = []
        var patterns: [Schema.Pattern] = []
        var isWhole = false
        /// Whether some of that holds under a condition only.
        var isConditional = false
    }

    /// The members that a schema evaluates before its `unevaluatedProperties`.
    func coverage(of schema: Int32) -> Coverage {
        if let known = coverages[schema] { return known }
        var coverage = Coverage()
        var seen: Set<Int32> = []
        cover(schemas[Int(schema)], isConditional: false, isOutermost: true, &seen, &coverage)
        coverages[schema] = coverage
        return coverage
    }

    private func cover(
        _ schema: Schema, isConditional: Bool, isOutermost: Bool, _ seen: inout Set<Int32>,
        _ coverage: inout Coverage
    ) {
        let index = index(of: schema)
        guard seen.insert(index).inserted else { return }
        guard seen.count < 400 else {
            (coverage.isWhole, coverage.isConditional) = (true, true)
            return
        }
        let evaluates =
            !schema.properties.isEmpty || !schema.patternProperties.isEmpty
            || schema.additionalProperties != nil || schema.dynamicReference != nil
            || !isOutermost && schema.unevaluatedProperties != nil
        if isConditional, evaluates { coverage.isConditional = true }
        coverage.names += schema.properties.map { ExactString($0.name) }
        coverage.patterns += schema.patternProperties.map(\.pattern)
        if schema.additionalProperties != nil || schema.dynamicReference != nil
            || !isOutermost && schema.unevaluatedProperties != nil
        {
            coverage.isWhole = true
        }
        func visit(_ part: Schema?, _ isConditional: Bool) {
            guard let part else { return }
            cover(part, isConditional: isConditional, isOutermost: false, &seen, &coverage)
        }
        visit(schema.reference, isConditional)
        for part in schema.allOf { visit(part, isConditional) }
        for part in (schema.anyOf ?? []) + (schema.oneOf ?? []) { visit(part, true) }
        visit(schema.condition?.if, true)
        visit(schema.condition?.then, true)
        visit(schema.condition?.else, true)
        for (_, part) in schema.dependentSchemas { visit(part, true) }
    }

    /// About how many bytes all of it takes.
    var byteCount: Int {
        terms.byteCount + expectations.count * 160
            + objectBytes + arrays.count * 160 + schemas.count * 64
    }
}
