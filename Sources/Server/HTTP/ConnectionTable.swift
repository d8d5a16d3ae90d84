// SPDX-License-Identifier: Apache-2.0

/// Connections of one kind, and which of them give way when there are too many.
struct ConnectionTable {
    /// A connection and its place.
    private struct Entry {
        let id: Int
        let connection: HTTPConnection
        /// Whether it was told to give way, and is not gone yet.
        var isLeaving = false
    }

    /// So many connections are compared before one of them gives way.
    ///
    /// They are not all, or each of a crowd would cost as much as all of it.
    private static let sampleCount = 64
    /// So many are looked at to find these.
    private static let maxLooks = 4_096

    private var entries: [Entry?] = []
    private var freePlaces: [Int] = []
    private var places: [Int: Int] = [:]
    /// Where the next look begins, so that everybody's turn comes.
    private var cursor = 0
    private var leavingCount = 0
    /// The connections of each network that are not leaving.
    private var activeCounts: [ClientNetwork: Int] = [:]

    var count: Int { places.count }
    /// Without those that are giving way.
    var activeCount: Int { places.count - leavingCount }
    /// All of them.
    var connections: [HTTPConnection] { entries.compactMap { $0?.connection } }

    /// The connections of a network, without those that are giving way.
    func activeCount(of network: ClientNetwork) -> Int { activeCounts[network] ?? 0 }

    mutating func add(_ connection: HTTPConnection, _ id: Int) {
        let entry = Entry(id: id, connection: connection)
        if let place = freePlaces.popLast() {
            entries[place] = entry
            places[id] = place
        } else {
            places[id] = entries.count
            entries.append(entry)
        }
        activeCounts[connection.network, default: 0] += 1
    }

    mutating func remove(_ id: Int) {
        guard let place = places.removeValue(forKey: id), let entry = entries[place] else { return }
        entries[place] = nil
        freePlaces.append(place)
        if entry.isLeaving { leavingCount -= 1 } else { discount(entry.connection.network) }
    }

    private mutating func discount(_ network: ClientNetwork) {
        let count = activeCount(of: network) - 1
        activeCounts[network] = count > 0 ? count : nil
    }

    /// Makes a connection give way that nobody needs; whether there was one.
    ///
    /// Silent ones go first, then those whose header has not come to its end. Of these the network
    /// that has the most gives way, and of its connections the one that has waited the longest.
    ///
    /// - Parameter network: the only one that is to give way; nil for any.
    /// - Returns: whether one was found.
    /// - Complexity: O(1): of many connections only some are compared; with a network O(n), to find its own.
    mutating func makeRoom(of network: ClientNetwork? = nil) -> Bool {
        var idle = sample(of: network)
        var counts: [ClientNetwork: Int] = [:]
        for (place, _) in idle { counts[self.network(at: place), default: 0] += 1 }
        idle.sort { left, right in
            if left.standing.isSilent != right.standing.isSilent { return left.standing.isSilent }
            let leftCount = counts[self.network(at: left.place)] ?? 0
            let rightCount = counts[self.network(at: right.place)] ?? 0
            if leftCount != rightCount { return leftCount > rightCount }
            return left.standing.since < right.standing.since
        }
        for (place, _) in idle where entries[place]?.connection.giveWay() == true {
            entries[place]?.isLeaving = true
            leavingCount += 1
            discount(self.network(at: place))
            return true
        }
        return false
    }

    /// Some of the connections that may give way, the next in turn.
    private mutating func sample(
        of network: ClientNetwork?
    ) -> [(place: Int, standing: ConnectionPhase.Standing)] {
        var found: [(place: Int, standing: ConnectionPhase.Standing)] = []
        // An address at its limit has few, which may be anywhere.
        let maxLooks = network == nil ? Self.maxLooks : entries.count
        for _ in 0..<min(entries.count, maxLooks) {
            cursor = cursor + 1 < entries.count ? cursor + 1 : 0
            guard let entry = entries[cursor], !entry.isLeaving,
                network == nil || entry.connection.network == network,
                let standing = entry.connection.standing
            else { continue }
            found.append((cursor, standing))
            if found.count == Self.sampleCount { break }
        }
        return found
    }

    private func network(at place: Int) -> ClientNetwork {
        guard let entry = entries[place] else { preconditionFailure("nobody at \(place)") }
        return entry.connection.network
    }
}
