// SPDX-License-Identifier: Apache-2.0

import JSON

/// The rules of an array, put together from all the schemas that it must satisfy.
final class ArrayShape {
    private unowned let table: ShapeTable
    private let rules: Conjunction
    private var known: [Int32] = []
    private var rest: Int32 = -2

    /// How many of the first items have rules of their own.
    private let prefixCount: Int

    /// The count of items.
    private(set) var least: Int
    private(set) var most: Int

    /// Whether no two items may be equal.
    private(set) var isUnique = false

    /// The count from which on all items are alike.
    let settledCount: Int

    init(_ rules: Conjunction, in table: ShapeTable) {
        self.table = table
        self.rules = rules
        least = rules.least
        most = rules.most
        var prefixCount = 0
        for leaf in rules.leaves {
            let schema = table.schemas[Int(leaf)]
            prefixCount = max(prefixCount, schema.prefixItems.count)
            least = max(least, schema.minItems ?? 0)
            most = min(most, schema.maxItems ?? Int.max)
            if schema.uniqueItems { isUnique = true }
            if schema.contains != nil { least = max(least, schema.minContains ?? 1) }
        }
        for item in rules.items { prefixCount = max(prefixCount, item.index + 1) }
        if rules.constant >= 0, let values = table.constants[Int(rules.constant)].arrayValue {
            prefixCount = max(prefixCount, values.count)
            least = max(least, values.count)
            most = min(most, values.count)
        }
        self.prefixCount = prefixCount
        if isUnique, prefixCount == 0,
            let valueCount = table.valueCount(of: Self.rest(rules, table))
        {
            most = min(most, valueCount)
        }
        settledCount = max(prefixCount, least, most == Int.max ? 0 : most)
        known = Array(repeating: -2, count: min(prefixCount, 1 << 16))
    }

    /// What is expected of the item of an index; -1 where there may be none.
    func expectation(of index: Int) -> Int32 {
        guard index < most else { return -1 }
        if index < known.count {
            if known[index] == -2 { known[index] = possible(requirements(of: index)) }
            return known[index]
        }
        if rest == -2 { rest = possible(requirements(of: prefixCount)) }
        return rest
    }

    private func possible(_ requirements: [Requirement]) -> Int32 {
        let expectation = table.expectation(requirements)
        return table.isPossible(expectation) ? expectation : -1
    }

    /// What is asked of the items where none has rules of its own.
    private static func rest(_ rules: Conjunction, _ table: ShapeTable) -> [Requirement] {
        rules.everyItem
            + rules.leaves.compactMap { table.schemas[Int($0)].items.map(table.satisfying) }
    }

    private func requirements(of index: Int) -> [Requirement] {
        var requirements = rules.everyItem
        for leaf in rules.leaves {
            let schema = table.schemas[Int(leaf)]
            if index < schema.prefixItems.count {
                requirements.append(table.satisfying(schema.prefixItems[index]))
            } else if let items = schema.items {
                requirements.append(table.satisfying(items))
            }
        }
        for item in rules.items where item.index == index { requirements.append(item.requirement) }
        if rules.constant >= 0, let values = table.constants[Int(rules.constant)].arrayValue,
            index < values.count
        {
            requirements.append(Requirement(.equals, table.constant(values[index])))
        }
        return requirements
    }

    /// Whether some array satisfies the rules, as far as is easily told.
    var isPossible: Bool {
        guard least <= most else { return false }
        let looked = min(least, prefixCount + 1)
        return (0..<looked).allSatisfy { expectation(of: $0) >= 0 }
    }
}
