// SPDX-License-Identifier: Apache-2.0

/// Why a text does not satisfy a schema.
package struct SchemaProblem: Hashable, Sendable, CustomStringConvertible {
    /// The pointer of the keyword that is not satisfied; empty where the text is not JSON.
    package let pointer: String
    /// The first byte of the value, or where the text stops being JSON.
    package let offset: Int
    /// What is wrong.
    package let reason: String

    /// All of it, in one line.
    package var description: String {
        "byte \(offset): \(reason)" + (pointer.isEmpty ? "" : " (\(pointer))")
    }
}

/// Says of whole JSON texts whether they satisfy a schema, exactly.
///
/// Numbers are compared as they are written, not as doubles; of equal keys the last counts. A
/// `format` is asserted where ``StringFormat`` knows it. What it cannot decide within its limits is
/// not valid. It keeps automata and tables between texts, so it is not safe to use from two threads
/// at once.
package final class SchemaValidator {
    private let document: SchemaDocument
    private var evaluation: SchemaEvaluation

    /// A validator for the schemas of a document.
    ///
    /// - Parameters:
    ///   - document: what is validated against; kept.
    ///   - limits: bounds the depth of texts, the time and the memory that one may take.
    ///   - assertsFormats: whether a `format` is more than an annotation.
    package init(
        _ document: SchemaDocument, limits: RecognitionLimits = .init(),
        assertsFormats: Bool = true
    ) {
        self.document = document
        evaluation = SchemaEvaluation(document, limits: limits, assertsFormats: assertsFormats)
    }

    /// Whether a text is one JSON value that satisfies a schema.
    ///
    /// - Parameters:
    ///   - text: the whole text; white space around the value is allowed.
    ///   - schema: a schema of the document; the root where nil. Where the document has dynamic
    ///     references, they are resolved as if evaluation began at this schema.
    /// - Returns: whether it is.
    package func accepts(_ text: ArraySlice<UInt8>, at schema: Schema? = nil) -> Bool {
        evaluation.accepts(text, schema ?? document.root)
    }

    /// Whether a text is one JSON value that is known to violate a schema of the document.
    package func rejects(_ text: ArraySlice<UInt8>, at schema: Schema) -> Bool {
        evaluation.rejects(text, schema)
    }

    /// Whether a text is one JSON value that satisfies a schema.
    package func accepts(_ text: String, at schema: Schema? = nil) -> Bool {
        accepts([UInt8](text.utf8)[...], at: schema)
    }

    /// Why a text does not satisfy a schema; nil where it does.
    ///
    /// - Parameters:
    ///   - text: the whole text; white space around the value is allowed.
    ///   - schema: a schema of the document; the root where nil.
    /// - Returns: the first thing that is wrong.
    package func problem(in text: ArraySlice<UInt8>, at schema: Schema? = nil) -> SchemaProblem? {
        if accepts(text, at: schema) { return nil }
        return evaluation.problem(in: text, schema ?? document.root)
    }

    /// About how many bytes are kept between texts.
    package var byteCount: Int { evaluation.byteCount }
}
