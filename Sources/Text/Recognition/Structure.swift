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

    /// A control token as a client names it, and the JSON pointer of the place where it does.
    case controlNamed(ControlName, place: String)

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

    /// What stands between the quotation marks of a JSON string that stands for a text of a
    /// structure, with the escapes that `json.dumps` writes and no others.
    case escaped(Structure)

    /// The text of a string that satisfies a schema, as it is, without quotation marks or escapes;
    /// none of these texts appears in it, so that it may end before one of them.
    case unquoted(schema: JSONValue, without: [String])
}

extension Structure {
    /// A digest of how the texts in it are spelled and of the order of the keys in its schemas,
    /// neither of which equality sees.
    package var spellingDigest: Int {
        var hasher = Hasher()
        spell(into: &hasher)
        return hasher.finalize()
    }

    private func spell(into hasher: inout Hasher) {
        switch self {
        case .control, .anyObject, .controlNamed: break
        case .literal(let text), .expression(let text), .grammar(let text):
            Self.spell(text, into: &hasher)
        case .schema(let schema): Self.spell(schema, into: &hasher)
        case .sequence(let parts), .choice(let parts):
            for part in parts { part.spell(into: &hasher) }
        case .repetition(let part, _, _): part.spell(into: &hasher)
        case .freeText(let texts, _):
            for text in texts { Self.spell(text, into: &hasher) }
        case .escaped(let part): part.spell(into: &hasher)
        case .unquoted(let schema, let texts):
            Self.spell(schema, into: &hasher)
            for text in texts { Self.spell(text, into: &hasher) }
        }
    }

    /// Whether there are more parts and values of schemas in it than a limit.
    ///
    /// - Complexity: O(limit): what is shared in memory is still walked through wherever it stands.
    package func isLarger(than limit: Int) -> Bool {
        var left = limit
        count(&left)
        return left < 0
    }

    private func count(_ left: inout Int) {
        left -= 1
        if left < 0 { return }
        switch self {
        case .literal, .control, .controlNamed, .expression, .anyObject, .grammar, .freeText: break
        case .schema(let schema), .unquoted(let schema, _): schema.count(&left)
        case .sequence(let parts), .choice(let parts):
            for part in parts where left >= 0 { part.count(&left) }
        case .repetition(let part, _, _), .escaped(let part): part.count(&left)
        }
    }

    /// About how many bytes the value takes in memory.
    package var byteCount: Int {
        switch self {
        case .control, .anyObject, .controlNamed: 128
        case .literal(let text), .expression(let text), .grammar(let text): 64 + text.utf8.count
        case .schema(let schema): Self.byteCount(of: schema)
        case .sequence(let parts), .choice(let parts): parts.reduce(64) { $0 + $1.byteCount }
        case .repetition(let part, _, _), .escaped(let part): 64 + part.byteCount
        case .freeText(let texts, let controls):
            texts.reduce(64 + 4 * controls.count) { $0 + 64 + $1.utf8.count }
        case .unquoted(let schema, let texts):
            texts.reduce(Self.byteCount(of: schema)) { $0 + 64 + $1.utf8.count }
        }
    }

    /// Schemas nest no deeper than what they were parsed from.
    private static func byteCount(of value: JSONValue) -> Int {
        switch value {
        case .array(let values): values.reduce(64) { $0 + byteCount(of: $1) }
        case .object(let object):
            object.reduce(64) { $0 + 128 + $1.key.utf8.count + byteCount(of: $1.value) }
        case .string(let text): 64 + text.utf8.count
        case .null, .bool, .integer, .number, .decimal: 64
        }
    }

    private static func spell(_ text: String, into hasher: inout Hasher) {
        for byte in text.utf8 { hasher.combine(byte) }
        hasher.combine(text.utf8.count)
    }

    /// Schemas nest no deeper than what they were parsed from.
    private static func spell(_ value: JSONValue, into hasher: inout Hasher) {
        switch value {
        case .array(let values):
            for value in values { spell(value, into: &hasher) }
        case .object(let object):
            for (key, value) in object {
                spell(key, into: &hasher)
                spell(value, into: &hasher)
            }
        // Equality of values is exact, but for the order of keys.
        case .null, .bool, .integer, .number, .decimal, .string: break
        }
    }
}

extension JSONValue {
    /// Takes how many values there are in it off what is left, and stops where nothing is.
    ///
    /// Schemas nest no deeper than what they were parsed from.
    package func count(_ left: inout Int) {
        left -= 1
        switch self {
        case .array(let values):
            for value in values where left >= 0 { value.count(&left) }
        case .object(let object):
            for (_, value) in object where left >= 0 { value.count(&left) }
        case .null, .bool, .integer, .number, .decimal, .string: break
        }
    }
}
