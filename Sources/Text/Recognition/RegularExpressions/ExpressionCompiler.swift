// SPDX-License-Identifier: Apache-2.0

/// Turns what a pattern says into an expression without assertions.
///
/// It goes from the end of the pattern to its start and carries the expression of all the text that
/// follows. There, an assertion about what follows is an intersection. An assertion about what
/// stands before chooses between the expressions for each thing that may stand there.
struct ExpressionCompiler {
    typealias Node = ExpressionArena.Node

    /// What follows, by what stands before: no text at all, a code point of `\w` or another.
    private struct Rest: Equatable {
        var atStart: Node
        var afterOther: Node
        var afterWord: Node
        /// What follows after a code point of what is being compiled; the same as the others except
        /// within a repetition, where an iteration must not be empty to begin another.
        var thenOther: Node
        var thenWord: Node

        init(_ node: Node) {
            atStart = node
            afterOther = node
            afterWord = node
            thenOther = node
            thenWord = node
        }

        init(then other: Node, _ word: Node) {
            self.init(ExpressionArena.nothing)
            thenOther = other
            thenWord = word
        }

        var uniform: Node? {
            atStart == afterOther && atStart == afterWord && atStart == thenOther
                && atStart == thenWord ? atStart : nil
        }

        func map(_ transform: (Node) -> Node) -> Rest {
            if let uniform { return Rest(transform(uniform)) }
            var result = self
            result.atStart = transform(atStart)
            result.afterOther = transform(afterOther)
            result.afterWord = transform(afterWord)
            result.thenOther = transform(thenOther)
            result.thenWord = transform(thenWord)
            return result
        }

        func zip(_ other: Rest, _ transform: (Node, Node) -> Node) -> Rest {
            if let uniform, let second = other.uniform { return Rest(transform(uniform, second)) }
            var result = self
            result.atStart = transform(atStart, other.atStart)
            result.afterOther = transform(afterOther, other.afterOther)
            result.afterWord = transform(afterWord, other.afterWord)
            result.thenOther = transform(thenOther, other.thenOther)
            result.thenWord = transform(thenWord, other.thenWord)
            return result
        }
    }

    private(set) var arena = ExpressionArena()
    private let pattern: String
    private var endsInWord: Node?

    private init(_ pattern: String) {
        self.pattern = pattern
    }

    /// The expression of the texts in which a pattern is found, or which it matches wholly.
    static func compile(
        _ syntax: ExpressionSyntax, of pattern: String, wholly: Bool, limits: RecognitionLimits
    ) throws(RecognitionError) -> (ExpressionArena, Node) {
        var compiler = ExpressionCompiler(pattern)
        compiler.arena.maxBytes = limits.maxBytes
        let root =
            wholly
            ? try compiler.compile(syntax, before: Rest(ExpressionArena.empty)).atStart
            : try compiler.search(syntax)
        if compiler.arena.isExhausted || compiler.arena.byteCount > limits.maxBytes {
            throw RecognitionError(at: "", "the pattern is too complex")
        }
        return (compiler.arena, root)
    }

    // MARK: Search

    private mutating func search(_ syntax: ExpressionSyntax) throws(RecognitionError) -> Node {
        var alternatives: [ExpressionSyntax] = [syntax]
        if case .choice(let choices) = syntax.shape, choices.contains(where: Self.looksBehindFirst)
        {
            alternatives = choices
        }
        var found: [Node] = []
        for alternative in alternatives {
            guard Self.looksBehindFirst(alternative),
                let (prefix, rest) = try splitBehind(alternative)
            else {
                let rest = try compile(alternative, before: Rest(ExpressionArena.everything))
                found.append(join(ExpressionArena.everything, rest))
                continue
            }
            let following = try compile(rest, before: Rest(ExpressionArena.everything))
            found.append(join(prefix, following))
        }
        return arena.union(found)
    }

    /// The texts that begin with one of an expression's, at the start of all text, and go on as
    /// the rest says.
    private mutating func join(_ prefix: Node, _ rest: Rest) -> Node {
        if let uniform = rest.uniform { return arena.concatenation(prefix, uniform) }
        let start = arena.isNullable(prefix) ? rest.atStart : ExpressionArena.nothing
        return arena.union([start, consume(prefix, rest)])
    }

    private static func looksBehindFirst(_ syntax: ExpressionSyntax) -> Bool {
        switch syntax.shape {
        case .look(_, let isAhead, _, _): !isAhead
        case .sequence(let parts): parts.first.map(looksBehindFirst) ?? false
        default: false
        }
    }

    /// The texts before an alternative that begins by looking behind, and what follows that.
    private mutating func splitBehind(
        _ syntax: ExpressionSyntax
    ) throws(RecognitionError) -> (Node, ExpressionSyntax)? {
        var parts = [syntax]
        if case .sequence(let all) = syntax.shape { parts = all }
        var conditions: [Node] = []
        while let first = parts.first, case .look(let body, false, let isNegative, _) = first.shape
        {
            let rest = try compile(body, before: Rest(ExpressionArena.empty))
            let ending = join(ExpressionArena.everything, rest)
            conditions.append(isNegative ? arena.complement(ending) : ending)
            parts.removeFirst()
        }
        return (arena.intersection(conditions), ExpressionSyntax(.sequence(parts)))
    }

    // MARK: Parts

    private mutating func compile(
        _ syntax: ExpressionSyntax, before rest: Rest
    ) throws(RecognitionError) -> Rest {
        if arena.byteCount > arena.maxBytes {
            throw RecognitionError(at: "", "the pattern is too complex")
        }
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
            var result = Rest(ExpressionArena.nothing)
            result.atStart = rest.atStart
            return result
        case .end:
            return rest.map {
                arena.isNullable($0) ? ExpressionArena.empty : ExpressionArena.nothing
            }
        case .boundary(let isBoundary): return boundary(isBoundary, before: rest)
        case .look(let body, true, let isNegative, _):
            let ahead = try compile(body, before: Rest(ExpressionArena.everything))
            return rest.zip(ahead) { following, seen in
                arena.intersection([following, isNegative ? arena.complement(seen) : seen])
            }
        case .look(_, false, _, let place):
            throw error("looking behind is supported at the start of a pattern only", at: place)
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
        case .start, .end, .boundary, .look: return ExpressionArena.nothing
        }
    }

    /// An expression before a rest.
    private mutating func plain(_ node: Node, before rest: Rest) -> Rest {
        if let uniform = rest.uniform { return Rest(arena.concatenation(node, uniform)) }
        let consumed = consume(node, rest)
        guard arena.isNullable(node) else { return Rest(consumed) }
        return rest.map { arena.union([consumed, $0]) }
    }

    /// An expression's texts that are not empty, before a rest.
    private mutating func consume(_ node: Node, _ rest: Rest) -> Node {
        if rest.thenOther == rest.thenWord {
            let some = arena.isNullable(node) ? nonEmpty(node) : node
            return arena.concatenation(some, rest.thenOther)
        }
        let word = ending(node, in: .word)
        let other = ending(node, in: .nonWord)
        let first = arena.concatenation(word, rest.thenWord)
        let second = arena.concatenation(other, rest.thenOther)
        return arena.union([first, second])
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
        var result = rest
        result.atStart = arena.intersection([rest.atStart, afterOther])
        result.afterOther = arena.intersection([rest.afterOther, afterOther])
        result.thenOther = arena.intersection([rest.thenOther, afterOther])
        result.afterWord = arena.intersection([rest.afterWord, afterWord])
        result.thenWord = arena.intersection([rest.thenWord, afterWord])
        return result
    }

    private mutating func union(_ rests: [Rest]) -> Rest {
        var result = Rest(ExpressionArena.nothing)
        result.atStart = arena.union(rests.map(\.atStart))
        result.afterOther = arena.union(rests.map(\.afterOther))
        result.afterWord = arena.union(rests.map(\.afterWord))
        result.thenOther = arena.union(rests.map(\.thenOther))
        result.thenWord = arena.union(rests.map(\.thenWord))
        return result
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
                let once = try compile(body, before: result)
                let next = union([rest, once])
                if next == result { break }
                result = next
            }
        }
        for _ in 0..<least {
            let next = try compile(body, before: result)
            if next == result { break }
            result = next
        }
        return result
    }

    /// Any number of iterations, as the solution of an equation.
    ///
    /// What follows is the rest, or an iteration and then what follows. Only iterations that are not empty matter.
    private mutating func star(
        _ body: ExpressionSyntax, before rest: Rest
    ) throws(RecognitionError) -> Rest {
        var isNullable = (arena.isNullable(rest.thenOther), arena.isNullable(rest.thenWord))
        while true {
            let other = arena.variable(isNullable: isNullable.0)
            let word = arena.variable(isNullable: isNullable.1)
            let once = try compile(body, before: Rest(then: other, word))
            let otherDefinition = arena.union([rest.thenOther, once.afterOther])
            let wordDefinition = arena.union([rest.thenWord, once.afterWord])
            let found = (arena.isNullable(otherDefinition), arena.isNullable(wordDefinition))
            // An iteration may match the empty text at the end, which is known only now.
            if found != isNullable {
                isNullable = (isNullable.0 || found.0, isNullable.1 || found.1)
                continue
            }
            arena.define(other, as: otherDefinition)
            arena.define(word, as: wordDefinition)
            var result = Rest(ExpressionArena.nothing)
            result.atStart = arena.union([rest.atStart, once.atStart])
            result.afterOther = arena.union([rest.afterOther, once.afterOther])
            result.afterWord = arena.union([rest.afterWord, once.afterWord])
            result.thenOther = other
            result.thenWord = word
            return result
        }
    }

    private func error(_ reason: String, at place: Int) -> RecognitionError {
        let byte = pattern.unicodeScalars.prefix(place).reduce(0) { $0 + UTF8.width($1) }
        return RecognitionError(at: "byte \(byte)", reason)
    }
}
