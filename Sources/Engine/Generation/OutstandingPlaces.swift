// SPDX-License-Identifier: Apache-2.0

/// How many places of the queue each accepted request holds, running sequences included.
struct OutstandingPlaces {
    private struct Holder {
        var weight: Int
        var count: Int
    }

    private struct Holding {
        var client: Int
        var count: Int
        var isBackground: Bool
    }

    /// The places of all requests but those of the background.
    private(set) var count = 0

    /// The places of requests of the background, which give way to all others and so keep no place from
    /// them.
    private(set) var backgroundCount = 0

    private var requests: [RequestID: Holding] = [:]
    private var clients: [Int: Holder] = [:]

    /// How many places there are beyond the limit, for clients that have less than their part.
    static func reserve(of limit: Int) -> Int { (limit + 3) / 4 }

    /// How many places the background may have: as many as can run, and as many to come after them.
    ///
    /// The last question that finds one of them free may take more.
    static func background(of maxRunning: Int) -> Int { 2 * maxRunning }

    /// Whether a client may have some places more.
    ///
    /// Beyond the limit there is a reserve for those who would still have no more than their part by
    /// weight: so nobody who fills the queue keeps the others out.
    func hasRoom(for count: Int, of client: Int, weight: Int, limit: Int) -> Bool {
        if self.count + count <= limit { return true }
        guard self.count + count <= limit + Self.reserve(of: limit) else { return false }
        var totalWeight = weight
        for (other, holder) in clients where other != client { totalWeight += holder.weight }
        return (clients[client]?.count ?? 0) + count <= limit * weight / totalWeight
    }

    /// Gives places to a request.
    mutating func take(
        _ count: Int, for id: RequestID, of client: Int, weight: Int, inBackground: Bool = false
    ) {
        requests[id] = Holding(client: client, count: count, isBackground: inBackground)
        if inBackground {
            backgroundCount += count
            return
        }
        self.count += count
        clients[client, default: Holder(weight: weight, count: 0)].count += count
        clients[client]?.weight = weight
    }

    /// Takes back a place of a request, if it still holds any.
    mutating func giveBackOne(of id: RequestID) { giveBack(1, of: id) }

    /// Takes back all places that a request still holds.
    ///
    /// - Returns: whether it held any.
    mutating func giveBackAll(of id: RequestID) -> Bool {
        guard let held = requests[id] else { return false }
        giveBack(held.count, of: id)
        return true
    }

    private mutating func giveBack(_ count: Int, of id: RequestID) {
        guard let held = requests[id] else { return }
        // A part of another request holds none.
        let count = min(count, held.count)
        requests[id]?.count -= count
        if held.count == count { requests[id] = nil }
        if held.isBackground {
            backgroundCount -= count
            return
        }
        self.count -= count
        guard let holder = clients[held.client] else { return }
        clients[held.client] =
            holder.count == count
            ? nil : Holder(weight: holder.weight, count: holder.count - count)
    }
}
