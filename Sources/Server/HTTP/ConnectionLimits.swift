// SPDX-License-Identifier: Apache-2.0

/// How many connections a process with so many descriptors may hold.
///
/// A process without descriptors can neither log nor read files, and Swift's runtime aborts where
/// it cannot make a timer; so connections stay well below the limit.
package struct ConnectionLimits: Sendable, Equatable {
    /// More than a machine has clients for whom it could compute: whoever holds connections that do
    /// nothing should run out of them first.
    private static let enough = 16_384

    /// Connections that are served.
    package let served: Int
    /// Connections beyond these, of which the header is read and health is answered.
    package let guests: Int
    /// Connections of one address that are served.
    package let servedPerAddress: Int
    /// Guests of an address that has as many connections as it may.
    var guestsPerAddress: Int { max(1, guests / 8) }

    /// The open connections of any kind, those included that give way but are not closed yet.
    var open: Int { served + 2 * guests }

    /// The limits, at most what was configured.
    ///
    /// - Parameters:
    ///   - configured: connections in all; nil for as many as the descriptors allow, within reason.
    ///   - perAddress: connections of one address; nil for half of all.
    ///   - descriptors: the files and sockets that the process may have open.
    package init(configured: Int?, perAddress: Int? = nil, descriptors: Int) {
        guests = min(64, max(1, descriptors / 8))
        let others = min(128, descriptors / 4)
        served = min(configured ?? Self.enough, max(1, descriptors - others - 2 * guests))
        servedPerAddress = min(perAddress ?? max(1, served / 2), served)
    }
}
