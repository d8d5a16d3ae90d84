// SPDX-License-Identifier: Apache-2.0

/// How many connections a process with so many descriptors may hold.
///
/// A process without descriptors can neither log nor read files, and Swift's runtime aborts where
/// it cannot make a timer; so connections stay well below the limit.
package struct ConnectionLimits: Sendable, Equatable {
    /// Connections that are served.
    package let served: Int
    /// Connections beyond these, of which the header is read and health is answered.
    package let guests: Int

    /// The open connections of any kind, those included that give way but are not closed yet.
    var open: Int { served + 2 * guests }

    /// The limits, at most what was configured.
    package init(configured: Int, descriptors: Int) {
        guests = min(64, max(1, descriptors / 8))
        let others = min(128, descriptors / 4)
        served = min(configured, max(1, descriptors - others - 2 * guests))
    }
}
