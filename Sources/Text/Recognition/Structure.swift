// SPDX-License-Identifier: Apache-2.0

package import JSON

/// What an answer must look like, put together from texts, expressions, schemas and grammars.
///
/// A value only; ``StructureRecognizer`` reads it.
package indirect enum Structure: Hashable, Sendable {
    /// These bytes.
    case literal(String)

    /// A control token of the vocabulary, which has no text.
    case control(Int32)

    /// A text that the whole expression matches (ECMAScript's syntax).
    case expression(String)

    /// A JSON text that satisfies a schema.
    case schema(JSONValue)

    /// A JSON text whose value is an object.
    case anyObject

    /// A text of the first rule (`root` or `start`) of a grammar, in GBNF or Lark.
    case grammar(String)

    /// One after the other.
    case sequence([Structure])

    /// One of them; those that begin alike are told apart later.
    case choice([Structure])

    /// Between `least` and `most` of them, one after the other; nil for any number.
    case repetition(Structure, least: Int, most: Int?)

    /// Any text in which none of these texts and none of these control tokens appears.
    ///
    /// What follows in the sequence must begin with one of them, so that the text ends where it
    /// stands; the text may also be all that there is if what follows may be empty.
    case freeText(until: [String], orControls: [Int32])
}
