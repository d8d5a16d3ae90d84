// SPDX-License-Identifier: Apache-2.0

/// Expressions over code points, each kept once, with the derivatives of those that were asked for.
///
/// Constructors simplify: equal expressions get equal numbers often enough for derivatives to be
/// finitely many, and an expression without intersection and complement is ``nothing`` if and only
/// if it stands for no text.
struct ExpressionArena: Sendable {
    /// The number of an expression.
    typealias Node = Int32

    /// What an expression is made of.
    enum Kind: UInt8, Sendable {
        case nothing, empty, everything
        /// `a`, `b`: where its ranges begin and how many they are.
        case set
        /// `a`, `b`: where its code points begin and how many they are, two or more; `c` is 1
        /// where it was not cut off another.
        case literal
        /// `a` then `b`; `a` is no concatenation.
        case concatenation
        /// `a`, `b`: where its operands begin and how many they are.
        case union, intersection
        /// Of `a`.
        case complement
        /// `a`, between `b` and `c` times.
        case repetition
        /// The solution of equation `a`.
        case variable
    }

    /// An expression.
    struct Record: Sendable {
        var kind: Kind
        /// Whether the empty text is one of its texts.
        var isNullable: Bool
        /// Whether it is free of intersections, complements and variables.
        var isPlain: Bool
        /// Whether a variable is among its parts.
        var hasVariable = false
        var a: Int32
        var b: Int32
        var c: Int32
    }

    /// What becomes of an expression by code points up to `upper`, from after the arrow before.
    struct Arrow: Hashable, Sendable {
        var upper: UInt32
        var target: Node
    }

    /// No text.
    static let nothing: Node = 0
    /// The empty text.
    static let empty: Node = 1
    /// Every text.
    static let everything: Node = 2
    /// Every text of one code point.
    static let anyScalar: Node = 3
    /// The count of a repetition without an upper bound.
    static let unbounded = Int32.max

    private(set) var records: [Record] = []
    private(set) var operands: [Node] = []
    private(set) var ranges: [ScalarRange] = []
    private(set) var scalars: [UInt32] = []
    /// The definitions of variables.
    private(set) var equations: [Node] = []
    /// A hash table of the expressions, -1 where it is free.
    private var slots: [Int32] = []
    /// Where the arrows of an expression begin and end; empty where they are not made yet.
    private var derivatives: [(start: Int32, end: Int32)] = []
    private(set) var arrows: [Arrow] = []

    /// More than this is not made; `isExhausted` tells.
    var maxBytes = 64 << 20

    /// How many alternatives or conditions there may be at once: each step costs as many.
    var maxWidth = Int.max

    /// How many arrows have been looked at to make others.
    private(set) var work = 0

    /// Whether something was left out because it was too much.
    ///
    /// What was made since is worthless.
    private(set) var isExhausted = false

    init() {
        records.reserveCapacity(32)
        slots = Array(repeating: -1, count: 128)
        append(Record(kind: .nothing, isNullable: false, isPlain: true, a: 0, b: 0, c: 0))
        append(Record(kind: .empty, isNullable: true, isPlain: true, a: 0, b: 0, c: 0))
        append(Record(kind: .everything, isNullable: true, isPlain: true, a: 0, b: 0, c: 0))
        _ = set(.all)
    }

    /// The most alternatives or conditions that any expression has at once.
    var width: Int {
        records.reduce(0) { width, record in
            record.kind == .union || record.kind == .intersection
                ? max(width, Int(record.b)) : width
        }
    }

    /// About how many bytes it takes.
    var byteCount: Int {
        records.count * 24 + operands.count * 4 + ranges.count * 8 + scalars.count * 4
            + slots.count * 4 + arrows.count * 8
    }

    func isNullable(_ node: Node) -> Bool { records[Int(node)].isNullable }

    // MARK: Constructors

    /// One code point of a set.
    mutating func set(_ set: ScalarSet) -> Node {
        if set.isEmpty { return Self.nothing }
        let members = set.ranges
        var hash = Self.mix(UInt64(Kind.set.rawValue), UInt64(members.count))
        for range in members {
            hash = Self.mix(hash, UInt64(range.lower) << 32 | UInt64(range.upper))
        }
        var slot = Int(truncatingIfNeeded: hash) & (slots.count - 1)
        while slots[slot] >= 0 {
            let record = records[Int(slots[slot])]
            if record.kind == .set, Int(record.b) == members.count {
                let start = Int(record.a)
                var index = 0
                while index < members.count, ranges[start + index] == members[index] { index += 1 }
                if index == members.count { return slots[slot] }
            }
            slot = (slot + 1) & (slots.count - 1)
        }
        let start = Int32(ranges.count)
        ranges.append(contentsOf: members)
        return insert(
            Record(
                kind: .set, isNullable: false, isPlain: true, a: start, b: Int32(members.count),
                c: 0), at: slot)
    }

    /// The set of a node of that kind.
    func scalarSet(_ node: Node) -> ScalarSet {
        let record = records[Int(node)]
        return ScalarSet(Array(ranges[Int(record.a)..<Int(record.a + record.b)]))
    }

    /// These code points, one after the other.
    mutating func literal(_ text: [UInt32]) -> Node {
        guard text.count > 1 else { return text.first.map { set(ScalarSet($0)) } ?? Self.empty }
        let hash = Self.hash(ofLiteral: text[...])
        let start = scalars.count
        guard start + text.count < Int(Int32.max) else { return exhausted() }
        var slot = Int(truncatingIfNeeded: hash) & (slots.count - 1)
        while slots[slot] >= 0 {
            let record = records[Int(slots[slot])]
            if record.kind == .literal, record.c == 1, Int(record.b) == text.count,
                scalars[Int(record.a)..<Int(record.a + record.b)].elementsEqual(text)
            {
                return slots[slot]
            }
            slot = (slot + 1) & (slots.count - 1)
        }
        scalars.append(contentsOf: text)
        return insert(
            Record(
                kind: .literal, isNullable: false, isPlain: true, a: Int32(start),
                b: Int32(text.count), c: 1), at: slot)
    }

    /// The rest of a literal from a place in ``scalars``.
    private mutating func tail(of literal: Record) -> Node {
        if literal.b == 2 { return set(ScalarSet(scalars[Int(literal.a) + 1])) }
        return intern(
            Record(
                kind: .literal, isNullable: false, isPlain: true, a: literal.a + 1,
                b: literal.b - 1, c: 0))
    }

    /// One after the other.
    mutating func concatenation(_ first: Node, _ second: Node) -> Node {
        if first == Self.nothing || second == Self.nothing { return Self.nothing }
        if first == Self.empty { return second }
        if second == Self.empty { return first }
        var spine: [Node] = []
        var head = first
        while records[Int(head)].kind == .concatenation {
            spine.append(records[Int(head)].a)
            head = records[Int(head)].b
        }
        var result = joined(head, second)
        while let node = spine.popLast() { result = joined(node, result) }
        return result
    }

    /// The concatenation of what is not one, and anything.
    private mutating func joined(_ first: Node, _ second: Node) -> Node {
        var first = first
        if first == Self.empty { return second }
        if second == Self.nothing || first == Self.nothing { return Self.nothing }
        if second == Self.everything {
            // What may be left out need not be looked for before a text of any kind.
            if isNullable(first) { return Self.everything }
            let record = records[Int(first)]
            if record.kind == .repetition, record.c != record.b {
                first = repetition(record.a, record.b, record.b)
                if records[Int(first)].kind == .concatenation {
                    return concatenation(first, second)
                }
            }
        } else if first == Self.everything {
            if isNullable(second) { return Self.everything }
            let record = records[Int(second)]
            if record.kind == .concatenation, record.a == Self.everything { return second }
        }
        // x{n,m}x{i,j} is x{n+i,m+j}.
        let following = records[Int(second)]
        let (next, rest) =
            following.kind == .concatenation ? (following.a, following.b) : (second, Self.empty)
        let left = counter(first)
        let right = counter(next)
        if left.body == right.body, first != Self.everything,
            let least = Self.sum(left.least, right.least),
            let most = Self.sum(left.most, right.most)
        {
            let merged = repetition(left.body, least, most)
            if rest == Self.empty { return merged }
            return rest == Self.everything || records[Int(merged)].kind == .concatenation
                ? concatenation(merged, rest) : pair(merged, rest)
        }
        return pair(first, second)
    }

    private mutating func pair(_ first: Node, _ second: Node) -> Node {
        let left = records[Int(first)]
        let right = records[Int(second)]
        return intern(
            Record(
                kind: .concatenation, isNullable: left.isNullable && right.isNullable,
                isPlain: left.isPlain && right.isPlain,
                hasVariable: left.hasVariable || right.hasVariable, a: first, b: second, c: 0))
    }

    /// An expression as the repetition that it is, if only of itself.
    private func counter(_ node: Node) -> (body: Node, least: Int32, most: Int32) {
        let record = records[Int(node)]
        return record.kind == .repetition ? (record.a, record.b, record.c) : (node, 1, 1)
    }

    private static func sum(_ left: Int32, _ right: Int32) -> Int32? {
        if left == unbounded || right == unbounded { return unbounded }
        let (sum, overflow) = left.addingReportingOverflow(right)
        return overflow || sum == unbounded ? nil : sum
    }

    /// Between `least` and `most` times the same.
    mutating func repetition(_ body: Node, _ least: Int32, _ most: Int32) -> Node {
        if most == 0 || body == Self.empty { return Self.empty }
        if body == Self.nothing { return least == 0 ? Self.empty : Self.nothing }
        let record = records[Int(body)]
        let least = record.isNullable ? 0 : least
        if least == 1, most == 1 { return body }
        if body == Self.everything { return body }
        if body == Self.anyScalar, least == 0, most == Self.unbounded { return Self.everything }
        if record.kind == .repetition {
            if record.isNullable || (record.b == 1 && least <= 1), record.c == Self.unbounded {
                return repetition(record.a, min(least, record.b), Self.unbounded)
            }
            if record.b <= 1, most == Self.unbounded, least == 0 {
                return repetition(record.a, 0, Self.unbounded)
            }
            if record.b == record.c, least == most {
                let (product, overflow) = record.b.multipliedReportingOverflow(by: least)
                if !overflow, product < Self.unbounded {
                    return repetition(record.a, product, product)
                }
            }
            if record.b <= 1, record.c != Self.unbounded, most != Self.unbounded {
                // Each count from the least to the most is one of these, and none is as great as
                // what a number cannot hold.
                let (product, overflow) = record.c.multipliedReportingOverflow(by: most)
                return repetition(record.a, record.b * least, overflow ? Self.unbounded : product)
            }
        }
        return intern(
            Record(
                kind: .repetition, isNullable: least == 0, isPlain: record.isPlain, a: body,
                b: least, c: most))
    }

    /// What is not one of an expression's.
    mutating func complement(_ node: Node) -> Node {
        if node == Self.nothing { return Self.everything }
        if node == Self.everything { return Self.nothing }
        let record = records[Int(node)]
        if record.kind == .complement { return record.a }
        return intern(
            Record(
                kind: .complement, isNullable: !record.isNullable, isPlain: false, a: node, b: 0,
                c: 0))
    }

    /// Any of them.
    mutating func union(_ nodes: [Node]) -> Node {
        var members: [Node] = []
        var set: ScalarSet?
        var setCount = 0
        for node in nodes {
            let record = records[Int(node)]
            switch record.kind {
            case .nothing: continue
            case .everything: return Self.everything
            case .union:
                for index in Int(record.a)..<Int(record.a + record.b) {
                    let operand = operands[index]
                    if records[Int(operand)].kind == .set {
                        setCount += 1
                        set = set.map { $0.union(scalarSet(operand)) } ?? scalarSet(operand)
                    } else {
                        members.append(operand)
                    }
                }
            case .set:
                setCount += 1
                set = set.map { $0.union(scalarSet(node)) } ?? scalarSet(node)
            default: members.append(node)
            }
        }
        if let set { members.append(self.set(set)) }
        Self.sortUnique(&members)
        if members.count > 1 { mergeCounters(&members) }
        if members.count > 1, members[0] == Self.empty,
            members.dropFirst().contains(where: { isNullable($0) })
        {
            members.removeFirst()
        }
        for node in members where records[Int(node)].kind == .complement {
            if Self.contains(members, records[Int(node)].a) { return Self.everything }
        }
        return nary(.union, members)
    }

    /// All of them.
    mutating func intersection(_ nodes: [Node]) -> Node {
        var members: [Node] = []
        var set: ScalarSet?
        for node in nodes {
            let record = records[Int(node)]
            switch record.kind {
            case .nothing: return Self.nothing
            case .everything: continue
            case .intersection:
                for index in Int(record.a)..<Int(record.a + record.b) {
                    let operand = operands[index]
                    if records[Int(operand)].kind == .set {
                        set = set.map { $0.intersection(scalarSet(operand)) } ?? scalarSet(operand)
                    } else {
                        members.append(operand)
                    }
                }
            case .set: set = set.map { $0.intersection(scalarSet(node)) } ?? scalarSet(node)
            default: members.append(node)
            }
        }
        if let set {
            if set.isEmpty { return Self.nothing }
            members.append(self.set(set))
        }
        Self.sortUnique(&members)
        if let first = members.first, first == Self.empty {
            return members.allSatisfy { isNullable($0) } ? Self.empty : Self.nothing
        }
        for node in members where records[Int(node)].kind == .complement {
            if Self.contains(members, records[Int(node)].a) { return Self.nothing }
        }
        if members.count > 1,
            let index = members.firstIndex(where: {
                records[Int($0)].kind == .union && records[Int($0)].hasVariable
            })
        {
            // Alternatives are kept outside of what must hold together, or else the derivatives of
            // recursive expressions would never repeat.
            let record = records[Int(members.remove(at: index))]
            if arrows.count + operands.count > maxBytes / 8 { return exhausted() }
            var alternatives: [Node] = []
            for index in Int(record.a)..<Int(record.a + record.b) {
                let operand = operands[index]
                alternatives.append(intersection(members + [operand]))
            }
            return union(alternatives)
        }
        return members.isEmpty ? Self.everything : nary(.intersection, members)
    }

    private mutating func nary(_ kind: Kind, _ members: [Node]) -> Node {
        if members.count < 2 { return members.first ?? Self.nothing }
        guard members.count <= maxWidth else { return exhausted() }
        var hash = Self.mix(UInt64(kind.rawValue), UInt64(members.count))
        for node in members { hash = Self.mix(hash, UInt64(UInt32(bitPattern: node))) }
        var slot = Int(truncatingIfNeeded: hash) & (slots.count - 1)
        while slots[slot] >= 0 {
            let record = records[Int(slots[slot])]
            if record.kind == kind, Int(record.b) == members.count,
                operands[Int(record.a)..<Int(record.a + record.b)].elementsEqual(members)
            {
                return slots[slot]
            }
            slot = (slot + 1) & (slots.count - 1)
        }
        let start = operands.count
        guard start + members.count < Int(Int32.max) else { return exhausted() }
        operands.append(contentsOf: members)
        let isNullable =
            kind == .union
            ? members.contains { self.isNullable($0) } : members.allSatisfy { self.isNullable($0) }
        let isPlain = kind == .union && members.allSatisfy { records[Int($0)].isPlain }
        return insert(
            Record(
                kind: kind, isNullable: isNullable, isPlain: isPlain,
                hasVariable: members.contains { records[Int($0)].hasVariable },
                a: Int32(start), b: Int32(members.count), c: 0), at: slot)
    }

    /// Joins `x{n,m}T` and `x{i,j}T` where the counts leave no gap, and `T` to `x{1,m}T`.
    private mutating func mergeCounters(_ members: inout [Node]) {
        struct Counter {
            var body: Node
            var rest: Node
            var least: Int32
            var most: Int32
        }
        var counters: [Counter] = []
        for node in members {
            let record = records[Int(node)]
            if record.kind == .repetition {
                counters.append(
                    Counter(body: record.a, rest: Self.empty, least: record.b, most: record.c))
            } else if record.kind == .concatenation, records[Int(record.a)].kind == .repetition {
                let head = records[Int(record.a)]
                counters.append(
                    Counter(body: head.a, rest: record.b, least: head.b, most: head.c))
            }
        }
        if counters.isEmpty { return }
        var removed: [Node] = []
        for counter in counters where counter.least <= 1 {
            if Self.contains(members, counter.rest) {
                removed.append(counter.rest)
                counters.append(
                    Counter(body: counter.body, rest: counter.rest, least: 0, most: 0))
            }
        }
        counters.sort {
            ($0.body, $0.rest, $0.least, $0.most) < ($1.body, $1.rest, $1.least, $1.most)
        }
        var changed = !removed.isEmpty
        var merged: [Counter] = []
        for counter in counters {
            if let last = merged.last, last.body == counter.body, last.rest == counter.rest,
                last.most == Self.unbounded || counter.least <= last.most + 1
            {
                merged[merged.count - 1].most = max(last.most, counter.most)
                changed = true
            } else {
                merged.append(counter)
            }
        }
        guard changed else { return }
        let kept = members.filter { node in
            let record = records[Int(node)]
            if record.kind == .repetition { return false }
            if record.kind == .concatenation, records[Int(record.a)].kind == .repetition {
                return false
            }
            return !removed.contains(node)
        }
        members =
            kept
            + merged.map { counter in
                let head = repetition(counter.body, counter.least, counter.most)
                return concatenation(head, counter.rest)
            }
        Self.sortUnique(&members)
    }

    /// A variable, to be defined by ``define(_:as:)`` before it is derived.
    ///
    /// Its definition may name it, but only after at least one code point.
    mutating func variable(isNullable: Bool) -> Node {
        equations.append(Self.nothing)
        return intern(
            Record(
                kind: .variable, isNullable: isNullable, isPlain: false, hasVariable: true,
                a: Int32(equations.count - 1), b: 0, c: 0))
    }

    /// Says what a variable stands for.
    mutating func define(_ variable: Node, as definition: Node) {
        let record = records[Int(variable)]
        if record.kind == .variable { equations[Int(record.a)] = definition }
    }

    // MARK: Derivatives

    /// What follows a code point in each of an expression's texts that begins with it.
    mutating func derivative(of node: Node, by scalar: UInt32) -> Node {
        let (start, end) = derivative(of: node)
        return arrows[arrow(from: start, to: end, over: scalar)].target
    }

    /// The first of a run of arrows that reaches a code point.
    func arrow(from start: Int, to end: Int, over scalar: UInt32) -> Int {
        var low = start
        var high = end - 1
        while low < high {
            let middle = (low + high) / 2
            if arrows[middle].upper < scalar { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// The arrows of an expression: where they begin and end in ``arrows``.
    mutating func derivative(of node: Node) -> (start: Int, end: Int) {
        if derivatives[Int(node)].end == 0 {
            // Without recursion, since a long pattern makes a long chain.
            var stack = [node]
            while let top = stack.last {
                if derivatives[Int(top)].end != 0 {
                    stack.removeLast()
                    continue
                }
                let depth = stack.count
                if !isExhausted { pushMissing(of: top, to: &stack) }
                if stack.count == depth {
                    stack.removeLast()
                    let start = arrows.count
                    derive(top)
                    derivatives[Int(top)] = (Int32(start), Int32(arrows.count))
                }
                if byteCount > maxBytes || stack.count > 4_000_000 { isExhausted = true }
            }
        }
        let (start, end) = derivatives[Int(node)]
        return (Int(start), Int(end))
    }

    private func pushMissing(of node: Node, to stack: inout [Node]) {
        let record = records[Int(node)]
        func need(_ child: Node) {
            if derivatives[Int(child)].end == 0 { stack.append(child) }
        }
        switch record.kind {
        case .nothing, .empty, .everything, .set, .literal: break
        case .complement, .repetition: need(record.a)
        case .variable: need(equations[Int(record.a)])
        case .concatenation:
            need(record.a)
            if isNullable(record.a) { need(record.b) }
        case .union, .intersection:
            for index in Int(record.a)..<Int(record.a + record.b) { need(operands[index]) }
        }
    }

    /// Appends the arrows of an expression whose parts have theirs.
    private mutating func derive(_ node: Node) {
        let start = arrows.count
        let record = records[Int(node)]
        if isExhausted {
            arrows.append(Arrow(upper: ScalarSet.maximum, target: Self.nothing))
            return
        }
        switch record.kind {
        case .nothing, .empty: add(Self.nothing, ScalarSet.maximum, from: start)
        case .everything: add(Self.everything, ScalarSet.maximum, from: start)
        case .set:
            for index in Int(record.a)..<Int(record.a + record.b) {
                let range = ranges[index]
                if range.lower > 0 { add(Self.nothing, range.lower - 1, from: start) }
                add(Self.empty, range.upper, from: start)
            }
            close(from: start)
        case .literal:
            let scalar = scalars[Int(record.a)]
            let rest = tail(of: record)
            if scalar > 0 { add(Self.nothing, scalar - 1, from: start) }
            add(rest, scalar, from: start)
            close(from: start)
        case .complement:
            let (first, end) = derivative(of: record.a)
            for index in first..<end {
                let arrow = arrows[index]
                let target = complement(arrow.target)
                add(target, arrow.upper, from: start)
            }
        case .variable:
            let (first, end) = derivative(of: equations[Int(record.a)])
            for index in first..<end { arrows.append(arrows[index]) }
        case .repetition:
            let rest = repetition(
                record.a, max(0, record.b - 1),
                record.c == Self.unbounded ? record.c : record.c - 1)
            deriveProduct(record.a, rest, from: start)
        case .concatenation:
            if isNullable(record.a) {
                // Both alternatives, laid out at the end and then merged.
                let side = arrows.count
                deriveProduct(record.a, record.b, from: side)
                let product = Array(arrows[side...])
                arrows.removeSubrange(side...)
                let (first, end) = derivative(of: record.b)
                merge(.union, [product, Array(arrows[first..<end])], from: start)
            } else {
                deriveProduct(record.a, record.b, from: start)
            }
        case .union:
            deriveUnion(record, from: start)
        case .intersection:
            let maps = (Int(record.a)..<Int(record.a + record.b)).map { index in
                let (first, end) = derivative(of: operands[index])
                return Array(arrows[first..<end])
            }
            merge(.intersection, maps, from: start)
        }
    }

    /// The arrows of `first` with `rest` after each; alternatives are taken apart, so that they
    /// are found again in other places.
    private mutating func deriveProduct(_ first: Node, _ rest: Node, from start: Int) {
        let (low, high) = derivative(of: first)
        var last: (Node, Node)?
        for index in low..<high {
            let arrow = arrows[index]
            let target: Node
            if let last, last.0 == arrow.target {
                target = last.1
            } else if records[Int(arrow.target)].kind == .union, rest != Self.empty {
                let record = records[Int(arrow.target)]
                var members: [Node] = []
                for index in Int(record.a)..<Int(record.a + record.b) {
                    let operand = operands[index]
                    members.append(concatenation(operand, rest))
                }
                target = union(members)
            } else {
                target = concatenation(arrow.target, rest)
            }
            if arrow.target != Self.nothing { last = (arrow.target, target) }
            add(target, arrow.upper, from: start)
        }
    }

    /// The arrows of a union, by a sweep over all arrows of its operands that lead somewhere.
    private mutating func deriveUnion(_ record: Record, from start: Int) {
        struct Segment {
            var lower: UInt32
            var upper: UInt32
            var target: Node
        }
        var segments: [Segment] = []
        for index in Int(record.a)..<Int(record.a + record.b) {
            let (first, end) = derivative(of: operands[index])
            var lower: UInt32 = 0
            for index in first..<end {
                let arrow = arrows[index]
                if arrow.target != Self.nothing {
                    segments.append(
                        Segment(lower: lower, upper: arrow.upper, target: arrow.target))
                }
                lower = arrow.upper &+ 1
            }
        }
        work += segments.count
        segments.sort { ($0.lower, $0.upper, $0.target) < ($1.lower, $1.upper, $1.target) }
        var active: [Segment] = []
        var next = 0
        var position: UInt32 = 0
        var last: (targets: [Node], union: Node)?
        while position <= ScalarSet.maximum {
            active.removeAll { $0.upper < position }
            while next < segments.count, segments[next].lower <= position {
                active.append(segments[next])
                next += 1
            }
            var upper = next < segments.count ? segments[next].lower - 1 : ScalarSet.maximum
            for segment in active { upper = min(upper, segment.upper) }
            let targets = active.map(\.target)
            let target: Node
            if targets.isEmpty {
                target = Self.nothing
            } else if targets.count == 1 {
                target = targets[0]
            } else if let last, last.targets == targets {
                target = last.union
            } else {
                target = union(targets)
                last = (targets, target)
            }
            add(target, upper, from: start)
            position = upper + 1
        }
    }

    /// The arrows of several maps joined.
    private mutating func merge(_ kind: Kind, _ maps: [[Arrow]], from start: Int) {
        var places = Array(repeating: 0, count: maps.count)
        var last: (targets: [Node], node: Node)?
        while true {
            var upper = ScalarSet.maximum
            for index in maps.indices { upper = min(upper, maps[index][places[index]].upper) }
            let targets = maps.indices.map { maps[$0][places[$0]].target }
            work += maps.count
            let target: Node
            if let last, last.targets == targets {
                target = last.node
            } else {
                target = kind == .union ? union(targets) : intersection(targets)
                last = (targets, target)
            }
            add(target, upper, from: start)
            if upper == ScalarSet.maximum { return }
            for index in maps.indices where maps[index][places[index]].upper == upper {
                places[index] += 1
            }
        }
    }

    /// Appends an arrow, or makes the last one longer.
    private mutating func add(_ target: Node, _ upper: UInt32, from start: Int) {
        if arrows.count > start, arrows[arrows.count - 1].target == target {
            arrows[arrows.count - 1].upper = upper
        } else {
            arrows.append(Arrow(upper: upper, target: target))
        }
    }

    private mutating func close(from start: Int) {
        if arrows.count == start || arrows[arrows.count - 1].upper < ScalarSet.maximum {
            add(Self.nothing, ScalarSet.maximum, from: start)
        }
    }

    // MARK: Copying

    /// Copies an expression of another arena.
    mutating func copy(_ root: Node, from other: ExpressionArena) -> Node {
        if root <= Self.anyScalar { return root }
        // Parts are made before wholes, so one pass in order does; unless there are variables,
        // which name what is made after them.
        var needed = Array(repeating: false, count: other.records.count)
        var stack = [root]
        while let node = stack.popLast() {
            if needed[Int(node)] { continue }
            needed[Int(node)] = true
            other.forEachPart(of: node) { stack.append($0) }
        }
        var copies = Array(repeating: Self.nothing, count: other.records.count)
        var variables: [(copy: Node, definition: Node)] = []
        for index in other.records.indices where needed[index] {
            let record = other.records[index]
            let parts = Int(record.a)..<Int(record.a) + Int(record.b)
            switch record.kind {
            case .nothing, .empty, .everything: copies[index] = Int32(index)
            case .set: copies[index] = set(other.scalarSet(Int32(index)))
            case .literal: copies[index] = literal(Array(other.scalars[parts]))
            case .concatenation:
                copies[index] = concatenation(copies[Int(record.a)], copies[Int(record.b)])
            case .union: copies[index] = union(other.operands[parts].map { copies[Int($0)] })
            case .intersection:
                copies[index] = intersection(other.operands[parts].map { copies[Int($0)] })
            case .complement: copies[index] = complement(copies[Int(record.a)])
            case .repetition:
                copies[index] = repetition(copies[Int(record.a)], record.b, record.c)
            case .variable:
                copies[index] = variable(isNullable: record.isNullable)
                variables.append((copies[index], other.equations[Int(record.a)]))
            }
        }
        for (copy, definition) in variables { define(copy, as: copies[Int(definition)]) }
        return copies[Int(root)]
    }

    /// Calls back with each direct part of an expression.
    func forEachPart(of node: Node, _ body: (Node) -> Void) {
        let record = records[Int(node)]
        switch record.kind {
        case .nothing, .empty, .everything, .set, .literal: break
        case .complement, .repetition: body(record.a)
        case .variable: body(equations[Int(record.a)])
        case .concatenation:
            body(record.a)
            body(record.b)
        case .union, .intersection:
            for index in Int(record.a)..<Int(record.a + record.b) { body(operands[index]) }
        }
    }

    // MARK: The table

    private mutating func intern(_ record: Record) -> Node {
        var hash = Self.mix(UInt64(record.kind.rawValue), UInt64(UInt32(bitPattern: record.a)))
        hash = Self.mix(
            hash,
            UInt64(UInt32(bitPattern: record.b)) << 32 | UInt64(UInt32(bitPattern: record.c)))
        var slot = Int(truncatingIfNeeded: hash) & (slots.count - 1)
        while slots[slot] >= 0 {
            let other = records[Int(slots[slot])]
            if other.kind == record.kind, other.a == record.a, other.b == record.b,
                other.c == record.c
            {
                return slots[slot]
            }
            slot = (slot + 1) & (slots.count - 1)
        }
        return insert(record, at: slot)
    }

    private mutating func insert(_ record: Record, at slot: Int) -> Node {
        if records.count >= Int(Int32.max) / 2 { return exhausted() }
        let node = append(record)
        slots[slot] = node
        if records.count * 2 > slots.count { grow() }
        return node
    }

    @discardableResult
    private mutating func append(_ record: Record) -> Node {
        records.append(record)
        derivatives.append((0, 0))
        return Int32(records.count - 1)
    }

    private mutating func exhausted() -> Node {
        isExhausted = true
        return Self.nothing
    }

    private mutating func grow() {
        var larger = Array(repeating: Int32(-1), count: slots.count * 4)
        for node in slots where node >= 0 {
            var slot = Int(truncatingIfNeeded: hash(of: node)) & (larger.count - 1)
            while larger[slot] >= 0 { slot = (slot + 1) & (larger.count - 1) }
            larger[slot] = node
        }
        slots = larger
    }

    private func hash(of node: Node) -> UInt64 {
        let record = records[Int(node)]
        let parts = Int(record.a)..<Int(record.a) + Int(record.b)
        switch record.kind {
        case .set:
            var hash = Self.mix(UInt64(Kind.set.rawValue), UInt64(record.b))
            for range in ranges[parts] {
                hash = Self.mix(hash, UInt64(range.lower) << 32 | UInt64(range.upper))
            }
            return hash
        case .union, .intersection:
            var hash = Self.mix(UInt64(record.kind.rawValue), UInt64(record.b))
            for node in operands[parts] { hash = Self.mix(hash, UInt64(UInt32(bitPattern: node))) }
            return hash
        case .literal where record.c == 1: return Self.hash(ofLiteral: scalars[parts])
        default:
            let hash = Self.mix(
                UInt64(record.kind.rawValue), UInt64(UInt32(bitPattern: record.a)))
            return Self.mix(
                hash,
                UInt64(UInt32(bitPattern: record.b)) << 32
                    | UInt64(UInt32(bitPattern: record.c)))
        }
    }

    private static func hash(ofLiteral text: ArraySlice<UInt32>) -> UInt64 {
        var hash: UInt64 = 77
        for scalar in text { hash = mix(hash, UInt64(scalar)) }
        return hash
    }

    private static func mix(_ hash: UInt64, _ value: UInt64) -> UInt64 {
        let product = (hash ^ value &* 0x9E37_79B9_7F4A_7C15) &* 0xD6E8_FEB8_6659_FD93
        return product ^ product >> 32
    }

    private static func sortUnique(_ nodes: inout [Node]) {
        if nodes.count < 2 { return }
        nodes.sort()
        var last = 0
        for index in 1..<nodes.count where nodes[index] != nodes[last] {
            last += 1
            nodes[last] = nodes[index]
        }
        nodes.removeLast(nodes.count - 1 - last)
    }

    /// Whether a sorted list has a member.
    private static func contains(_ nodes: [Node], _ node: Node) -> Bool {
        var low = 0
        var high = nodes.count
        while low < high {
            let middle = (low + high) / 2
            if nodes[middle] < node { low = middle + 1 } else { high = middle }
        }
        return low < nodes.count && nodes[low] == node
    }
}
