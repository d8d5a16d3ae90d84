// SPDX-License-Identifier: Apache-2.0

/// How long a peer may still keep what is sent to it waiting.
///
/// It has so much patience to begin with. Waiting for it uses that up, and bytes that it takes win it
/// back at the least rate, but never more than there was: a reader that takes a byte now and then is
/// given up like one that takes none, and a slow but steady one gets all.
package struct ReaderClock: Sendable {
    /// The rate at which a reader may take as long as it needs.
    package static let minBytesPerSecond = 1_024

    /// The patience that is used up.
    private var used = Duration.zero

    /// A clock of a peer that has kept nobody waiting.
    package init() {}

    /// What is left of some patience.
    package func left(of patience: Duration) -> Duration { max(.zero, patience - used) }

    /// Counts a time of waiting, and what the peer took meanwhile.
    package mutating func waited(_ duration: Duration, taken byteCount: Int) {
        let won = Duration.seconds(Double(max(0, byteCount)) / Double(Self.minBytesPerSecond))
        used = max(.zero, used + duration - won)
    }
}
