// SPDX-License-Identifier: Apache-2.0

package import JSON

/// A JSON Schema as a client sent it, read and with its references resolved.
///
/// Reading is total: what cannot be honoured is an error that names its JSON pointer.
package final class SchemaDocument {
    /// The schema of the whole text.
    package let root: Schema

    /// Reads a schema of any draft from 4 to 2020-12, as `$schema` says (2020-12 unless stated, but
    /// the older spellings are understood where they cannot mean anything else).
    package init(
        _ schema: JSONValue, limits: RecognitionLimits = .init()
    ) throws(RecognitionError) {
        throw RecognitionError(at: "", "not built yet")
    }
}

/// A decimal number of any size, compared exactly: 1, 1.0 and 10e-1 are equal.
package struct ExactNumber: Hashable, Sendable {
    /// Parses the text of a JSON number.
    package init?(_ text: some StringProtocol) { nil }
}

/// A `format` that is checked, by the name that JSON Schema has for it.
package struct StringFormat: Hashable, Sendable {
    /// The format's name.
    package let name: String

    /// The format of that name; nil where it is unknown, and so an annotation only.
    package init?(named name: String) { nil }
}
