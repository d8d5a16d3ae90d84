// SPDX-License-Identifier: Apache-2.0

/// A grammar as one network of positions: each rule is a small automaton whose moves are bytes,
/// terminals, control tokens and calls of rules.
///
/// What can never be completed has been taken out, so that whoever stands at a position can go on
/// to the end.
struct GrammarNetwork {
    /// What a position does.
    enum Kind: UInt8 {
        /// The end of any rule; position 0 and no other.
        case end
        /// Nothing goes on from here.
        case dead
        /// Both `next` and `argument`.
        case fork
        /// A byte from the low to the high byte of `argument`'s lowest two bytes.
        case range
        /// A byte of the set that `argument` numbers.
        case set
        /// The rule that `argument` numbers.
        case call
        /// The terminal that `argument` numbers.
        case terminal
        /// The control token `argument`.
        case control
    }

    /// A place within a rule.
    struct Position {
        var kind: Kind
        var argument: Int32
        /// Where it goes on.
        var next: Int32
    }

    /// A set of bytes.
    typealias ByteSet = SIMD4<UInt64>

    /// All positions; 0 is the end.
    private(set) var positions: [Position]
    /// The sets of bytes that positions use.
    private(set) var sets: [ByteSet]
    /// The rule that each position belongs to.
    private(set) var owners: [Int32]
    /// Where each rule begins.
    private(set) var entries: [Int32]
    /// The rule of the whole text.
    let root: Int32
    /// Whether each rule may derive the empty text.
    private(set) var isNullable: [Bool] = []
    /// The group of rules that begin with each other that each rule belongs to; who calls a rule at
    /// its own beginning comes first, or is in the same group.
    private(set) var groups: [Int32] = []
    /// Whether a rule of the group may begin with a rule of the group: left recursion.
    private(set) var isLeftRecursive: [Bool] = []
    /// The first rules, in order, that cannot derive anything.
    private(set) var unproductive: [Int] = []

    /// Completes a network that a ``GrammarNetworkBuilder`` has drawn, whose terminals may each be
    /// empty, and alive, which is to have a text at all, or not.
    init(
        positions: [Position], sets: [ByteSet], owners: [Int32], entries: [Int32],
        root: Int32, terminals: [(isNullable: Bool, isAlive: Bool)]
    ) {
        self.positions = positions
        self.sets = sets
        self.owners = owners
        self.entries = entries
        self.root = root
        removeDead(terminals.map(\.isAlive))
        removeSilent()
        findNullable(terminals.map(\.isNullable))
        groupLeftCorners()
    }

    /// Whether a byte may come at a position of kind range or set.
    func takes(_ position: Position, _ byte: UInt8) -> Bool {
        if position.kind == .range {
            let low = UInt8(truncatingIfNeeded: position.argument)
            let high = UInt8(truncatingIfNeeded: position.argument >> 8)
            return low <= byte && byte <= high
        }
        let word = sets[Int(position.argument)][Int(byte >> 6)]
        return word >> UInt64(byte & 63) & 1 == 1
    }

    /// About how many bytes the network takes.
    var byteCount: Int {
        positions.count * (MemoryLayout<Position>.stride + 4) + sets.count * 32
    }

    // MARK: Completing

    /// What makes a position true in a least fixed point.
    private enum Premise {
        case always, never
        case one(Int32)
        case either(Int32, Int32)
        case both(Int32, Int32)
    }

    /// The positions that follow from premises, found in time linear in their number.
    private func consequences(_ premise: (Position) -> Premise) -> [Bool] {
        var first = [Int32](repeating: -1, count: positions.count)
        var links: [(dependent: Int32, next: Int32)] = []
        var missing = [UInt8](repeating: 1, count: positions.count)
        var holds = [Bool](repeating: false, count: positions.count)
        var queue: [Int32] = []
        func depend(_ dependent: Int, on position: Int32) {
            links.append((Int32(dependent), first[Int(position)]))
            first[Int(position)] = Int32(links.count - 1)
        }
        for index in positions.indices {
            switch premise(positions[index]) {
            case .always:
                holds[index] = true
                queue.append(Int32(index))
            case .never: break
            case .one(let position): depend(index, on: position)
            case .either(let left, let right):
                depend(index, on: left)
                depend(index, on: right)
            case .both(let left, let right):
                missing[index] = left == right ? 1 : 2
                depend(index, on: left)
                if left != right { depend(index, on: right) }
            }
        }
        while let position = queue.popLast() {
            var link = first[Int(position)]
            while link >= 0 {
                let dependent = Int(links[Int(link)].dependent)
                link = links[Int(link)].next
                guard !holds[dependent] else { continue }
                missing[dependent] -= 1
                if missing[dependent] == 0 {
                    holds[dependent] = true
                    queue.append(Int32(dependent))
                }
            }
        }
        return holds
    }

    /// Takes out the positions from which the end of their rule cannot be reached.
    private mutating func removeDead(_ aliveTerminals: [Bool]) {
        let alive = consequences { position in
            switch position.kind {
            case .end: .always
            case .dead: .never
            case .fork: .either(position.argument, position.next)
            case .range, .set, .control: .one(position.next)
            case .terminal:
                aliveTerminals[Int(position.argument)] ? .one(position.next) : .never
            case .call: .both(entries[Int(position.argument)], position.next)
            }
        }
        for index in positions.indices where !alive[index] {
            positions[index] = Position(kind: .dead, argument: 0, next: 0)
        }
        unproductive = entries.indices.filter { !alive[Int(entries[$0])] }
    }

    /// Ends rules where nothing but the empty text is left of them, so that such a rest does not
    /// keep a call from being the last one of its rule.
    private mutating func removeSilent() {
        let consuming = consequences { position in
            switch position.kind {
            case .end, .dead: .never
            case .fork: .either(position.argument, position.next)
            case .range, .set, .control, .terminal: .always
            case .call: .either(entries[Int(position.argument)], position.next)
            }
        }
        func shortened(_ index: Int32) -> Int32 {
            let isSilent = !consuming[Int(index)] && positions[Int(index)].kind != .dead
            return isSilent ? 0 : index
        }
        for index in positions.indices.dropFirst() {
            positions[index].next = shortened(positions[index].next)
            if positions[index].kind == .fork {
                positions[index].argument = shortened(positions[index].argument)
            }
        }
        entries = entries.map(shortened)
    }

    private mutating func findNullable(_ nullableTerminals: [Bool]) {
        let empty = consequences { position in
            switch position.kind {
            case .end: .always
            case .dead, .range, .set, .control: .never
            case .fork: .either(position.argument, position.next)
            case .terminal:
                nullableTerminals[Int(position.argument)] ? .one(position.next) : .never
            case .call: .both(entries[Int(position.argument)], position.next)
            }
        }
        isNullable = entries.map { empty[Int($0)] }
    }

    /// The rules that each rule may begin with, or a few more: a terminal is taken for one that may
    /// be empty, which only makes groups larger.
    private func leftCorners() -> [[Int32]] {
        var seen = [Bool](repeating: false, count: positions.count)
        return entries.map { entry in
            var corners: [Int32] = []
            var stack = [entry]
            while let index = stack.popLast() {
                guard index > 0, !seen[Int(index)] else { continue }
                seen[Int(index)] = true
                let position = positions[Int(index)]
                switch position.kind {
                case .fork:
                    stack.append(position.argument)
                    stack.append(position.next)
                case .call:
                    corners.append(position.argument)
                    if isNullable[Int(position.argument)] { stack.append(position.next) }
                case .terminal: stack.append(position.next)
                default: break
                }
            }
            return corners
        }
    }

    /// Numbers the strongly connected groups of the left corners (Tarjan), callers first.
    private mutating func groupLeftCorners() {
        let corners = leftCorners()
        var index = [Int32](repeating: -1, count: entries.count)
        var low = [Int32](repeating: 0, count: entries.count)
        var group = [Int32](repeating: -1, count: entries.count)
        var path: [Int32] = []
        var calls: [(rule: Int32, corner: Int)] = []
        var counter: Int32 = 0
        var groupCount: Int32 = 0
        for first in entries.indices where index[first] < 0 {
            calls.append((Int32(first), 0))
            while let call = calls.last {
                let rule = Int(call.rule)
                if call.corner == 0, index[rule] < 0 {
                    index[rule] = counter
                    low[rule] = counter
                    counter += 1
                    path.append(call.rule)
                }
                if call.corner < corners[rule].count {
                    calls[calls.count - 1].corner += 1
                    let corner = Int(corners[rule][call.corner])
                    if index[corner] < 0 {
                        calls.append((Int32(corner), 0))
                    } else if group[corner] < 0 {
                        low[rule] = min(low[rule], index[corner])
                    }
                    continue
                }
                calls.removeLast()
                if let caller = calls.last {
                    low[Int(caller.rule)] = min(low[Int(caller.rule)], low[rule])
                }
                guard low[rule] == index[rule] else { continue }
                while let member = path.popLast() {
                    group[Int(member)] = groupCount
                    if Int(member) == rule { break }
                }
                groupCount += 1
            }
        }
        groups = group.map { groupCount - 1 - $0 }
        isLeftRecursive = entries.indices.map { rule in
            corners[rule].contains { groups[Int($0)] == groups[rule] }
        }
    }
}
