// SPDX-License-Identifier: Apache-2.0

/// Proves that two expectations can have no value in common.
struct Exclusion {
    /// Two expectations, the kind of value that is meant, if it is one only, and how deep.
    struct Pair: Hashable {
        var left: Int32
        var right: Int32
        var kind: ValueKind?
        var depth: Int
    }

    private let table: ShapeTable

    /// How deep into members it looks.
    private static let maxDepth = 3

    /// At how many of the members that must be there it looks.
    private static let maxMembers = 32

    init(in table: ShapeTable) { self.table = table }

    /// Whether no object, or no array, satisfies both; false where that is not easily told.
    func areExclusive(
        _ left: Int32, _ right: Int32, _ kind: ValueKind, depth: Int = 0
    ) -> Bool {
        guard left != right else { return false }
        let pair = Pair(left: left, right: right, kind: kind, depth: depth)
        if let known = table.knownExclusion(pair) { return known }
        let areExclusive = decide(left, right, kind, depth)
        table.keep(areExclusive, pair)
        return areExclusive
    }

    private func decide(_ left: Int32, _ right: Int32, _ kind: ValueKind, _ depth: Int) -> Bool {
        if kind == .object {
            let rights = table.objects(right)
            return table.objects(left).allSatisfy { left in
                rights.allSatisfy { right in
                    areExclusive(
                        table.objects[Int(left.shape)], table.objects[Int(right.shape)], depth)
                }
            }
        }
        let rights = table.arrays(right)
        return table.arrays(left).allSatisfy { left in
            rights.allSatisfy { right in
                areExclusive(table.arrays[Int(left.shape)], table.arrays[Int(right.shape)], depth)
            }
        }
    }

    private func areExclusive(_ left: ObjectShape, _ right: ObjectShape, _ depth: Int) -> Bool {
        guard left !== right else { return false }
        guard left.isPossible, right.isPossible else { return true }
        return isMemberDecisive(left, right, depth) || isMemberDecisive(right, left, depth)
            || left.most < right.least || right.most < left.least
    }

    /// Whether a member that one has always can have no value that the other allows.
    private func isMemberDecisive(_ owner: ObjectShape, _ other: ObjectShape, _ depth: Int) -> Bool
    {
        var lookCount = 0
        for (index, property) in owner.properties.enumerated()
        where property.isRequired && lookCount < Self.maxMembers {
            lookCount += 1
            let mine = owner.expectation(of: index)
            let theirs: Int32
            if let word = other.names.index(of: property.name) {
                theirs = other.expectation(of: other.names.marks[word])
            } else {
                let matches = other.patterns.map { table.terms.matches(Int($0), property.name) }
                theirs = other.expectation(ofOther: matches)
            }
            if theirs < 0 || areExclusive(mine, theirs, depth: depth + 1) { return true }
        }
        return false
    }

    private func areExclusive(_ left: ArrayShape, _ right: ArrayShape, _ depth: Int) -> Bool {
        guard left !== right else { return false }
        guard left.isPossible, right.isPossible else { return true }
        if left.most < right.least || right.most < left.least { return true }
        let shared = min(4, max(left.least, right.least))
        return (0..<shared).contains { index in
            let (mine, theirs) = (left.expectation(of: index), right.expectation(of: index))
            return mine < 0 || theirs < 0 || areExclusive(mine, theirs, depth: depth + 1)
        }
    }

    /// Whether no value of any kind satisfies both.
    private func areExclusive(_ left: Int32, _ right: Int32, depth: Int) -> Bool {
        guard left >= 0, right >= 0 else { return true }
        guard left != right, depth <= Self.maxDepth else { return false }
        let pair = Pair(left: left, right: right, kind: nil, depth: depth)
        if let known = table.knownExclusion(pair) { return known }
        let areExclusive = decide(left, right, depth)
        table.keep(areExclusive, pair)
        return areExclusive
    }

    private func decide(_ left: Int32, _ right: Int32, _ depth: Int) -> Bool {
        let (words, others) = (table.words(left), table.words(right))
        if words.null && others.null || words.false && others.false || words.true && others.true {
            return false
        }
        // What both ask for together is narrowed, so lists that share nothing leave nothing.
        let both = table.expectation(
            table.expectations[Int(left)].requirements
                + table.expectations[Int(right)].requirements)
        return table.stringTerm(both) < 0
            && !table.isNumberPossible(both)
            && areExclusive(left, right, .array, depth: depth)
            && areExclusive(left, right, .object, depth: depth)
    }
}
