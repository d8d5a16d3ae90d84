// SPDX-License-Identifier: Apache-2.0

import JSON

/// Rules for objects, or for arrays, all of which hold.
struct Conjunction: Hashable {
    /// The schemas whose own keywords hold, in the order in which they were met.
    var leaves: [Int32] = []

    /// The schema whose `unevaluated…` holds for what the schemas in place of it leave over.
    var unevaluated: [Int32] = []

    /// The constant that the value equals; -1 for any.
    var constant: Int32 = -1

    /// The count of members or items.
    var least = 0
    var most = Int.max

    /// Members that are there, and ones that are not.
    var required: [ExactString] = []
    var absent: [ExactString] = []

    /// More that is asked of single members.
    var members: [Member] = []

    /// More that is asked of the item of an index, or of all items.
    var items: [Item] = []
    var everyItem: [Requirement] = []

    /// What is checked when the value closes.
    var guards: [Requirement] = []

    /// What has been taken into account, for recursion in place and contradictions.
    var known: Set<Requirement> = []

    struct Member: Hashable {
        var name: ExactString
        var requirement: Requirement
    }

    struct Item: Hashable {
        var index: Int
        var requirement: Requirement
    }

    /// What is left to a guard, so that the rules hold for more values than are allowed.
    mutating func check(_ requirement: Requirement) {
        if !guards.contains(requirement) { guards.append(requirement) }
    }

    static func == (left: Self, right: Self) -> Bool {
        left.leaves == right.leaves && left.unevaluated == right.unevaluated
            && left.constant == right.constant && left.least == right.least
            && left.most == right.most && left.required == right.required
            && left.absent == right.absent && left.members == right.members
            && left.items == right.items && left.everyItem == right.everyItem
            && left.guards == right.guards
    }

    func hash(into hasher: inout Hasher) {
        hasher.combine(leaves)
        hasher.combine(constant)
        hasher.combine(members)
        hasher.combine(guards)
    }
}

/// Turns requirements into the alternatives of an object or an array.
struct Expansion {
    /// How many alternatives there may be; beyond it a choice is left to a guard.
    static let maxAlternatives = 128

    private let table: ShapeTable
    private let kind: ValueKind

    /// How many more times a schema may be taken into an alternative.
    private var budget = 16_384

    /// How many more may be nested in place, since this recurses.
    private var depth = 160

    init(_ table: ShapeTable, _ kind: ValueKind) {
        self.table = table
        self.kind = kind
    }

    /// The alternatives, any of which a value satisfies that satisfies the requirements.
    static func alternatives(
        of requirements: [Requirement], _ kind: ValueKind, in table: ShapeTable
    ) -> [Conjunction] {
        var expansion = Expansion(table, kind)
        var alternatives = [Conjunction()]
        for requirement in requirements {
            alternatives = expansion.add(requirement, to: alternatives)
        }
        guard expansion.budget >= 0 else {
            var unknown = Conjunction()
            unknown.guards = requirements
            return [unknown]
        }
        return alternatives
    }

    private mutating func add(
        _ requirement: Requirement, to alternatives: [Conjunction]
    ) -> [Conjunction] {
        budget -= max(1, alternatives.count)
        guard budget >= 0, depth > 0, !alternatives.isEmpty else {
            return depth > 0 ? alternatives : leave(requirement, of: alternatives)
        }
        depth -= 1
        defer { depth += 1 }
        var known: [Conjunction] = []
        var open: [Conjunction] = []
        for alternative in alternatives {
            if alternative.known.contains(requirement) {
                known.append(alternative)
                continue
            }
            if let opposite = requirement.opposite, alternative.known.contains(opposite) {
                continue
            }
            var alternative = alternative
            alternative.known.insert(requirement)
            open.append(alternative)
        }
        guard !open.isEmpty else { return known }
        let added =
            switch requirement.relation {
            case .satisfies: satisfy(requirement, open)
            case .violates: violate(requirement, open)
            case .equals: equal(requirement.index, open)
            }
        return Self.distinct(known + added)
    }

    private static func distinct(_ alternatives: [Conjunction]) -> [Conjunction] {
        guard alternatives.count > 1 else { return alternatives }
        var seen: Set<Conjunction> = []
        return alternatives.filter { seen.insert($0).inserted }
    }

    private func leave(
        _ requirement: Requirement, of alternatives: [Conjunction]
    ) -> [Conjunction] {
        alternatives.map {
            var alternative = $0
            alternative.check(requirement)
            return alternative
        }
    }

    // MARK: Constants

    private func equal(_ constant: Int32, _ alternatives: [Conjunction]) -> [Conjunction] {
        guard ShapeTable.kind(of: table.constants[Int(constant)]) == kind else { return [] }
        return alternatives.compactMap {
            var alternative = $0
            if alternative.constant >= 0, alternative.constant != constant { return nil }
            alternative.constant = constant
            return alternative
        }
    }

    private func equalAny(
        _ values: [JSONValue], _ requirement: Requirement, _ alternatives: [Conjunction]
    ) -> [Conjunction] {
        let fitting = values.filter { ShapeTable.kind(of: $0) == kind }
        guard fitting.count * alternatives.count <= Self.maxAlternatives else {
            return leave(requirement, of: alternatives)
        }
        return fitting.flatMap { equal(table.constant($0), alternatives) }
    }

    // MARK: Satisfying

    private mutating func satisfy(
        _ requirement: Requirement, _ alternatives: [Conjunction]
    ) -> [Conjunction] {
        let schema = table.schemas[Int(requirement.index)]
        if let verdict = schema.verdict { return verdict ? alternatives : [] }
        guard schema.types.contains(kind == .object ? .object : .array) else { return [] }
        var result = alternatives
        if let constant = schema.constant {
            result = equalAny([constant], requirement, result)
        }
        if let values = schema.enumeration { result = equalAny(values, requirement, result) }
        if kind == .object ? schema.hasObjectRules : schema.hasArrayRules {
            for index in result.indices { result[index].leaves.append(requirement.index) }
        }
        if kind == .object ? schema.unevaluatedProperties != nil : schema.unevaluatedItems != nil {
            for index in result.indices {
                result[index].unevaluated.append(requirement.index)
                if kind == .array || table.coverage(of: requirement.index).isConditional {
                    result[index].check(requirement)
                }
            }
        }
        if kind == .array, schema.contains != nil {
            result = leave(requirement, of: result)
        }
        if kind == .object, table.needsLook(schema) { result = leave(requirement, of: result) }
        if let reference = schema.reference {
            result = add(table.satisfying(reference), to: result)
        }
        for part in schema.allOf { result = add(table.satisfying(part), to: result) }
        if let choices = schema.anyOf { result = choose(choices, requirement, result) }
        if let choices = schema.oneOf {
            result =
                table.areExclusive(choices, kind)
                ? choose(choices, requirement, result) : chooseOne(choices, requirement, result)
        }
        if let excluded = schema.not { result = add(table.violating(excluded), to: result) }
        if let condition = schema.condition { result = branch(condition, requirement, result) }
        if kind == .object { result = addDependents(of: schema, requirement, result) }
        return result
    }

    private mutating func choose(
        _ choices: [Schema], _ requirement: Requirement, _ alternatives: [Conjunction]
    ) -> [Conjunction] {
        var result: [Conjunction] = []
        for choice in choices {
            result += add(table.satisfying(choice), to: alternatives)
            if result.count > Self.maxAlternatives {
                return leave(requirement, of: alternatives)
            }
        }
        return Self.distinct(result)
    }

    /// One choice and none of the others, if that takes not many more alternatives.
    private mutating func chooseOne(
        _ choices: [Schema], _ requirement: Requirement, _ alternatives: [Conjunction]
    ) -> [Conjunction] {
        let plain = choose(choices, requirement, alternatives)
        let limit = 4 * plain.count + 8
        var result: [Conjunction] = []
        for (index, choice) in choices.enumerated() where choices.count <= 8 {
            var one = add(table.satisfying(choice), to: alternatives)
            for (other, excluded) in choices.enumerated()
            where other != index && !table.areExclusive([choice, excluded], kind) {
                one = add(table.violating(excluded), to: one)
                if one.count > limit { break }
            }
            result += one
            if result.count > limit { break }
        }
        guard choices.count <= 8, result.count <= limit else {
            return leave(requirement, of: plain)
        }
        return Self.distinct(result)
    }

    private mutating func branch(
        _ condition: (if: Schema, then: Schema?, else: Schema?), _ requirement: Requirement,
        _ alternatives: [Conjunction]
    ) -> [Conjunction] {
        guard condition.then != nil || condition.else != nil else { return alternatives }
        var met = add(table.satisfying(condition.if), to: alternatives)
        if let then = condition.then { met = add(table.satisfying(then), to: met) }
        var unmet = add(table.violating(condition.if), to: alternatives)
        if let otherwise = condition.else { unmet = add(table.satisfying(otherwise), to: unmet) }
        guard met.count + unmet.count <= Self.maxAlternatives else {
            return leave(requirement, of: alternatives)
        }
        return Self.distinct(met + unmet)
    }

    private mutating func addDependents(
        of schema: Schema, _ requirement: Requirement, _ alternatives: [Conjunction]
    ) -> [Conjunction] {
        var result = alternatives
        for (name, dependent) in schema.dependentSchemas {
            guard 2 * result.count <= Self.maxAlternatives else {
                return leave(requirement, of: result)
            }
            let name = ExactString(name)
            let without = result.map {
                var alternative = $0
                alternative.absent.append(name)
                return alternative
            }
            let with = result.map {
                var alternative = $0
                alternative.required.append(name)
                return alternative
            }
            result = Self.distinct(without + add(table.satisfying(dependent), to: with))
        }
        return result
    }

    // MARK: Violating

    /// What violates a schema violates one of its keywords.
    private mutating func violate(
        _ requirement: Requirement, _ alternatives: [Conjunction]
    ) -> [Conjunction] {
        let schema = table.schemas[Int(requirement.index)]
        if let verdict = schema.verdict { return verdict ? [] : alternatives }
        guard schema.types.contains(kind == .object ? .object : .array) else { return alternatives }
        if let constants = schema.enumeration ?? schema.constant.map({ [$0] }) {
            guard constants.contains(where: { ShapeTable.kind(of: $0) == kind }) else {
                return alternatives
            }
            return leave(requirement, of: alternatives)
        }
        guard !schema.cannotBeNegated(as: kind) else { return leave(requirement, of: alternatives) }
        var result: [Conjunction] = []
        if let reference = schema.reference {
            result += add(table.violating(reference), to: alternatives)
        }
        for part in schema.allOf { result += add(table.violating(part), to: alternatives) }
        if let choices = schema.anyOf {
            var none = alternatives
            for choice in choices { none = add(table.violating(choice), to: none) }
            result += none
        }
        if let excluded = schema.not { result += add(table.satisfying(excluded), to: alternatives) }
        if let condition = schema.condition {
            if let then = condition.then {
                let met = add(table.satisfying(condition.if), to: alternatives)
                result += add(table.violating(then), to: met)
            }
            if let otherwise = condition.else {
                let unmet = add(table.violating(condition.if), to: alternatives)
                result += add(table.violating(otherwise), to: unmet)
            }
        }
        result +=
            kind == .object
            ? violateMembers(of: schema, alternatives) : violateItems(of: schema, alternatives)
        guard result.count <= Self.maxAlternatives else {
            return leave(requirement, of: alternatives)
        }
        return Self.distinct(result)
    }

    private func vary(
        _ alternatives: [Conjunction], _ change: (inout Conjunction) -> Void
    ) -> [Conjunction] {
        alternatives.compactMap {
            var alternative = $0
            change(&alternative)
            return alternative.least <= alternative.most ? alternative : nil
        }
    }

    private func violateCounts(
        _ least: Int?, _ most: Int?, _ alternatives: [Conjunction]
    ) -> [Conjunction] {
        var result: [Conjunction] = []
        if let least, least > 0 {
            result += vary(alternatives) { $0.most = min($0.most, least - 1) }
        }
        if let most, most < Int.max {
            result += vary(alternatives) { $0.least = max($0.least, most + 1) }
        }
        return result
    }

    private func violateMembers(
        of schema: Schema, _ alternatives: [Conjunction]
    ) -> [Conjunction] {
        var result = violateCounts(schema.minProperties, schema.maxProperties, alternatives)
        for name in schema.required {
            result += vary(alternatives) { $0.absent.append(ExactString(name)) }
        }
        for (name, child) in schema.properties {
            let member = Conjunction.Member(
                name: ExactString(name), requirement: table.violating(child))
            result += vary(alternatives) {
                $0.required.append(member.name)
                $0.members.append(member)
            }
        }
        for (name, required) in schema.dependentRequired {
            for other in required {
                result += vary(alternatives) {
                    $0.required.append(ExactString(name))
                    $0.absent.append(ExactString(other))
                }
            }
        }
        return result
    }

    private func violateItems(of schema: Schema, _ alternatives: [Conjunction]) -> [Conjunction] {
        var result = violateCounts(schema.minItems, schema.maxItems, alternatives)
        for (index, child) in schema.prefixItems.enumerated() {
            let item = Conjunction.Item(index: index, requirement: table.violating(child))
            result += vary(alternatives) {
                $0.least = max($0.least, index + 1)
                $0.items.append(item)
            }
        }
        if let contained = schema.contains {
            let requirement = table.violating(contained)
            result += vary(alternatives) { $0.everyItem.append(requirement) }
        }
        return result
    }
}

extension Schema {
    /// Whether keywords of its own say something about objects.
    var hasObjectRules: Bool {
        !properties.isEmpty || !patternProperties.isEmpty || additionalProperties != nil
            || propertyNames != nil || minProperties != nil || maxProperties != nil
            || !required.isEmpty || !dependentRequired.isEmpty
    }

    /// Whether keywords of its own say something about arrays.
    var hasArrayRules: Bool {
        !prefixItems.isEmpty || items != nil || minItems != nil || maxItems != nil
            || contains != nil || uniqueItems
    }

    /// Whether what violates it cannot be told but by looking at the whole value.
    fileprivate func cannotBeNegated(as kind: ValueKind) -> Bool {
        if oneOf != nil || dynamicReference != nil { return true }
        if kind == .object {
            return !patternProperties.isEmpty
                || additionalProperties.map { $0.verdict != true } ?? false
                || propertyNames != nil || !dependentSchemas.isEmpty
                || unevaluatedProperties != nil
        }
        return items.map { $0.verdict != true } ?? false || uniqueItems || unevaluatedItems != nil
            || minContains != nil || maxContains != nil
    }
}
