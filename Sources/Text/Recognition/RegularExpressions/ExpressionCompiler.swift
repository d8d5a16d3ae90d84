// SPDX-License-Identifier: Apache-2.0

/// Turns what a pattern says into an expression without assertions.
///
/// It goes from the end of the pattern to its start and carries the expression of all the text that
/// follows. There, an assertion about what follows is an intersection. An assertion about what
/// stands before chooses between the expressions for each thing that may stand there.
struct ExpressionCompiler {
    typealias Node = ExpressionArena.Node

    /// What follows, by what stands before: no text at all, or a code point of a context.
    private struct Rest: Equatable {
        var atStart: Node
        /// By context; empty where it is always the same.
        var after: [Node]
        /// After a code point of what is being compiled; the same as `after` except within a
        /// repetition, where an iteration must not be empty to begin another.
        var then: [Node]

        init(_ node: Node) {
            atStart = node
            after = []
            then = []
        }

        init(atStart: Node, after: [Node], then: [Node]) {
            self.init(atStart)
            // Mostly there is one context, and nothing depends on it.
            if !(after.allSatisfy { $0 == atStart } && then.allSatisfy { $0 == atStart }) {
                self.after = after
                self.then = then
            }
        }

        var isUniform: Bool { after.isEmpty }

        func after(_ context: Int) -> Node { isUniform ? atStart : after[context] }

        func then(_ context: Int) -> Node { isUniform ? atStart : then[context] }
    }

    /// Each makes the expressions longer.
    private static let maxContexts = 16

    private(set) var arena = ExpressionArena()
    private let pattern: String
    private let limits: RecognitionLimits
    /// Sets of code points that no assertion about the code point before tells apart.
    private var contexts: [ScalarSet] = [.all]
    private var steps = 0

    private init(_ pattern: String, _ limits: RecognitionLimits) {
        self.pattern = pattern
        self.limits = limits.begun()
        arena.maxBytes = limits.maxBytes / 4
    }

    /// The expression of the texts in which a pattern is found, or which it matches wholly.
    static func compile(
        _ syntax: ExpressionSyntax, of pattern: String, wholly: Bool, limits: RecognitionLimits
    ) throws(RecognitionError) -> (ExpressionArena, Node) {
        var compiler = ExpressionCompiler(pattern, limits)
        if !syntax.isPlain { try compiler.findContexts(syntax) }
        let root = try compiler.search(syntax, wholly: wholly)
        try compiler.checkLimits()
        return (compiler.arena, root)
    }

    private func checkLimits() throws(RecognitionError) {
        if arena.isExhausted || arena.byteCount > arena.maxBytes || limits.isOverdue {
            throw RecognitionError(
                at: "byte 0", "the pattern is too complex; shorten it, or repeat less in it")
        }
    }

    // MARK: Contexts

    private mutating func findContexts(_ syntax: ExpressionSyntax) throws(RecognitionError) {
        var stack = [syntax]
        var sets: Set<ScalarSet> = []
        while let next = stack.popLast() {
            switch next.shape {
            case .set, .literal, .start, .end, .backReference: break
            case .sequence(let parts), .choice(let parts): stack += parts.filter { !$0.isPlain }
            case .repetition(let body, _, _): stack.append(body)
            case .boundary: sets.insert(.word)
            case .look(let body, let isAhead, _, let place):
                if !isAhead, let set = Self.single(body)?.set { sets.insert(set) }
                if sets.count > Self.maxContexts {
                    throw error("the pattern looks behind in too many ways", at: place)
                }
                stack.append(body)
            }
        }
        for set in sets {
            contexts = contexts.flatMap { context in
                [context.intersection(set), context.intersection(set.complement)]
            }.filter { !$0.isEmpty }
            if contexts.count > Self.maxContexts {
                throw error("the pattern looks behind in too many ways", at: 0)
            }
        }
    }

    /// What is looked for behind where that is one code point or the start of the text.
    private static func single(_ syntax: ExpressionSyntax) -> (orStart: Bool, set: ScalarSet)? {
        switch syntax.shape {
        case .set(let set): return (false, set)
        case .start: return (true, .none)
        case .choice(let choices):
            var result = (orStart: false, set: ScalarSet.none)
            for choice in choices {
                guard let one = single(choice) else { return nil }
                result = (result.orStart || one.orStart, result.set.union(one.set))
            }
            return result
        default: return nil
        }
    }

    // MARK: Search

    private mutating func search(
        _ syntax: ExpressionSyntax, wholly: Bool
    ) throws(RecognitionError) -> Node {
        let end = Rest(wholly ? ExpressionArena.empty : ExpressionArena.everything)
        let alternatives: [ExpressionSyntax]
        if case .choice(let choices) = syntax.shape {
            alternatives = choices
        } else {
            alternatives = [syntax]
        }
        if !alternatives.contains(where: { Self.placeOfLookingFar($0) != nil }) {
            let rest = try compile(syntax, before: end)
            return wholly ? rest.atStart : join(ExpressionArena.everything, rest)
        }
        var found: [Node] = []
        for alternative in alternatives {
            var parts = [alternative]
            if case .sequence(let all) = alternative.shape { parts = all }
            if wholly { parts.insert(ExpressionSyntax(.start), at: 0) }
            found.append(try lookFar(parts[...], before: end))
        }
        return arena.union(found)
    }

    /// The last part of a sequence that looks behind for more than a code point.
    private static func placeOfLookingFar(_ syntax: ExpressionSyntax) -> Int? {
        switch syntax.shape {
        case .look: looksFar(syntax) ? 0 : nil
        case .sequence(let parts): parts.lastIndex(where: looksFar)
        default: nil
        }
    }

    private static func looksFar(_ syntax: ExpressionSyntax) -> Bool {
        if case .look(let body, false, _, _) = syntax.shape { return single(body) == nil }
        return false
    }

    /// Whole texts in which a sequence is found: what stands before the place where it looks
    /// behind is an expression of its own, and must end as that says.
    private mutating func lookFar(
        _ parts: ArraySlice<ExpressionSyntax>, before end: Rest
    ) throws(RecognitionError) -> Node {
        guard let place = parts.lastIndex(where: Self.looksFar),
            case .look(let body, _, let isNegative, let byte) = parts[place].shape
        else {
            let rest = try compile(ExpressionSyntax(.sequence(Array(parts))), before: end)
            return join(ExpressionArena.everything, rest)
        }
        var head = parts[..<place]
        var conditions: [Node] = []
        if let first = head.first, case .start = first.shape {
            // What the text must look like from its start on does not end where looking behind
            // begins.
            while head.count > 1, case .look(_, true, _, _) = head[head.startIndex + 1].shape {
                let ahead = head.remove(at: head.startIndex + 1)
                conditions.append(
                    try compile(ahead, before: Rest(ExpressionArena.everything)).atStart)
            }
        }
        for part in head where Self.looksAhead(part) {
            throw error("looking ahead before looking behind is not supported", at: byte)
        }
        let before = try lookFar(head, before: Rest(ExpressionArena.empty))
        let behind = try compile(body, before: Rest(ExpressionArena.empty))
        let ending = join(ExpressionArena.everything, behind)
        let prefix = arena.intersection([
            before, isNegative ? arena.complement(ending) : ending,
        ])
        let rest = try compile(
            ExpressionSyntax(.sequence(Array(parts[(place + 1)...]))), before: end)
        conditions.append(join(prefix, rest))
        return arena.intersection(conditions)
    }

    /// Whether a part depends on what follows it.
    private static func looksAhead(_ syntax: ExpressionSyntax) -> Bool {
        if syntax.isPlain { return false }
        return switch syntax.shape {
        case .set, .literal, .start: false
        case .end, .boundary, .backReference: true
        case .look(_, let isAhead, _, _): isAhead
        case .sequence(let parts), .choice(let parts): parts.contains(where: looksAhead)
        case .repetition(let body, _, _): looksAhead(body)
        }
    }

    /// The texts that begin with one of an expression's, at the start of all text, and go on as
    /// the rest says.
    private mutating func join(_ prefix: Node, _ rest: Rest) -> Node {
        if rest.isUniform { return arena.concatenation(prefix, rest.atStart) }
        let start = arena.isNullable(prefix) ? rest.atStart : ExpressionArena.nothing
        return arena.union([start, consume(prefix, rest)])
    }

    // MARK: Parts

    private mutating func compile(
        _ syntax: ExpressionSyntax, before rest: Rest
    ) throws(RecognitionError) -> Rest {
        steps += 1
        if steps & 63 == 0 { try checkLimits() }
        if syntax.isPlain {
            if case .sequence(let parts) = syntax.shape {
                var result = rest
                for part in parts.reversed() { result = plain(language(part), before: result) }
                return result
            }
            return plain(language(syntax), before: rest)
        }
        switch syntax.shape {
        case .set, .literal: return rest
        case .sequence(let parts):
            var result = rest
            for part in parts.reversed() { result = try compile(part, before: result) }
            return result
        case .choice(let choices):
            var compiled: [Rest] = []
            for choice in choices { compiled.append(try compile(choice, before: rest)) }
            return union(compiled)
        case .start:
            let never = contexts.map { _ in ExpressionArena.nothing }
            return Rest(atStart: rest.atStart, after: never, then: never)
        case .end:
            return map(rest) { arena, node in
                arena.isNullable(node) ? ExpressionArena.empty : ExpressionArena.nothing
            }
        case .boundary(let isBoundary): return boundary(isBoundary, before: rest)
        case .look(let body, true, let isNegative, _):
            let ahead = try compile(body, before: Rest(ExpressionArena.everything))
            return zip(rest, ahead) { arena, following, seen in
                arena.intersection([following, isNegative ? arena.complement(seen) : seen])
            }
        case .look(let body, false, let isNegative, let place):
            guard let one = Self.single(body) else {
                throw error(
                    "looking behind for more than one character is supported outside of groups only",
                    at: place)
            }
            return behind(one, isNegative: isNegative, before: rest)
        case .backReference(let place):
            throw error("back-references are not supported", at: place)
        case .repetition(let body, let least, let most):
            return try repetition(body, least, most, before: rest)
        }
    }

    /// The texts of what has no assertions.
    private mutating func language(_ syntax: ExpressionSyntax) -> Node {
        switch syntax.shape {
        case .set(let set): return arena.set(set)
        case .literal(let scalars): return arena.literal(scalars)
        case .sequence(let parts):
            var result = ExpressionArena.empty
            for part in parts.reversed() {
                let head = language(part)
                result = arena.concatenation(head, result)
            }
            return result
        case .choice(let choices):
            var nodes: [Node] = []
            nodes.reserveCapacity(choices.count)
            for choice in choices { nodes.append(language(choice)) }
            return arena.union(nodes)
        case .repetition(let body, let least, let most):
            let node = language(body)
            return arena.repetition(node, least, most)
        case .start, .end, .boundary, .look, .backReference: return ExpressionArena.nothing
        }
    }

    /// An expression before a rest.
    private mutating func plain(_ node: Node, before rest: Rest) -> Rest {
        if rest.isUniform { return Rest(arena.concatenation(node, rest.atStart)) }
        let consumed = consume(node, rest)
        guard arena.isNullable(node) else { return Rest(consumed) }
        return map(rest) { arena, node in arena.union([consumed, node]) }
    }

    /// An expression's texts that are not empty, before a rest.
    private mutating func consume(_ node: Node, _ rest: Rest) -> Node {
        var found: [Node] = []
        var targets: [Node] = []
        for context in contexts.indices where !targets.contains(rest.then(context)) {
            targets.append(rest.then(context))
        }
        for target in targets {
            // Contexts before which the same follows are one.
            let same = contexts.indices.filter { rest.then($0) == target }
            let ranges = same.flatMap { contexts[$0].ranges }
            let some =
                targets.count > 1
                ? ending(node, in: ScalarSet(ranges))
                : arena.isNullable(node) ? nonEmpty(node) : node
            found.append(arena.concatenation(some, target))
        }
        return arena.union(found)
    }

    private mutating func map(
        _ rest: Rest, _ transform: (inout ExpressionArena, Node) -> Node
    ) -> Rest {
        let start = transform(&arena, rest.atStart)
        if rest.isUniform { return Rest(start) }
        return Rest(
            atStart: start, after: rest.after.map { transform(&arena, $0) },
            then: rest.then.map { transform(&arena, $0) })
    }

    private mutating func zip(
        _ first: Rest, _ second: Rest, _ transform: (inout ExpressionArena, Node, Node) -> Node
    ) -> Rest {
        let start = transform(&arena, first.atStart, second.atStart)
        if first.isUniform, second.isUniform { return Rest(start) }
        var after: [Node] = []
        var then: [Node] = []
        for context in contexts.indices {
            after.append(transform(&arena, first.after(context), second.after(context)))
            then.append(transform(&arena, first.then(context), second.then(context)))
        }
        return Rest(atStart: start, after: after, then: then)
    }

    private mutating func nonEmpty(_ node: Node) -> Node {
        let record = arena.records[Int(node)]
        if record.kind == .repetition, !arena.isNullable(record.a) {
            return arena.repetition(record.a, max(record.b, 1), record.c)
        }
        let some = arena.concatenation(ExpressionArena.anyScalar, ExpressionArena.everything)
        return node == ExpressionArena.everything ? some : arena.intersection([node, some])
    }

    /// The texts that end with a code point of a set.
    private mutating func ending(_ node: Node, in set: ScalarSet) -> Node {
        let record = arena.records[Int(node)]
        switch record.kind {
        case .nothing, .empty: return ExpressionArena.nothing
        case .set: return arena.set(arena.scalarSet(node).intersection(set))
        case .literal:
            let last = arena.scalars[Int(record.a + record.b) - 1]
            return set.contains(last) ? node : ExpressionArena.nothing
        case .repetition where arena.records[Int(record.a)].kind == .set:
            let last = ending(record.a, in: set)
            let before = arena.repetition(
                record.a, max(0, record.b - 1),
                record.c == ExpressionArena.unbounded ? record.c : record.c - 1)
            return arena.concatenation(before, last)
        default:
            let last = arena.set(set)
            let condition = arena.concatenation(ExpressionArena.everything, last)
            return arena.intersection([node, condition])
        }
    }

    private mutating func boundary(_ isBoundary: Bool, before rest: Rest) -> Rest {
        let word = arena.concatenation(arena.set(.word), ExpressionArena.everything)
        let other = arena.complement(word)
        let (afterWord, afterOther) = isBoundary ? (other, word) : (word, other)
        var conditions: [Node] = []
        for context in contexts {
            let isWord = !context.intersection(.word).isEmpty
            conditions.append(isWord ? afterWord : afterOther)
        }
        return zip(rest, Rest(atStart: afterOther, after: conditions, then: conditions)) {
            arena, following, condition in
            arena.intersection([following, condition])
        }
    }

    private func behind(
        _ one: (orStart: Bool, set: ScalarSet), isNegative: Bool, before rest: Rest
    ) -> Rest {
        let nothing = ExpressionArena.nothing
        var result = Rest(atStart: nothing, after: [], then: [])
        result.atStart = one.orStart != isNegative ? rest.atStart : nothing
        for (index, context) in contexts.enumerated() {
            let isMember = !context.intersection(one.set).isEmpty
            result.after.append(isMember != isNegative ? rest.after(index) : nothing)
            result.then.append(isMember != isNegative ? rest.then(index) : nothing)
        }
        return Rest(atStart: result.atStart, after: result.after, then: result.then)
    }

    private mutating func union(_ rests: [Rest]) -> Rest {
        var result = rests[0]
        if rests.allSatisfy(\.isUniform) {
            result.atStart = arena.union(rests.map(\.atStart))
            return result
        }
        let start = arena.union(rests.map(\.atStart))
        var after: [Node] = []
        var then: [Node] = []
        for context in contexts.indices {
            after.append(arena.union(rests.map { $0.after(context) }))
            then.append(arena.union(rests.map { $0.then(context) }))
        }
        return Rest(atStart: start, after: after, then: then)
    }

    // MARK: Repetition of what has assertions

    private mutating func repetition(
        _ body: ExpressionSyntax, _ least: Int32, _ most: Int32, before rest: Rest
    ) throws(RecognitionError) -> Rest {
        var result = rest
        if most == ExpressionArena.unbounded {
            result = try star(body, before: rest)
        } else {
            for _ in 0..<(most - least) {
                try checkLimits()
                let once = try compile(body, before: result)
                let next = union([rest, once])
                if next == result { break }
                result = next
            }
        }
        for _ in 0..<least {
            try checkLimits()
            let next = try compile(body, before: result)
            if next == result { break }
            result = next
        }
        return result
    }

    /// Any number of iterations, as the solution of an equation for each context.
    ///
    /// What follows is the rest, or an iteration and then what follows. Only iterations that are
    /// not empty matter.
    private mutating func star(
        _ body: ExpressionSyntax, before rest: Rest
    ) throws(RecognitionError) -> Rest {
        let nothing = ExpressionArena.nothing
        var areNullable = contexts.indices.map { arena.isNullable(rest.then($0)) }
        while true {
            let variables = areNullable.map { arena.variable(isNullable: $0) }
            let never = contexts.map { _ in nothing }
            let once = try compile(
                body, before: Rest(atStart: nothing, after: never, then: variables))
            let definitions = contexts.indices.map { context in
                arena.union([rest.then(context), once.after(context)])
            }
            let found = definitions.map { arena.isNullable($0) }
            // An iteration may match the empty text at the end, which is known only now.
            if found != areNullable {
                areNullable = Swift.zip(areNullable, found).map { $0 || $1 }
                continue
            }
            for (variable, definition) in Swift.zip(variables, definitions) {
                arena.define(variable, as: definition)
            }
            let after = contexts.indices.map { context in
                arena.union([rest.after(context), once.after(context)])
            }
            return Rest(
                atStart: arena.union([rest.atStart, once.atStart]), after: after, then: variables)
        }
    }

    private func error(_ reason: String, at place: Int) -> RecognitionError {
        let byte = pattern.unicodeScalars.prefix(place).reduce(0) { $0 + UTF8.width($1) }
        return RecognitionError(at: "byte \(byte)", reason)
    }
}
