// SPDX-License-Identifier: Apache-2.0

/// The identity of what is cached for all tokens of a sequence up to the end of some block.
///
/// Equal identities mean equal tokens in an equal scope, from position 0 on; never used twice.
package struct PrefixID: Hashable, Sendable {
    let rawValue: UInt64

    /// Its name outside of this process, where prefixes have one.
    var name: PrefixName?

    /// No tokens at all.
    package static let empty = PrefixID(rawValue: 0)

    package static func == (one: PrefixID, other: PrefixID) -> Bool {
        one.rawValue == other.rawValue
    }

    package func hash(into hasher: inout Hasher) { hasher.combine(rawValue) }
}

/// A block, and the name of the prefix that it ends.
package struct NamedBlock: Hashable, Sendable {
    /// The block.
    package let block: Int32

    /// What it ends.
    package let name: PrefixName
}

/// Who may share cached prefixes: sequences find only what was computed in an equal scope.
package struct CacheScope: Hashable, Sendable {
    /// Any text; the empty one is the scope of everybody who has no other.
    package let rawValue: String

    /// What was added to the model for them, apart from the text, which clients choose; empty: nothing.
    package let adapter: String

    /// Creates a scope.
    package init(rawValue: String = "", adapter: String = "") {
        self.rawValue = rawValue
        self.adapter = adapter
    }
}
