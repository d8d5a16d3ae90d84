// SPDX-License-Identifier: Apache-2.0

/// Knows which expressions stand for any text at all.
///
/// Those without intersection and complement do unless they are `nothing`. For the others,
/// derivatives are followed, nearest first, until one accepts.
struct ExpressionLife {
    /// What is known of an expression.
    enum Verdict: UInt8 {
        case unknown
        case live
        case dead
        /// Neither was found within ``maxVisits``; taken for live, which is safe.
        case unsettled
    }

    /// How many derivatives are followed for one question, and how many arrows looked at for them.
    static let maxVisits = 10_000
    private static let maxWork = 1 << 20

    private var verdicts: [Verdict] = []

    var byteCount: Int { verdicts.count }

    /// Whether an expression stands for any text.
    mutating func verdict(
        of node: ExpressionArena.Node, in arena: inout ExpressionArena
    ) -> Verdict {
        let simple = known(node, arena)
        if simple != .unknown { return simple }
        explore(node, &arena)
        return known(node, arena)
    }

    /// What can be seen without following derivatives.
    private func known(
        _ node: ExpressionArena.Node, _ arena: ExpressionArena, depth: Int = 0
    ) -> Verdict {
        var node = node
        while true {
            if node == ExpressionArena.nothing { return .dead }
            let record = arena.records[Int(node)]
            if record.isNullable || record.isPlain { return .live }
            if Int(node) < verdicts.count, verdicts[Int(node)] != .unknown {
                return verdicts[Int(node)]
            }
            if depth > 16 { return .unknown }
            switch record.kind {
            case .concatenation:
                let first = known(record.a, arena, depth: depth + 1)
                if first != .live { return first == .dead ? .dead : .unknown }
                node = record.b
            case .union:
                for index in Int(record.a)..<Int(record.a + record.b)
                where known(arena.operands[index], arena, depth: depth + 1) == .live {
                    return .live
                }
                return .unknown
            case .repetition: node = record.a
            default: return .unknown
            }
        }
    }

    private mutating func set(_ node: ExpressionArena.Node, _ verdict: Verdict) {
        if verdicts.count <= Int(node) {
            let missing = Int(node) + 1 - verdicts.count
            verdicts.append(contentsOf: repeatElement(.unknown, count: missing))
        }
        verdicts[Int(node)] = verdict
    }

    /// Follows derivatives until one is live, those first in which the fewest conditions are left.
    private mutating func explore(_ root: ExpressionArena.Node, _ arena: inout ExpressionArena) {
        var queues: [[ExpressionArena.Node]] = Array(repeating: [], count: Self.maxConditions + 1)
        var heads = Array(repeating: 0, count: Self.maxConditions + 1)
        var origins: [ExpressionArena.Node: ExpressionArena.Node] = [root: root]
        var fewest = conditions(root, arena)
        let lastWork = arena.work + Self.maxWork
        queues[fewest].append(root)
        while fewest <= Self.maxConditions {
            guard heads[fewest] < queues[fewest].count else {
                fewest += 1
                continue
            }
            if origins.count > Self.maxVisits || arena.work > lastWork || arena.isExhausted {
                for node in origins.keys { set(node, .unsettled) }
                return
            }
            let node = queues[fewest][heads[fewest]]
            heads[fewest] += 1
            let (first, end) = arena.derivative(of: node)
            for place in first..<end {
                let target = arena.arrows[place].target
                if origins[target] != nil { continue }
                switch known(target, arena) {
                case .dead: continue
                case .live, .unsettled:
                    // All on the way here lead to it.
                    var place = node
                    set(place, .live)
                    while place != root, let origin = origins[place] {
                        place = origin
                        set(place, .live)
                    }
                    return
                case .unknown:
                    origins[target] = node
                    let count = conditions(target, arena)
                    queues[count].append(target)
                    fewest = min(fewest, count)
                }
            }
        }
        for node in origins.keys { set(node, .dead) }
    }

    private static let maxConditions = 40

    /// How many expressions must hold together, at least.
    private func conditions(_ node: ExpressionArena.Node, _ arena: ExpressionArena) -> Int {
        let record = arena.records[Int(node)]
        switch record.kind {
        case .intersection: return min(Int(record.b), Self.maxConditions)
        case .union:
            var fewest = Self.maxConditions
            for index in Int(record.a)..<Int(record.a + record.b) {
                let operand = arena.records[Int(arena.operands[index])]
                fewest = min(fewest, operand.kind == .intersection ? Int(operand.b) : 1)
            }
            return fewest
        default: return 1
        }
    }
}
