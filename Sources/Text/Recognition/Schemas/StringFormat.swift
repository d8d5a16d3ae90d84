// SPDX-License-Identifier: Apache-2.0

/// A `format` that is checked, by the name that JSON Schema has for it.
package struct StringFormat: Hashable, Sendable {
    /// The format's name.
    package let name: String

    /// The format of that name; nil where it is unknown, and so an annotation only.
    package init?(named name: String) { nil }
}
