// SPDX-License-Identifier: Apache-2.0

/// A set of texts, written as an expression over code points.
///
/// Made by ``init(ecmaScript:)`` from a pattern, or by combining others. A value that is shared
/// freely; ``LazyAutomaton`` decides membership byte by byte. All texts are valid UTF-8, so a
/// complement, too, has valid texts only.
package struct RegularExpression: Sendable {
    let arena: ExpressionArena
    let root: ExpressionArena.Node
    /// The columns of its automata, where they are known already.
    let columns: ByteColumns?

    init(_ arena: ExpressionArena, _ root: ExpressionArena.Node, columns: ByteColumns? = nil) {
        self.arena = arena
        self.root = root
        self.columns = columns
    }

    // MARK: Patterns

    /// Parses a pattern in the syntax of ECMAScript with the `u` flag, as JSON Schema has it.
    ///
    /// The expression stands for the texts *in which* the pattern is found; `^` and `$` anchor it.
    /// Needless escapes and other spellings that can mean only one thing are understood, too.
    ///
    /// - Throws: an error at a byte of the pattern where it is not one, or where it refers back.
    package init(
        ecmaScript pattern: String, limits: RecognitionLimits = .init()
    ) throws(RecognitionError) {
        let syntax = try ExpressionParser.parse(pattern, limits: limits)
        let (arena, root) = try ExpressionCompiler.compile(
            syntax, of: pattern, wholly: false, limits: limits)
        self.init(arena, root)
    }

    /// Parses such a pattern, which a text must match from its first to its last code point.
    package init(
        wholly pattern: String, limits: RecognitionLimits = .init()
    ) throws(RecognitionError) {
        let syntax = try ExpressionParser.parse(pattern, limits: limits)
        let (arena, root) = try ExpressionCompiler.compile(
            syntax, of: pattern, wholly: true, limits: limits)
        self.init(arena, root)
    }

    /// Whether ECMAScript would take a pattern with the `u` flag.
    package static func isECMAScript(_ pattern: String) -> Bool {
        (try? ExpressionParser.parse(pattern, strictness: .exact, limits: .init())) != nil
    }

    // MARK: Single expressions

    /// Exactly this text.
    package init(literal text: String) {
        var arena = ExpressionArena()
        let root = arena.literal(text.unicodeScalars.map(\.value))
        self.init(arena, root)
    }

    /// One code point of a set.
    package init(_ set: ScalarSet) {
        var arena = ExpressionArena()
        let root = arena.set(set)
        self.init(arena, root)
    }

    /// Any of these texts.
    package init(anyOf texts: some Sequence<String>) {
        var arena = ExpressionArena()
        let nodes = texts.map { arena.literal($0.unicodeScalars.map(\.value)) }
        let root = arena.union(nodes)
        self.init(arena, root)
    }

    /// No text.
    package static let nothing = RegularExpression(ExpressionArena(), ExpressionArena.nothing)

    /// The empty text.
    package static let empty = RegularExpression(ExpressionArena(), ExpressionArena.empty)

    /// Any text.
    package static let anyText = RegularExpression(ExpressionArena(), ExpressionArena.everything)

    // MARK: Combinations

    /// One after the other.
    package static func concatenation(_ parts: [RegularExpression]) -> RegularExpression {
        combine(parts) { arena, nodes in
            nodes.reversed().reduce(ExpressionArena.empty) { arena.concatenation($1, $0) }
        }
    }

    /// The texts of any of them.
    package static func union(_ parts: [RegularExpression]) -> RegularExpression {
        combine(parts) { arena, nodes in arena.union(nodes) }
    }

    /// The texts of all of them.
    package static func intersection(_ parts: [RegularExpression]) -> RegularExpression {
        combine(parts) { arena, nodes in arena.intersection(nodes) }
    }

    /// The texts that are not one of the expression's.
    package var complement: RegularExpression {
        Self.combine([self]) { arena, nodes in arena.complement(nodes[0]) }
    }

    /// Between `least` and `most` times the same; nil for any number.
    package func repeated(_ least: Int, _ most: Int?) -> RegularExpression {
        let limit = Int(ExpressionArena.unbounded) - 1
        let lower = Int32(max(0, min(least, limit)))
        let upper = most.map { Int32(max(0, min($0, limit))) } ?? ExpressionArena.unbounded
        if lower > upper { return .nothing }
        return Self.combine([self]) { arena, nodes in arena.repetition(nodes[0], lower, upper) }
    }

    private static func combine(
        _ parts: [RegularExpression],
        _ body: (inout ExpressionArena, [ExpressionArena.Node]) -> ExpressionArena.Node
    ) -> RegularExpression {
        var arena = parts.first?.arena ?? ExpressionArena()
        var nodes: [ExpressionArena.Node] = []
        for (index, part) in parts.enumerated() {
            nodes.append(index == 0 ? part.root : arena.copy(part.root, from: part.arena))
        }
        let root = body(&arena, nodes)
        return RegularExpression(arena, root)
    }
}
