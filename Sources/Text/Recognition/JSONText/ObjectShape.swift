// SPDX-License-Identifier: Apache-2.0

import JSON

/// The rules of an object, put together from all the schemas that it must satisfy.
final class ObjectShape {
    /// A member that is known by its name.
    struct Property {
        let name: [UInt8]
        var isRequired = false
        /// What is expected of its value; -1 where it may not be there, -2 until it is known.
        var expectation: Int32 = -2
    }

    /// What one schema says of members.
    private struct Group {
        var named: [ExactString: Requirement?] = [:]
        var patterns: [(automaton: Int32, place: Int, requirement: Requirement?)] = []
        var additional: Requirement?
        var forbidsOthers = false
    }

    private unowned let table: ShapeTable
    private let rules: Conjunction
    private var groups: [Group] = []

    /// The members that are known by name, in the order in which they are written.
    private(set) var properties: [Property] = []

    /// Their names as a trie; a word's mark is the property's index.
    private(set) var names = WordList([])

    /// The automata of all patterns.
    private(set) var patterns: [Int32] = []

    /// What a key must be, besides being allowed; -1 for nothing.
    private(set) var nameFormula: Int32 = -1
    private(set) var nameTerm: Int32 = -1

    /// Members that others ask for.
    private(set) var dependents: [Int: [Int]] = [:]

    /// The count of members.
    private(set) var least: Int
    private(set) var most: Int

    /// Whether members are counted, since the rest does not decide it.
    private(set) var countsMembers = false

    /// Whether members are written in the order of ``properties``.
    let keepsOrder: Bool

    /// What is expected of members that match the patterns of a bit set.
    private var others: [[UInt64]: Int32] = [:]

    /// The members whose presence is remembered.
    private(set) var remembered: [Bool] = []

    init(_ rules: Conjunction, in table: ShapeTable) {
        self.table = table
        self.rules = rules
        least = rules.least
        most = rules.most
        keepsOrder = table.style.ordersKeys
        var indices: [ExactString: Int] = [:]
        addGroups(&indices)
        for member in rules.members { place(of: member.name, &indices) }
        for name in rules.absent { place(of: name, &indices) }
        for name in rules.required { properties[place(of: name, &indices)].isRequired = true }
        addDependents(&indices)
        names = WordList(properties.enumerated().map { ($1.name, $0) })
        let required = properties.count { $0.isRequired }
        least = max(least, required)
        countsMembers = least > required || most < Int.max
        remembered = Array(repeating: !keepsOrder, count: properties.count)
        for (property, required) in dependents {
            remembered[property] = true
            for other in required { remembered[other] = true }
        }
    }

    @discardableResult
    private func place(of name: ExactString, _ indices: inout [ExactString: Int]) -> Int {
        if let index = indices[name] { return index }
        let index = properties.count
        properties.append(Property(name: Array(name.text.utf8)))
        indices[name] = index
        return index
    }

    private func addGroups(_ indices: inout [ExactString: Int]) {
        var nameRequirements: [Requirement] = []
        for leaf in rules.leaves {
            let schema = table.schemas[Int(leaf)]
            var group = Group()
            for (name, child) in schema.properties {
                let name = ExactString(name)
                place(of: name, &indices)
                group.named[name] = table.satisfying(child)
            }
            for (pattern, child) in schema.patternProperties {
                add(pattern, table.satisfying(child), to: &group)
            }
            group.additional = schema.additionalProperties.map { table.satisfying($0) }
            groups.append(group)
            least = max(least, schema.minProperties ?? 0)
            most = min(most, schema.maxProperties ?? Int.max)
            if let names = schema.propertyNames { nameRequirements.append(table.satisfying(names)) }
        }
        for leaf in rules.leaves {
            for name in table.schemas[Int(leaf)].required {
                properties[place(of: ExactString(name), &indices)].isRequired = true
            }
        }
        for schema in rules.unevaluated { addUnevaluated(schema, &indices) }
        if rules.constant >= 0, let object = table.constants[Int(rules.constant)].objectValue {
            var group = Group()
            for (name, value) in object {
                let name = ExactString(name)
                properties[place(of: name, &indices)].isRequired = true
                group.named[name] = Requirement(.equals, table.constant(value))
            }
            group.forbidsOthers = true
            groups.append(group)
        }
        if !nameRequirements.isEmpty {
            let formulas = nameRequirements.map { table.stringFormula($0) }
            nameFormula = table.terms.formulas.all(formulas)
            nameTerm = table.terms.stringTerm(nameFormula)
        }
    }

    private func add(_ pattern: Schema.Pattern, _ requirement: Requirement?, to group: inout Group)
    {
        let automaton = table.automaton(of: pattern)
        guard automaton >= 0 else { return }
        let place = patterns.firstIndex(of: automaton) ?? patterns.count
        if place == patterns.count { patterns.append(automaton) }
        group.patterns.append((automaton, place, requirement))
    }

    private func addUnevaluated(_ schema: Int32, _ indices: inout [ExactString: Int]) {
        let coverage = table.coverage(of: schema)
        guard !coverage.isWhole, let rest = table.schemas[Int(schema)].unevaluatedProperties else {
            return
        }
        var group = Group()
        for name in coverage.names {
            place(of: name, &indices)
            group.named[name] = .some(nil)
        }
        for pattern in coverage.patterns { add(pattern, nil, to: &group) }
        group.additional = table.satisfying(rest)
        groups.append(group)
    }

    private func addDependents(_ indices: inout [ExactString: Int]) {
        for leaf in rules.leaves {
            for (name, required) in table.schemas[Int(leaf)].dependentRequired {
                let property = place(of: ExactString(name), &indices)
                let others = required.map { place(of: ExactString($0), &indices) }
                dependents[property, default: []] += others.filter { $0 != property }
            }
        }
    }

    // MARK: Members

    /// What is expected of the value of a property; -1 where it may not be there.
    func expectation(of property: Int) -> Int32 {
        let known = properties[property].expectation
        if known != -2 { return known }
        let name = properties[property].name
        let key = ExactString(String(decoding: name, as: UTF8.self))
        var requirements: [Requirement] = []
        var isForbidden = rules.absent.contains(key)
        for group in groups where !isForbidden {
            var isNamed = false
            if let requirement = group.named[key] {
                isNamed = true
                if let requirement { requirements.append(requirement) }
            }
            for pattern in group.patterns
            where table.terms.matches(Int(pattern.automaton), name) {
                isNamed = true
                if let requirement = pattern.requirement { requirements.append(requirement) }
            }
            guard !isNamed else { continue }
            if group.forbidsOthers { isForbidden = true }
            if let additional = group.additional { requirements.append(additional) }
        }
        for member in rules.members where member.name == key {
            requirements.append(member.requirement)
        }
        if nameFormula >= 0, !table.terms.allows(nameFormula, string: name) { isForbidden = true }
        let expectation = isForbidden ? -1 : possible(requirements)
        properties[property].expectation = expectation
        return expectation
    }

    /// What is expected of a member that is known by no name, by whether its key matches each of
    /// ``patterns``; -1 where it may not be there.
    func expectation(ofOther matches: [Bool]) -> Int32 {
        var bits = [UInt64](repeating: 0, count: (matches.count + 63) / 64)
        for (index, isMatch) in matches.enumerated() where isMatch {
            bits[index / 64] |= 1 << UInt64(index % 64)
        }
        if let known = others[bits] { return known }
        var requirements: [Requirement] = []
        var isForbidden = false
        for group in groups {
            let fitting = group.patterns.filter { matches[$0.place] }
            requirements += fitting.compactMap(\.requirement)
            guard fitting.isEmpty else { continue }
            if group.forbidsOthers { isForbidden = true }
            if let additional = group.additional { requirements.append(additional) }
        }
        let expectation = isForbidden ? -1 : possible(requirements)
        others[bits] = expectation
        return expectation
    }

    private func possible(_ requirements: [Requirement]) -> Int32 {
        let expectation = table.expectation(requirements)
        return table.isPossible(expectation) ? expectation : -1
    }

    /// Whether a key that is known by no name may still become one that is allowed, by the states of
    /// the automata of ``patterns``.
    func canBeOther(_ states: some Collection<Int32>) -> Bool {
        if expectation(ofOther: Array(repeating: false, count: patterns.count)) >= 0 { return true }
        guard !patterns.isEmpty else { return false }
        return groups.allSatisfy { group in
            let isRestOpen =
                !group.forbidsOthers
                && (group.additional.map { table.isPossible(table.expectation([$0])) } ?? true)
            return isRestOpen
                || group.patterns.contains {
                    states[states.index(states.startIndex, offsetBy: $0.place)]
                        != LazyAutomaton.dead
                }
        }
    }

    /// Whether a key that is known by no name may be allowed at all.
    private(set) lazy var allowsOthers: Bool =
        (nameFormula < 0 || nameTerm >= 0)
        && canBeOther(patterns.map { table.terms.automata[Int($0)].start })

    /// Whether some object satisfies the rules, as far as is easily told.
    var isPossible: Bool {
        guard least <= most else { return false }
        var count = 0
        for index in properties.indices {
            if properties[index].isRequired {
                guard expectation(of: index) >= 0 else { return false }
                count += 1
            }
        }
        if count < least, !allowsOthers {
            for index in properties.indices where !properties[index].isRequired {
                if expectation(of: index) >= 0 { count += 1 }
            }
            return count >= least
        }
        return true
    }

    /// About how many bytes it takes.
    var byteCount: Int { properties.count * 128 + names.byteCount + 200 }
}
