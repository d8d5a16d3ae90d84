// SPDX-License-Identifier: Apache-2.0

/// A context-free grammar whose terminals are bytes, characters, automata, other recognizers, free
/// text and control tokens.
struct Grammar {
    /// A rule: a name and what it derives; alternatives are one choice.
    struct Rule {
        /// What errors call it.
        var name: String

        /// Where it is defined.
        var place: String

        /// What it derives.
        var expression: GrammarExpression
    }

    /// The rules, which expressions name by their index.
    var rules: [Rule] = []

    /// What is read by others, which expressions name by their index.
    var terminals: [GrammarTerminal] = []

    /// The schemas of terminals that are strings, where these allow more than the schema does.
    var documents: [Int: SchemaDocument] = [:]

    /// What the whole text is.
    var root = GrammarExpression.sequence([])
}

/// What a rule of a grammar derives.
indirect enum GrammarExpression {
    /// These bytes.
    case bytes([UInt8])

    /// One character out of these ranges of Unicode scalars, in UTF-8.
    case scalars([ClosedRange<UInt32>])

    /// A rule of the grammar.
    case rule(Int)

    /// A terminal of the grammar.
    case terminal(Int)

    /// A control token.
    case control(Int32)

    /// One after the other.
    case sequence([GrammarExpression])

    /// One of them.
    case choice([GrammarExpression])

    /// Between `least` and `most` of them; nil for any number.
    case repetition(GrammarExpression, least: Int, most: Int?)

    /// Nothing.
    static var empty: GrammarExpression { .sequence([]) }
}
