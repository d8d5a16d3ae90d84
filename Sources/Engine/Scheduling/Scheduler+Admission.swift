// SPDX-License-Identifier: Apache-2.0

extension Scheduler {
    /// Gives blocks to waiting sequences, until the next one finds no place.
    ///
    /// Nothing overtakes a sequence that does not fit, or a long one might wait forever.
    mutating func admit(into step: inout ScheduledStep) {
        if waiting.isEmpty { return }
        promiseAdmittedWork()
        while let index = nextWaiting() {
            guard admit(index, into: &step) else { return }
        }
    }

    /// Preempts lower classes until the most urgent waiting sequence fits, if it outranks any.
    mutating func makeRoomForUrgent(into step: inout ScheduledStep) {
        // Mostly there is one class only, and nothing to look for.
        guard let lowest = running.last?.priority,
            waiting.contains(where: { $0.priority < lowest })
        else { return }
        promiseAdmittedWork()
        while let junior = running.last, let index = nextWaiting(),
            waiting[index].priority < junior.priority
        {
            if !admit(index, into: &step) { preempt(victim(), into: &step) }
            sortRunning()
        }
    }

    /// The waiting sequence that gets the next place: of the lowest priority, a client with less
    /// than its part of the places; of several, the one with the least work done or promised; of
    /// that one, the sequence that is due first.
    private mutating func nextWaiting() -> Int? {
        guard let priority = waiting.lazy.map(\.priority).min() else { return nil }
        countPlaces(of: priority, withFree: 1)
        return firstWaiting(of: priority, underServedOnly: false)
    }

    /// The first waiting sequence of a class whose places were counted.
    func firstWaiting(of priority: Int, underServedOnly: Bool) -> Int? {
        var best: Int?
        for index in waiting.indices where waiting[index].priority == priority {
            if underServedOnly, !clients.isUnderServed(waiting[index].client) { continue }
            guard let chosen = best else {
                best = index
                continue
            }
            if comesFirst(waiting[index], before: waiting[chosen]) { best = index }
        }
        return best
    }

    private func comesFirst(_ one: ScheduledSequence, before other: ScheduledSequence) -> Bool {
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

    /// What each client was admitted with and is still to be computed.
    mutating func promiseAdmittedWork() {
        clients.forgetPromises()
        for index in running.indices where !running[index].isDecoding {
            clients.promise(running[index].client, work: Double(running[index].remainingCount))
        }
    }

    /// Gives blocks to a waiting sequence; false if there is no place for it.
    mutating func admit(_ waitingIndex: Int, into step: inout ScheduledStep) -> Bool {
        guard running.count < configuration.maxSequences else { return false }
        let index = running.count
        running.append(waiting[waitingIndex])
        takeCachedBlocks(for: index)
        guard hasBlocks(for: index) else {
            releaseBlocks(of: index)
            running.removeLast()
            return false
        }
        waiting.swapAt(waitingIndex, waiting.count - 1)
        waiting.removeLast()
        let worstCase = configuration.blocks(for: running[index].worstCaseCount)
        running[index].blockTable.reserveCapacity(worstCase)
        let needed = configuration.blocks(for: running[index].targetCount)
        while running[index].blockTable.count < needed {
            guard let block = pool.allocate() else { preconditionFailure("blocks ran out") }
            running[index].blockTable.append(block)
        }
        clients.promise(running[index].client, work: Double(running[index].remainingCount))
        step.admitted.append(running[index].id)
        return true
    }

    /// Whether the last running sequence may have the blocks that it has not got yet.
    private func hasBlocks(for index: Int) -> Bool {
        switch configuration.admission {
        case .optimistic:
            let target = configuration.blocks(for: running[index].targetCount)
            return target - running[index].blockTable.count + index <= pool.freeCount
        case .worstCase:
            return worstCaseGrowth <= pool.freeCount
        }
    }

    /// The most blocks that the running sequences may still ask for.
    var worstCaseGrowth: Int {
        running.reduce(0) {
            $0 + configuration.blocks(for: $1.worstCaseCount) - $1.blockTable.count
        }
    }

    /// Puts new running sequences where they belong; the others are in order.
    mutating func sortRunning() {
        for index in running.indices.dropFirst() {
            var place = index
            while place > 0, running[place].isSenior(to: running[place - 1]) {
                running.swapAt(place, place - 1)
                place -= 1
            }
        }
    }
}
