// SPDX-License-Identifier: Apache-2.0

package import JSON

/// A JSON Schema as a client sent it, read and with its references resolved.
///
/// Reading is total: what cannot be honoured is an error that names its JSON pointer. Only what can
/// be reached from the root is read, so a definition that nothing refers to may be wrong.
///
/// Keywords of no draft, such as OpenAPI's `nullable`, are annotations, and so are keywords that are
/// newer than the draft which `$schema` names. Nothing is fetched: of other documents, only the
/// metaschemas of the drafts themselves are known.
package final class SchemaDocument: Sendable {
    /// The schema of the whole text.
    package let root: Schema

    /// All schemas that can be reached from the root, by ``Schema/index``.
    package let schemas: [Schema]

    /// The distinct regular expressions, by ``Schema/Pattern/index``.
    package let patterns: [Schema.Pattern]

    /// Whether any reference depends on how it was reached.
    package let hasDynamicReferences: Bool

    /// A schema within which more others apply to one value than recognizers can read.
    let highest: Schema?

    private let hasReferences: Bool

    /// Reads a schema of any draft from 4 to 2020-12, as `$schema` says (2020-12 unless stated, but
    /// the older spellings are understood where they cannot mean anything else).
    ///
    /// - Parameters:
    ///   - schema: an object or a boolean.
    ///   - limits: bounds for its size and depth and for the time and memory that reading takes.
    /// - Throws: what cannot be honoured, at its pointer.
    package init(
        _ schema: JSONValue, limits: RecognitionLimits = .init()
    ) throws(RecognitionError) {
        var reader = try SchemaReader(schema, limits: limits)
        root = try reader.read()
        schemas = reader.schemas
        patterns = reader.patterns
        highest = reader.highest
        hasReferences = reader.hasReferences
        hasDynamicReferences = reader.hasDynamicReferences
    }

    deinit {
        // Without references, schemas are a tree, which goes by itself.
        guard hasReferences else { return }
        for schema in schemas { schema.disconnect() }
    }
}
