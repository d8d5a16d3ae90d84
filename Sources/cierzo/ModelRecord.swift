// SPDX-License-Identifier: Apache-2.0

import Foundation

/// A model of the `models` of a configuration file, as it stands there.
package struct ModelRecord: SettingSubject, Equatable {
    /// A manifest, a GGUF file, a packed file or a directory; required.
    package var path: String?
    /// Nil for the model's own.
    package var name: String?
    package var aliases: [String] = []
    /// `NAME=PATH` of each of its adapters.
    package var adapters: [String] = []
    package var priority = 1
    package var isPinned = false
    package var temperature: Double?
    package var maxTokens: Int?
    /// What its engine gets, where that differs from what all get; by the keys of the table of
    /// settings.
    package var limits = Limits()

    /// Values of settings, by key.
    package struct Limits: Equatable, Sendable {
        private var values: [String: SettingValue] = [:]

        /// Nothing that differs.
        package init() {}

        /// The value of a key; nil where it is the same as for all models.
        package subscript(key key: String) -> SettingValue? {
            get { values[key] }
            set { values[key] = newValue }
        }
    }

    /// A record that says nothing.
    package init() {}

    /// A model as flags and variables name it: `NAME=PATH`, or a path.
    package init(_ text: String) {
        if let sign = text.firstIndex(of: "="), sign > text.startIndex,
            !text[..<sign].contains("/")
        {
            name = String(text[..<sign])
            path = String(text[text.index(after: sign)...])
        } else {
            path = text
        }
    }

    /// The record as flags and variables would have it, without what they cannot say.
    package var text: String { (name.map { $0 + "=" } ?? "") + (path ?? "") }

    /// Everything that it says, in one line.
    package var listing: String {
        let rows = ModelTable.rows.compactMap { row -> String? in
            guard let value = row.value(in: self), value != row.defaultValue else { return nil }
            return "\(row.key): \(value)"
        }
        return "{" + rows.joined(separator: ", ") + "}"
    }
}
