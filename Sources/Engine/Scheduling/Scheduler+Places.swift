// SPDX-License-Identifier: Apache-2.0

/// Sharing the places of running sequences among clients.
///
/// A client's part is by its weight, of the places that its priority has got. Whoever has more keeps
/// it while nobody else wants it. Nobody takes a place for what would then be more than its part,
/// and nobody loses one that belongs to its part: so no two clients take places from each other in
/// turns.
extension Scheduler {
    /// Preempts sequences of clients with more than their part of the places, the youngest first,
    /// until those of clients with less than theirs fit.
    ///
    /// Where even that would not make room nobody loses anything. With worst-case admission, which
    /// is meant to compute nothing twice, places are shared only when they become free.
    mutating func makeRoomForShares(into step: inout ScheduledStep) {
        guard configuration.admission == .optimistic, !waiting.isEmpty, clients.areSeveral else {
            return
        }
        guard let priority = waiting.lazy.map(\.priority).min() else { return }
        promiseAdmittedWork()
        while true {
            countPlaces(of: priority)
            guard let index = firstWaiting(of: priority, underServedOnly: true),
                mustMakeRoom(for: waiting[index])
            else { return }
            var hasPlace = false
            while !hasPlace, let victim = overServed(from: 0, priority: priority) {
                clients.forgetPlace(of: running[victim].client)
                preempt(victim, into: &step)
                hasPlace = admit(index, into: &step)
            }
            guard hasPlace else { return }
            sortRunning()
        }
    }

    /// The sequence at or after a place that gives up its blocks: of the lowest class, the youngest
    /// of a client with more than its part of the places, or else the youngest of all.
    mutating func victim(from start: Int = 0) -> Int {
        let last = running.count - 1
        guard clients.areSeveral else { return last }
        countPlaces(of: running[last].priority)
        return overServed(from: start, priority: running[last].priority) ?? last
    }

    /// Takes the blocks of a running sequence, which will be computed again.
    mutating func preempt(_ index: Int, into step: inout ScheduledStep) {
        releaseBlocks(of: index)
        var sequence = running.remove(at: index)
        sequence.wasPreempted = true
        step.preempted.append(sequence.id)
        waiting.append(sequence)
    }

    /// Counts who has how many of the places of a class, and who would like some.
    ///
    /// - Parameters:
    ///   - priority: the class.
    ///   - freeCount: the places that are shared besides.
    mutating func countPlaces(of priority: Int, withFree freeCount: Int = 0) {
        clients.forgetPlaces(freeCount: freeCount)
        // By index, since a copy of a sequence retains its arrays, and this is done in every step.
        for index in running.indices where running[index].priority == priority {
            clients.notePlace(of: running[index].client)
        }
        for index in waiting.indices where waiting[index].priority == priority {
            clients.noteCompetitor(waiting[index].client)
        }
    }

    /// The youngest sequence of a class whose client has more than its part.
    private func overServed(from start: Int, priority: Int) -> Int? {
        running.indices[start...].last {
            running[$0].priority == priority && clients.isOverServed(running[$0].client)
        }
    }

    /// Whether a waiting sequence fits if those are preempted that are beyond their clients' parts,
    /// and not as things are.
    ///
    /// Blocks that it would find in the cache, and those that the preempted ones share, count as if
    /// they had to be free.
    private mutating func mustMakeRoom(for sequence: ScheduledSequence) -> Bool {
        let needed = configuration.blocks(for: sequence.targetCount)
        var room = pool.freeCount
        var count = running.count
        func fits() -> Bool { count < configuration.maxSequences && needed + count <= room }
        if fits() { return false }
        defer { countPlaces(of: sequence.priority) }
        for index in running.indices.reversed()
        where running[index].priority == sequence.priority
            && clients.isOverServed(running[index].client)
        {
            clients.forgetPlace(of: running[index].client)
            count -= 1
            for block in running[index].blockTable[running[index].leftCount...]
            where !pool.isShared(block) {
                room += 1
            }
            if fits() { return true }
        }
        return false
    }
}
