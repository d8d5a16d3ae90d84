// SPDX-License-Identifier: Apache-2.0

import JSON

/// What a rule or terminal of a Lark grammar is written as.
indirect enum LarkSyntax: Hashable {
    /// A string; whether its case does not matter.
    case string(String, ignoresCase: Bool)
    /// A regular expression between slashes, its flags, and where it stands.
    case pattern(String, flags: String, place: Int)
    /// One character between two.
    case range(UInt32, UInt32)
    /// A rule, a terminal or a parameter of a template.
    case name(String, place: Int)
    /// A template with arguments.
    case template(String, [LarkSyntax], place: Int)
    /// Tokens of the vocabulary.
    case controls([Int32])
    /// `%json`.
    case schema(JSONValue, place: Int)
    /// `%lark`: the texts of a grammar of its own.
    case grammar(LarkGrammar)
    /// Any run of these texts as they follow each other, or none: `%regex` with substrings.
    case substring([String])
    /// One after the other.
    case sequence([LarkSyntax])
    /// One of them.
    case choice([LarkSyntax])
    /// All of them at once, in terminals.
    case intersection([LarkSyntax])
    /// Anything else, in terminals.
    case complement(LarkSyntax)
    /// Between so many and so many.
    case repetition(LarkSyntax, least: Int, most: Int?)
}

/// A rule, template or terminal of a Lark grammar.
struct LarkDefinition: Hashable {
    /// Its name, in capitals where it is a terminal.
    var name: String
    /// The names that stand for a template's arguments.
    var parameters: [String]
    /// What it derives.
    var syntax: LarkSyntax
    /// The byte where it stands.
    var place: Int
}

/// A Lark grammar as it is written.
struct LarkGrammar: Hashable {
    /// A terminal of another grammar, and where it is imported.
    struct Import: Hashable {
        var common: String
        var place: Int
    }

    /// All rules, templates and terminals.
    var definitions: [LarkDefinition] = []
    /// Terminals from elsewhere that have another name here: `%import common.INT -> NUMBER`.
    var imports: [String: Import] = [:]
    /// What may stand between any two terminals.
    var ignored: [LarkSyntax] = []
    /// Terminals without a text of their own.
    var declared: Set<String> = []
}
