// SPDX-License-Identifier: Apache-2.0

/// The identity of somebody who may have many sequences: the holder of a key.
package struct ClientID: Hashable, Sendable {
    /// Any number that no other client has.
    package let rawValue: Int

    /// Creates an identity.
    package init(rawValue: Int) { self.rawValue = rawValue }
}

/// How much work was done for each client, so that the one with the least comes next.
///
/// The work of a client counts by its weight. A client that comes back after a pause cannot claim
/// the work that it did not ask for in between: it starts level with the least served of the
/// others (the virtual token counter of Sheng et al., arXiv:2401.00588).
struct ClientShares: Sendable {
    /// A client with sequences, or one that had some.
    struct Share: Sendable {
        var client: ClientID
        var weight: Double

        /// The work done, divided by the weight.
        var served: Double

        /// The work promised by admission and not yet done, divided by the weight.
        var promised = 0.0
        var sequenceCount = 0

        /// The turns that its prompts have had.
        var turnCount = 0

        /// The places that its sequences have, of the class that was counted last, and whether it
        /// has any sequences of that class.
        var placeCount = 0
        var competes = false
    }

    private(set) var shares: [Share] = []
    private var placeCount = 0
    private var competingWeight = 0.0
    private var indices: [ClientID: Int] = [:]

    /// What the least served client had when the last one came or went.
    private var level = 0.0

    subscript(index: Int) -> Share { shares[index] }

    /// Counts a sequence of a client.
    ///
    /// - Returns: the client's index, valid until its last sequence leaves.
    mutating func join(_ client: ClientID, weight: Double) -> Int {
        if let least = leastServed { level = max(level, least) }
        let index = indices[client] ?? makeIndex(for: client)
        if shares[index].sequenceCount == 0 {
            shares[index].served = max(shares[index].served, level)
        }
        shares[index].weight = weight
        shares[index].sequenceCount += 1
        return index
    }

    /// Counts one more sequence of a client that has some.
    mutating func joinAgain(_ index: Int) { shares[index].sequenceCount += 1 }

    /// Forgets a sequence of a client.
    mutating func leave(_ index: Int) {
        shares[index].sequenceCount -= 1
        if shares.allSatisfy({ $0.sequenceCount == 0 }) { level = max(level, shares[index].served) }
    }

    /// Counts work.
    mutating func charge(_ index: Int, work: Double) {
        shares[index].served += work / shares[index].weight
    }

    /// Counts work that is going to be done.
    mutating func promise(_ index: Int, work: Double) {
        shares[index].promised += work / shares[index].weight
    }

    mutating func forgetPromises() {
        for index in shares.indices { shares[index].promised = 0 }
    }

    mutating func noteTurn(of index: Int) { shares[index].turnCount &+= 1 }

    /// Begins to count the places of a class, of which some are free.
    mutating func forgetPlaces(freeCount: Int) {
        for index in shares.indices {
            shares[index].placeCount = 0
            shares[index].competes = false
        }
        placeCount = freeCount
        competingWeight = 0
    }

    /// Counts a client that has or wants a place.
    mutating func noteCompetitor(_ index: Int) {
        if shares[index].competes { return }
        shares[index].competes = true
        competingWeight += shares[index].weight
    }

    /// Counts a place.
    mutating func notePlace(of index: Int) {
        noteCompetitor(index)
        shares[index].placeCount += 1
        placeCount += 1
    }

    /// Counts a place less; the parts stay as they are.
    mutating func forgetPlace(of index: Int) { shares[index].placeCount -= 1 }

    /// The client's part of the places by weight, at least one.
    func fairPart(of index: Int) -> Int {
        max(1, Int(Double(placeCount) * shares[index].weight / competingWeight))
    }

    /// Whether the client has more than its part.
    func isOverServed(_ index: Int) -> Bool {
        shares[index].placeCount > fairPart(of: index)
    }

    /// Whether the client would have no more than its part with one place more.
    func isUnderServed(_ index: Int) -> Bool {
        shares[index].placeCount < fairPart(of: index)
    }

    /// Whether several clients have sequences.
    var areSeveral: Bool {
        var count = 0
        for share in shares where share.sequenceCount > 0 { count += 1 }
        return count > 1
    }

    private var leastServed: Double? {
        var least: Double?
        for share in shares where share.sequenceCount > 0 {
            least = min(least ?? share.served, share.served)
        }
        return least
    }

    /// Takes the place of a client that is owed nothing, or a new one.
    private mutating func makeIndex(for client: ClientID) -> Int {
        let share = Share(client: client, weight: 1, served: level)
        let old = shares.firstIndex { $0.sequenceCount == 0 && $0.served <= level }
        if let old {
            indices[shares[old].client] = nil
            shares[old] = share
        } else {
            shares.append(share)
        }
        let index = old ?? shares.count - 1
        indices[client] = index
        return index
    }
}
