// SPDX-License-Identifier: Apache-2.0

/// How much is kept; beyond it the oldest records of the owner who takes most go.
package struct RecordLimits: Hashable, Sendable {
    /// The most records.
    package var maxCount: Int

    /// The most bytes of all records together.
    package var maxByteCount: Int

    /// How long a record is kept.
    package var maxAge: Duration

    /// Limits; a month of what a small office asks, unless stated otherwise.
    package init(
        maxCount: Int = 10_000, maxByteCount: Int = 1 << 30,
        maxAge: Duration = .seconds(30 * 24 * 3600)
    ) {
        self.maxCount = maxCount
        self.maxByteCount = maxByteCount
        self.maxAge = maxAge
    }
}
