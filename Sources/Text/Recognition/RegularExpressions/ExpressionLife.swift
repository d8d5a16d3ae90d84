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

    /// How many derivatives are followed for one question.
    static let maxVisits = 20_000

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
        while verdicts.count <= Int(node) { verdicts.append(.unknown) }
        verdicts[Int(node)] = verdict
    }

    private mutating func explore(_ root: ExpressionArena.Node, _ arena: inout ExpressionArena) {
        var queue = [root]
        var origins: [ExpressionArena.Node: ExpressionArena.Node] = [root: root]
        var index = 0
        while index < queue.count {
            if queue.count > Self.maxVisits || arena.isExhausted {
                for node in queue { set(node, .unsettled) }
                return
            }
            let node = queue[index]
            index += 1
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
                    queue.append(target)
                }
            }
        }
        for node in queue { set(node, .dead) }
    }
}
