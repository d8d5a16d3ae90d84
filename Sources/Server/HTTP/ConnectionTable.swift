// SPDX-License-Identifier: Apache-2.0

/// Connections of one kind, and which of them give way when there are too many.
struct ConnectionTable {
    /// Trying more would cost a flood of connections more than it is worth.
    private static let maxAttempts = 64

    private(set) var connections: [Int: HTTPConnection] = [:]
    /// Those told to give way, until they are gone.
    private var leaving: Set<Int> = []

    var count: Int { connections.count }
    /// Without those that are giving way.
    var activeCount: Int { connections.count - leaving.count }

    mutating func add(_ connection: HTTPConnection, _ id: Int) { connections[id] = connection }

    mutating func remove(_ id: Int) {
        connections[id] = nil
        leaving.remove(id)
    }

    /// Makes a connection give way that nobody needs; whether there was one.
    ///
    /// Silent ones go first, then those whose header does not come to its end. Of these the address
    /// that has the most gives way, and of its connections the one that has waited the longest.
    mutating func makeRoom() -> Bool {
        let now = ContinuousClock.now
        var idle: [(id: Int, address: String, standing: ConnectionPhase.Standing)] = []
        var counts: [String: Int] = [:]
        for (id, connection) in connections where !leaving.contains(id) {
            guard let standing = connection.standing(at: now) else { continue }
            idle.append((id, connection.remoteAddress, standing))
            counts[connection.remoteAddress, default: 0] += 1
        }
        idle.sort { left, right in
            if left.standing.isSilent != right.standing.isSilent { return left.standing.isSilent }
            let (leftCount, rightCount) = (counts[left.address] ?? 0, counts[right.address] ?? 0)
            if leftCount != rightCount { return leftCount > rightCount }
            return left.standing.since < right.standing.since
        }
        for (id, _, _) in idle.prefix(Self.maxAttempts)
        where connections[id]?.giveWay(at: now) == true {
            leaving.insert(id)
            return true
        }
        return false
    }
}
