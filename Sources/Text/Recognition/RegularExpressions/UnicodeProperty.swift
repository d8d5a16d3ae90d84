// SPDX-License-Identifier: Apache-2.0

/// The sets of code points that `\p{…}` names.
enum UnicodeProperty {
    /// The set of a property: a general category or a binary property.
    static func set(named name: String) -> ScalarSet? {
        switch name {
        case "Any": .all
        case "ASCII": ScalarSet([ScalarRange(0, 0x7F)])
        default: nil
        }
    }
}
