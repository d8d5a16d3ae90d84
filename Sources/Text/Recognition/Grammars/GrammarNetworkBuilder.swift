// SPDX-License-Identifier: Apache-2.0

/// Draws the network of a grammar, each expression backwards from where it goes on.
struct GrammarNetworkBuilder {
    private typealias Position = GrammarNetwork.Position

    private let grammar: Grammar
    private let limits: RecognitionLimits
    private var positions = [Position(kind: .end, argument: 0, next: 0)]
    private var owners: [Int32] = [0]
    private var sets: [GrammarNetwork.ByteSet] = []
    private var setNumbers: [GrammarNetwork.ByteSet: Int32] = [:]
    private var entries: [Int32] = []
    /// The rules of the grammar and those made for repetitions; drawn one after the other.
    private var expressions: [GrammarExpression] = []
    private var owner: Int32 = 0

    /// How many positions fit into the limits.
    private var maxPositions: Int { max(1024, limits.maxBytes / 96) }

    private init(_ grammar: Grammar, limits: RecognitionLimits) {
        self.grammar = grammar
        self.limits = limits
    }

    /// The network of a grammar, or an error where it is too large or nests too deeply; `terminals`
    /// says of each terminal whether it may be empty and whether it has a text.
    static func network(
        of grammar: Grammar, terminals: [(isNullable: Bool, isAlive: Bool)],
        limits: RecognitionLimits
    ) throws(RecognitionError) -> GrammarNetwork {
        var builder = GrammarNetworkBuilder(grammar, limits: limits)
        for rule in grammar.rules { _ = builder.addRule(rule.expression) }
        let root = builder.addRule(grammar.root)
        var rule = 0
        while rule < builder.expressions.count {
            builder.owner = Int32(rule)
            let entry = try builder.draw(builder.expressions[rule], to: 0, depth: 0)
            builder.entries.append(entry)
            rule += 1
        }
        return GrammarNetwork(
            positions: builder.positions, sets: builder.sets, owners: builder.owners,
            entries: builder.entries, root: root, terminals: terminals)
    }

    private mutating func addRule(_ expression: GrammarExpression) -> Int32 {
        expressions.append(expression)
        return Int32(expressions.count - 1)
    }

    private mutating func add(
        _ kind: GrammarNetwork.Kind, _ argument: Int32, to next: Int32
    ) throws(RecognitionError) -> Int32 {
        if positions.count & 0xFFF == 0, limits.isOverdue {
            throw RecognitionError(at: "", "the structure takes too long to compile")
        }
        guard positions.count < maxPositions else {
            throw RecognitionError(
                at: "",
                "the structure is too large: its grammar has more than \(maxPositions)"
                    + " positions; shorten its repetitions and texts")
        }
        positions.append(Position(kind: kind, argument: argument, next: next))
        owners.append(owner)
        return Int32(positions.count - 1)
    }

    private mutating func draw(
        _ expression: GrammarExpression, to next: Int32, depth: Int
    ) throws(RecognitionError) -> Int32 {
        guard depth < limits.maxDepth else {
            throw RecognitionError(
                at: "", "the structure nests more than \(limits.maxDepth) levels deep")
        }
        switch expression {
        case .bytes(let bytes): return try draw(bytes[...], to: next)
        case .scalars(let ranges): return try draw(ranges, to: next)
        case .rule(let rule): return try add(.call, Int32(rule), to: next)
        case .terminal(let terminal): return try add(.terminal, Int32(terminal), to: next)
        case .control(let token): return try add(.control, token, to: next)
        case .sequence(let parts):
            var next = next
            for part in parts.reversed() { next = try draw(part, to: next, depth: depth + 1) }
            return next
        case .choice(let options):
            return try drawChoice(options.map { [$0] }, to: next, depth: depth)
        case .repetition(let part, let least, let most):
            return try drawRepetition(part, least, most, to: next, depth: depth)
        }
    }

    private mutating func draw(
        _ bytes: ArraySlice<UInt8>, to next: Int32
    ) throws(RecognitionError) -> Int32 {
        var next = next
        for byte in bytes.reversed() {
            next = try add(.range, Int32(byte) << 8 | Int32(byte), to: next)
        }
        return next
    }

    // MARK: Characters

    private mutating func draw(
        _ ranges: [ClosedRange<UInt32>], to next: Int32
    ) throws(RecognitionError) -> Int32 {
        // The bytes that lead to the same position are one set.
        var leads: [(target: Int32, set: GrammarNetwork.ByteSet)] = []
        var continuations: [Int: Int32] = [:]
        for sequence in UTF8Ranges.sequences(of: ranges) {
            var target = next
            for range in sequence.bytes.dropFirst().reversed() {
                let key = Int(target) << 16 | Int(range.upperBound) << 8 | Int(range.lowerBound)
                if let known = continuations[key] {
                    target = known
                } else {
                    let argument = Int32(range.upperBound) << 8 | Int32(range.lowerBound)
                    target = try add(.range, argument, to: target)
                    continuations[key] = target
                }
            }
            var set = GrammarNetwork.ByteSet()
            for byte in sequence.bytes[0] { set[Int(byte >> 6)] |= 1 << UInt64(byte & 63) }
            if let index = leads.firstIndex(where: { $0.target == target }) {
                leads[index].set |= set
            } else {
                leads.append((target, set))
            }
        }
        guard !leads.isEmpty else { return try add(.dead, 0, to: 0) }
        return try drawForks(leads) { builder, lead throws(RecognitionError) in
            try builder.add(.set, builder.number(of: lead.set), to: lead.target)
        }
    }

    private mutating func number(of set: GrammarNetwork.ByteSet) -> Int32 {
        if let known = setNumbers[set] { return known }
        sets.append(set)
        setNumbers[set] = Int32(sets.count - 1)
        return Int32(sets.count - 1)
    }

    /// A way to each of several positions.
    private mutating func drawForks<Option>(
        _ options: [Option],
        _ draw: (inout Self, Option) throws(RecognitionError) -> Int32
    ) throws(RecognitionError) -> Int32 {
        var entry: Int32 = -1
        for option in options.reversed() {
            let target = try draw(&self, option)
            entry = entry < 0 ? target : try add(.fork, target, to: entry)
        }
        return entry < 0 ? try add(.dead, 0, to: 0) : entry
    }

    // MARK: Choices

    /// The bytes that every text of a sequence begins with, and what follows them.
    private func lead(
        of parts: [GrammarExpression]
    ) -> (bytes: [UInt8], rest: ArraySlice<GrammarExpression>) {
        var bytes: [UInt8] = []
        var rest = parts[...]
        while let part = rest.first {
            if case .bytes(let more) = part {
                bytes += more
                rest = rest.dropFirst()
            } else if case .sequence(let inner) = part {
                guard inner.count + rest.count <= 64 || rest.count == 1 else { break }
                rest = (inner + rest.dropFirst())[...]
            } else {
                break
            }
        }
        return (bytes, rest)
    }

    /// A node of the tree of the bytes with which the options begin.
    private struct Branch {
        var children: [UInt8: Int] = [:]
        var order: [UInt8] = []
        /// What follows after these bytes, for each option that has no more of them.
        var rests: [ArraySlice<GrammarExpression>] = []
    }

    /// Options that begin with the same bytes share them, so that thousands cost no more than few.
    private mutating func drawChoice(
        _ options: [[GrammarExpression]], to next: Int32, depth: Int
    ) throws(RecognitionError) -> Int32 {
        var branches = [Branch()]
        for option in options {
            let lead = lead(of: option)
            var branch = 0
            for byte in lead.bytes {
                if let child = branches[branch].children[byte] {
                    branch = child
                } else {
                    branches[branch].children[byte] = branches.count
                    branches[branch].order.append(byte)
                    branch = branches.count
                    branches.append(Branch())
                }
                guard branches.count < maxPositions else {
                    throw RecognitionError(at: "", "the choice is too large; shorten its texts")
                }
            }
            branches[branch].rests.append(lead.rest)
        }
        // Children come after their parents, so that all are drawn before who leads to them.
        var drawn = [Int32](repeating: 0, count: branches.count)
        for index in branches.indices.reversed() {
            let branch = branches[index]
            var targets: [Int32] = []
            for byte in branch.order {
                let child = drawn[branch.children[byte] ?? 0]
                targets.append(try add(.range, Int32(byte) << 8 | Int32(byte), to: child))
            }
            var canBeDone = false
            for rest in branch.rests {
                if rest.isEmpty {
                    if canBeDone { continue }
                    canBeDone = true
                }
                targets.append(try draw(.sequence(Array(rest)), to: next, depth: depth + 1))
            }
            drawn[index] = try drawForks(targets) { _, target throws(RecognitionError) in target }
        }
        return drawn[0]
    }

    // MARK: Repetitions

    /// How often a small expression is drawn one after the other.
    private static let maxCopies = 1024

    private mutating func drawRepetition(
        _ part: GrammarExpression, _ least: Int, _ most: Int?, to next: Int32, depth: Int
    ) throws(RecognitionError) -> Int32 {
        let (inner, least, most) = Self.flattened(part, max(0, least), most)
        var part = inner
        if let most, most < least { return try add(.dead, 0, to: 0) }
        if most == 0 { return next }
        if least > 1 || (most ?? 1) > 1, !isSmall(part) {
            part = .rule(Int(addRule(part)))
        }
        var next = next
        if let most {
            let optional = most - least
            if optional > Self.maxCopies {
                if !isRule(part) { part = .rule(Int(addRule(part))) }
                next = try draw(counted(part, upTo: optional), to: next, depth: depth + 1)
            } else {
                let done = next
                for _ in 0..<optional {
                    next = try add(.fork, draw(part, to: next, depth: depth + 1), to: done)
                }
            }
        } else {
            let loop = try add(.fork, 0, to: next)
            positions[Int(loop)].argument = try draw(part, to: loop, depth: depth + 1)
            next = loop
        }
        if least > Self.maxCopies {
            if !isRule(part) { part = .rule(Int(addRule(part))) }
            return try draw(counted(part, exactly: least), to: next, depth: depth + 1)
        }
        for _ in 0..<least { next = try draw(part, to: next, depth: depth + 1) }
        return next
    }

    /// A count beyond which there is none in any text.
    private static let endlessCount = 1 << 40

    /// A repetition of a repetition as one, where together they leave out no count.
    private static func flattened(
        _ part: GrammarExpression, _ least: Int, _ most: Int?
    ) -> (part: GrammarExpression, least: Int, most: Int?) {
        var (part, least, most) = (part, least, most)
        while case .repetition(let inner, let innerLeast, let innerMost) = part,
            (0...1).contains(innerLeast), innerMost.map({ $0 >= 1 }) ?? true, most != 0,
            most.map({ $0 >= least }) ?? true
        {
            var product: Int?
            if let innerMost, let most {
                let (count, overflow) = innerMost.multipliedReportingOverflow(by: most)
                product = overflow || count > endlessCount ? nil : count
            }
            (part, least, most) = (inner, innerLeast * least, product)
        }
        return (part, least, most)
    }

    private func isRule(_ expression: GrammarExpression) -> Bool {
        if case .rule = expression { true } else { false }
    }

    private func isSmall(_ expression: GrammarExpression) -> Bool {
        switch expression {
        case .bytes(let bytes): bytes.count <= 4
        case .scalars(let ranges): ranges.count <= 2
        case .rule, .control, .terminal: true
        default: false
        }
    }

    /// `2^0, 2^1, …` of an expression, one rule each.
    private mutating func powers(_ part: GrammarExpression, _ count: Int) -> [GrammarExpression] {
        var powers = [part]
        while powers.count < count {
            let half = powers[powers.count - 1]
            powers.append(.rule(Int(addRule(.sequence([half, half])))))
        }
        return powers
    }

    private mutating func counted(
        _ part: GrammarExpression, exactly count: Int
    ) -> GrammarExpression {
        let powers = powers(part, Int.bitWidth - count.leadingZeroBitCount)
        return .sequence(powers.indices.filter { count >> $0 & 1 == 1 }.map { powers[$0] })
    }

    /// Between 0 and `count`, in rules as few as `count` has bits, each number in one way.
    private mutating func counted(
        _ part: GrammarExpression, upTo count: Int
    ) -> GrammarExpression {
        let powers = powers(part, Int.bitWidth - count.leadingZeroBitCount)
        // fewer[i] is any number below 2^i: one below 2^(i-1), or 2^(i-1) and one below that.
        var fewer: [GrammarExpression] = [.empty]
        for power in powers {
            let half = fewer[fewer.count - 1]
            fewer.append(
                .rule(Int(addRule(.choice([half, .sequence([power, half])])))))
        }
        // 0…count is any number below its highest power, or that power and 0…rest.
        var result = GrammarExpression.empty
        for index in powers.indices where count >> index & 1 == 1 {
            let longer = GrammarExpression.sequence([powers[index], result])
            result = .rule(Int(addRule(.choice([fewer[index], longer]))))
        }
        return result
    }
}
