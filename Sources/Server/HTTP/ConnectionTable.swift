// SPDX-License-Identifier: Apache-2.0

/// Connections of one kind, and which of them give way when there are too many.
struct ConnectionTable {
    /// Trying more would cost a flood of connections more than it is worth.
    private static let maxAttempts = 64

    private(set) var connections: [Int: HTTPConnection] = [:]
    /// Those told to give way, until they are gone.
    private var leaving: Set<Int> = []
    /// The others of each network.
    private var activeCounts: [ClientNetwork: Int] = [:]

    var count: Int { connections.count }
    /// Without those that are giving way.
    var activeCount: Int { connections.count - leaving.count }

    /// The connections of a network, without those that are giving way.
    func activeCount(of network: ClientNetwork) -> Int { activeCounts[network] ?? 0 }

    mutating func add(_ connection: HTTPConnection, _ id: Int) {
        connections[id] = connection
        activeCounts[connection.network, default: 0] += 1
    }

    mutating func remove(_ id: Int) {
        guard let connection = connections.removeValue(forKey: id) else { return }
        if leaving.remove(id) == nil { discount(connection.network) }
    }

    private mutating func discount(_ network: ClientNetwork) {
        let count = activeCount(of: network) - 1
        activeCounts[network] = count > 0 ? count : nil
    }

    /// Makes a connection give way that nobody needs; whether there was one.
    ///
    /// Silent ones go first, then those whose header does not come to its end. Of these the network
    /// that has the most gives way, and of its connections the one that has waited the longest.
    ///
    /// - Parameter network: the only one that is to give way; nil for any.
    /// - Returns: whether there was one.
    mutating func makeRoom(of network: ClientNetwork? = nil) -> Bool {
        let now = ContinuousClock.now
        var idle: [(id: Int, network: ClientNetwork, standing: ConnectionPhase.Standing)] = []
        var counts: [ClientNetwork: Int] = [:]
        for (id, connection) in connections
        where !leaving.contains(id) && (network == nil || connection.network == network) {
            guard let standing = connection.standing(at: now) else { continue }
            idle.append((id, connection.network, standing))
            counts[connection.network, default: 0] += 1
        }
        idle.sort { left, right in
            if left.standing.isSilent != right.standing.isSilent { return left.standing.isSilent }
            let (leftCount, rightCount) = (counts[left.network] ?? 0, counts[right.network] ?? 0)
            if leftCount != rightCount { return leftCount > rightCount }
            return left.standing.since < right.standing.since
        }
        for (id, network, _) in idle.prefix(Self.maxAttempts)
        where connections[id]?.giveWay(at: now) == true {
            leaving.insert(id)
            discount(network)
            return true
        }
        return false
    }
}
