// SPDX-License-Identifier: Apache-2.0

/// Follows calls and returns from some positions of a grammar to the positions that wait for a
/// byte, a terminal or a control token (an Earley set).
///
/// Rules that are called while a set is closed have no node yet: their items carry ``fresh``, since
/// there is one call of a rule in a set whoever calls it, and ``resolve(_:_:)`` makes the nodes.
struct GrammarClosure {
    typealias Item = GrammarColumns.Item
    typealias Return = GrammarStacks.Return

    /// The node of items of rules called in this set.
    static let fresh: Int32 = -1

    /// A call of a rule in this set.
    private struct Call: Comparable {
        /// The group of the rule, by which callers come first, and the rule.
        var order: UInt64
        var back: Return

        var rule: Int32 { Int32(truncatingIfNeeded: order) }

        static func < (left: Call, right: Call) -> Bool {
            left.order != right.order ? left.order < right.order : left.back < right.back
        }
    }

    /// The items that wait for a byte or a control token.
    private(set) var waiting: [Item] = []
    /// The items that are within a terminal.
    private(set) var carried: [Item] = []
    /// Whether the text may end.
    private(set) var canEnd = false
    /// Whether the set became larger than is allowed, so that the text has to be refused.
    private(set) var isFull = false

    private var work: [(position: Int32, node: Int32)] = []
    private var calls: [Call] = []
    private var generation: Int32 = 0
    private var freshSeen: [Int32]
    private var called: [Int32]
    private var popped: [Int32] = []
    private var seen = StampedSet()
    private var nodes: [Int32]
    private var steps = 0
    private let maxSteps: Int

    /// A closure for a network.
    init(_ network: GrammarNetwork) {
        freshSeen = Array(repeating: 0, count: network.positions.count)
        called = Array(repeating: 0, count: network.entries.count)
        nodes = Array(repeating: 0, count: network.entries.count)
        maxSteps = 2 * network.positions.count + 32768
    }

    /// About how many bytes the closure takes.
    var byteCount: Int { freshSeen.count * 4 + called.count * 8 + popped.count * 4 + 65536 }

    /// Empties the set.
    mutating func begin(_ stacks: borrowing GrammarStacks) {
        if generation == .max {
            generation = 0
            for index in freshSeen.indices { freshSeen[index] = 0 }
            for index in called.indices { called[index] = 0 }
            popped.removeAll()
            seen = StampedSet()
        }
        generation += 1
        if popped.count < stacks.count {
            popped.append(contentsOf: repeatElement(0, count: stacks.count - popped.count))
        }
        seen.removeAll()
        waiting.removeAll(keepingCapacity: true)
        carried.removeAll(keepingCapacity: true)
        calls.removeAll(keepingCapacity: true)
        work.removeAll(keepingCapacity: true)
        canEnd = false
        isFull = false
        steps = 0
    }

    /// Adds an item that is within a terminal.
    mutating func carry(_ item: Item) { carried.append(item) }

    /// Adds a position that a text has come to.
    mutating func push(_ position: Int32, _ node: Int32) {
        if position <= 0 {
            guard position == 0 else {
                canEnd = true
                return
            }
            // A rule called in this set that ends in it is empty, which its callers know.
            guard node >= 0, popped[Int(node)] != generation else { return }
            popped[Int(node)] = generation
        } else if node < 0 {
            guard freshSeen[Int(position)] != generation else { return }
            freshSeen[Int(position)] = generation
        } else {
            let key = UInt64(UInt32(bitPattern: position)) << 32 | UInt64(UInt32(bitPattern: node))
            guard seen.insert(key) else { return }
        }
        work.append((position, node))
    }

    /// Follows all that was pushed.
    mutating func drain(
        _ network: borrowing GrammarNetwork, _ stacks: borrowing GrammarStacks, starts: [UInt64]
    ) {
        while let (index, node) = work.popLast() {
            steps += 1
            guard steps <= maxSteps else {
                isFull = true
                return
            }
            if index == 0 {
                for back in stacks.range(of: node) {
                    let back = stacks[back]
                    push(back.position, back.parent)
                }
                continue
            }
            let position = network.positions[Int(index)]
            switch position.kind {
            case .end, .dead: break
            case .fork:
                push(position.next, node)
                push(position.argument, node)
            case .range, .set, .control:
                waiting.append(Item(position: index, node: node, state: 0))
            case .terminal:
                let state = starts[Int(position.argument)]
                carried.append(Item(position: index, node: node, state: state))
            case .call:
                let rule = Int(position.argument)
                let caller = node < 0 ? -1 - network.owners[Int(index)] : node
                let order = UInt64(UInt32(bitPattern: network.groups[rule])) << 32 | UInt64(rule)
                let back = Return(position: position.next, parent: caller)
                calls.append(Call(order: order, back: back))
                if called[rule] != generation {
                    called[rule] = generation
                    push(network.entries[rule], Self.fresh)
                }
                if network.isNullable[rule] { push(position.next, node) }
            }
        }
    }

    // MARK: Nodes

    /// How many returns of a caller a call in last place takes over.
    private static let maxTakenOver = 32

    /// Makes the nodes of the rules that were called.
    mutating func resolve(_ network: borrowing GrammarNetwork, _ stacks: inout GrammarStacks) {
        guard !calls.isEmpty else { return }
        calls.sort()
        var first = 0
        var set: [Return] = []
        while first < calls.count {
            let rule = calls[first].rule
            if network.isLeftRecursive[Int(rule)] {
                first = resolveGroup(from: first, network, &stacks)
                continue
            }
            set.removeAll(keepingCapacity: true)
            var end = first
            while end < calls.count, calls[end].rule == rule {
                add(calls[end].back, to: &set, stacks)
                end += 1
            }
            set.sort()
            GrammarStacks.removeRepeats(&set)
            nodes[Int(rule)] = stacks.node(set, rule: rule)
            first = end
        }
    }

    /// The item with the node of its rule.
    func resolved(_ item: Item, _ network: borrowing GrammarNetwork) -> Item {
        guard item.node < 0 else { return item }
        var item = item
        item.node = nodes[Int(network.owners[Int(item.position)])]
        return item
    }

    /// Adds a return, or, where the caller ends there, the caller's own: a call in last place
    /// leaves no trace, so that right recursion stays where it is.
    private func add(
        _ back: Return, to set: inout [Return], _ stacks: borrowing GrammarStacks
    ) {
        let parent = back.parent < 0 ? nodes[Int(-1 - back.parent)] : back.parent
        if back.position == 0 {
            let range = stacks.range(of: parent)
            if range.count <= Self.maxTakenOver {
                for index in range { set.append(stacks[index]) }
                return
            }
        }
        set.append(Return(position: back.position, parent: parent))
    }

    /// Resolves the rules of a group that may begin with each other.
    private mutating func resolveGroup(
        from first: Int, _ network: borrowing GrammarNetwork, _ stacks: inout GrammarStacks
    ) -> Int {
        let group = network.groups[Int(calls[first].rule)]
        var members: [Int32] = []
        var sets: [[Return]] = []
        var isCyclic = false
        var end = first
        while end < calls.count, network.groups[Int(calls[end].rule)] == group {
            let rule = calls[end].rule
            if members.last != rule {
                members.append(rule)
                sets.append([])
            }
            let back = calls[end].back
            end += 1
            guard back.parent < 0, network.groups[Int(-1 - back.parent)] == group else {
                add(back, to: &sets[sets.count - 1], stacks)
                continue
            }
            // Who calls itself in last place and first place adds nothing.
            if back.position == 0, back.parent == -1 - rule { continue }
            isCyclic = true
            sets[sets.count - 1].append(back)
        }
        for index in sets.indices {
            sets[index].sort()
            GrammarStacks.removeRepeats(&sets[index])
        }
        if isCyclic {
            let made = stacks.nodes(members, sets)
            for (rule, node) in zip(members, made) { nodes[Int(rule)] = node }
        } else {
            for (rule, set) in zip(members, sets) {
                nodes[Int(rule)] = stacks.node(set, rule: rule)
            }
        }
        return end
    }
}
