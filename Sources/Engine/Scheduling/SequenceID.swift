// SPDX-License-Identifier: Apache-2.0

/// The identity of a sequence within a scheduler; never used twice.
package struct SequenceID: Hashable, Sendable {
    /// Any number that no other sequence has.
    package let rawValue: UInt64

    /// Creates an identity.
    package init(rawValue: UInt64) { self.rawValue = rawValue }
}
