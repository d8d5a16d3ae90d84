// SPDX-License-Identifier: Apache-2.0

/// The sequences that have no blocks, and which of them comes next.
///
/// Lower priorities come before higher ones; then clients with less than their part of the places;
/// then the client that has had the least work done or promised; then the sequence that is due
/// first.
struct WaitingQueue: Sendable {
    /// In no order.
    private(set) var sequences: [ScheduledSequence] = []

    var isEmpty: Bool { sequences.isEmpty }
    var count: Int { sequences.count }

    /// The lowest priority that waits.
    var firstPriority: Int? { sequences.lazy.map(\.priority).min() }

    mutating func append(_ sequence: ScheduledSequence) { sequences.append(sequence) }

    mutating func remove(at index: Int) {
        sequences.swapAt(index, sequences.count - 1)
        sequences.removeLast()
    }

    /// The first sequence of a class whose places were counted.
    ///
    /// - Parameters:
    ///   - priority: the class.
    ///   - clients: whose places were counted, and whose work.
    ///   - underServedOnly: whether only those count whose clients have less than their part.
    /// - Returns: its index.
    func first(of priority: Int, _ clients: ClientShares, underServedOnly: Bool = false) -> Int? {
        var best: Int?
        for index in sequences.indices where sequences[index].priority == priority {
            if underServedOnly, !clients.isUnderServed(sequences[index].client) { continue }
            guard let chosen = best else {
                best = index
                continue
            }
            if comesFirst(index, before: chosen, clients) { best = index }
        }
        return best
    }

    private func comesFirst(_ index: Int, before otherIndex: Int, _ clients: ClientShares) -> Bool {
        let (one, other) = (sequences[index], sequences[otherIndex])
        if one.client != other.client {
            let isUnderServed = clients.isUnderServed(one.client)
            if isUnderServed != clients.isUnderServed(other.client) { return isUnderServed }
            let (share, otherShare) = (clients[one.client], clients[other.client])
            let work = share.served + share.promised
            let otherWork = otherShare.served + otherShare.promised
            if work != otherWork { return work < otherWork }
        }
        if one.dueTime != other.dueTime { return one.dueTime < other.dueTime }
        return one.arrival < other.arrival
    }
}
