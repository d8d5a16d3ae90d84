// SPDX-License-Identifier: Apache-2.0

/// The stacks of a recognition: for each call of a rule, where its callers go on.
///
/// A node is a set of returns, each a position and the node of the rule that the position belongs
/// to; equal sets are one node, so that a text that comes back to where it was comes back to the
/// same node. Left recursion makes nodes that return to themselves; one that behaves like an older
/// node becomes that node.
struct GrammarStacks {
    /// Where a caller goes on.
    struct Return: Hashable, Comparable {
        /// The position after the call; -1 ends the text.
        var position: Int32
        /// The node of the caller; below 0 while that is not known, `-1 - rule`.
        var parent: Int32

        static func < (left: Return, right: Return) -> Bool {
            left.position != right.position
                ? left.position < right.position : left.parent < right.parent
        }
    }

    /// The node whose end is the end of the text.
    static let root: Int32 = 0

    private var returns: [Return] = []
    /// Where the returns of each node begin, and the end of the last one's.
    private var starts: [Int32] = [0]
    /// The rule that a node was first made for, and the first node made together with it.
    private var rules: [Int32] = []
    private var siblings: [Int32] = []
    private var table = InternTable()
    private var cycles: [[Return]: Int32] = [:]

    /// The root alone.
    init() {
        append([Return(position: -1, parent: 0)], rule: -1, sibling: 0)
    }

    /// How many nodes there are.
    var count: Int { rules.count }

    /// About how many bytes the nodes take.
    var byteCount: Int { returns.count * 8 + count * 32 + cycles.count * 96 }

    /// Where a node's returns are.
    func range(of node: Int32) -> Range<Int> {
        Int(starts[Int(node)])..<Int(starts[Int(node) + 1])
    }

    /// One of all nodes' returns.
    subscript(index: Int) -> Return { returns[index] }

    /// The node of a set of returns to known nodes; `set` must be sorted, each element once.
    mutating func node(_ set: [Return], rule: Int32) -> Int32 {
        var hash: UInt64 = 0
        for element in set { hash = Self.mixed(hash, element) }
        if let known = table.first(hash: hash, where: { equals($0, set) }) { return known }
        append(set, rule: rule, sibling: Int32(count))
        return Int32(count - 1)
    }

    /// The nodes of rules that return to each other, `members`, in order; `sets` are the returns of
    /// each, sorted, each element once, with parents among the members as `-1 - rule`.
    mutating func nodes(_ members: [Int32], _ sets: [[Return]]) -> [Int32] {
        if let older = older(members, sets) { return older }
        var key: [Return] = []
        for (rule, set) in zip(members, sets) {
            key.append(Return(position: -2, parent: rule))
            key += set
        }
        let first: Int32
        if let known = cycles[key] {
            first = known
        } else {
            first = Int32(count)
            cycles[key] = first
            for (index, set) in sets.enumerated() {
                let closed = set.map { element in
                    guard element.parent < 0 else { return element }
                    let member = members.firstIndex(of: -1 - element.parent) ?? 0
                    return Return(position: element.position, parent: first + Int32(member))
                }
                append(closed.sorted(), rule: members[index], sibling: first)
            }
        }
        return members.indices.map { first + Int32($0) }
    }

    /// Older nodes that behave like the members: in whose place the members' sets are the same.
    private func older(_ members: [Int32], _ sets: [[Return]]) -> [Int32]? {
        var tried: [Int32] = []
        for set in sets {
            for element in set where element.parent > 0 {
                let first = siblings[Int(element.parent)]
                guard !tried.contains(first) else { continue }
                tried.append(first)
                if tried.count > 8 { return nil }
                if let found = matching(members, sets, first: first, hint: element.parent) {
                    return found
                }
            }
        }
        return nil
    }

    private func matching(
        _ members: [Int32], _ sets: [[Return]], first: Int32, hint: Int32
    ) -> [Int32]? {
        var nodes: [Int32] = []
        for rule in members {
            if members.count == 1 {
                nodes.append(hint)
                continue
            }
            var node = first
            while Int(node) < count, siblings[Int(node)] == first, rules[Int(node)] != rule {
                node += 1
            }
            guard Int(node) < count, siblings[Int(node)] == first else { return nil }
            nodes.append(node)
        }
        for (index, set) in sets.enumerated() {
            var assumed = set.map { element in
                guard element.parent < 0 else { return element }
                let member = members.firstIndex(of: -1 - element.parent) ?? 0
                return Return(position: element.position, parent: nodes[member])
            }
            assumed.sort()
            Self.removeRepeats(&assumed)
            guard equals(nodes[index], assumed) else { return nil }
        }
        return nodes
    }

    private mutating func append(_ set: [Return], rule: Int32, sibling: Int32) {
        var hash: UInt64 = 0
        for element in set { hash = Self.mixed(hash, element) }
        table.insert(Int32(count), hash: hash)
        returns.append(contentsOf: set)
        starts.append(Int32(returns.count))
        rules.append(rule)
        siblings.append(sibling)
    }

    private func equals(_ node: Int32, _ set: [Return]) -> Bool {
        let range = range(of: node)
        guard range.count == set.count else { return false }
        for index in set.indices where returns[range.lowerBound + index] != set[index] {
            return false
        }
        return true
    }

    private static func mixed(_ hash: UInt64, _ element: Return) -> UInt64 {
        let word =
            UInt64(UInt32(bitPattern: element.position)) << 32
            | UInt64(UInt32(bitPattern: element.parent))
        return InternTable.mixed(hash, word)
    }

    /// Takes out elements of a sorted list that are equal to the one before.
    static func removeRepeats(_ set: inout [Return]) {
        guard set.count > 1 else { return }
        var kept = 1
        for index in 1..<set.count where set[index] != set[kept - 1] {
            set[kept] = set[index]
            kept += 1
        }
        set.removeLast(set.count - kept)
    }
}
