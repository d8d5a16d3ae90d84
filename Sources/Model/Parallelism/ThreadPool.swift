// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// Threads that share out the tasks of one parallel region after another.
///
/// The calling thread takes part, so a pool of n threads starts n − 1. Between regions its threads
/// look out for work for a moment and then sleep until there is some: an idle pool takes no
/// processor time.
///
/// Several pools may share their threads: then they take turns, so that models that compute at the
/// same time do not take more processors than one.
package final class ThreadPool: Sendable {
    /// The number of threads that work on a region, the calling one included.
    package let threadCount: Int

    /// Where the threads run.
    package let placement: ThreadPlacement

    /// Where the weights belong that the threads read.
    package let weightPlacement: NUMAPlacement

    private let team: ThreadTeam
    private let turns: TeamTurns
    private let party: TeamTurns.Party
    private let threads: [pthread_t]
    private let callerAffinity: AffinityMask?
    /// The pool whose threads these are; nil where they are its own.
    private let owner: ThreadPool?

    /// Starts threads on this machine.
    ///
    /// - Parameters:
    ///   - threadCount: at least 1.
    ///   - pinning: whether threads keep to processors of their own.
    package convenience init(threadCount: Int, pinning: ThreadPlacement.Pinning = .never) {
        precondition(threadCount >= 1, "\(threadCount) threads")
        self.init(
            placement: ThreadPlacement(
                threadCount: threadCount, topology: .current(), memory: .current(),
                pinning: pinning))
    }

    /// Starts threads.
    ///
    /// - Parameter placement: where they run.
    package init(placement: ThreadPlacement) {
        let team = ThreadTeam(nodes: placement.workerNodes)
        var threads: [pthread_t] = []
        for worker in placement.workerNodes.indices.dropFirst() {
            let thread = team.startThread(worker: worker, processors: placement.processors[worker])
            if let thread { threads.append(thread) }
        }
        self.placement = placement
        weightPlacement = NUMAPlacement(placement)
        self.team = team
        turns = TeamTurns()
        party = TeamTurns.Party(share: 1)
        self.threads = threads
        threadCount = threads.count + 1
        let callers = placement.processors[0]
        callerAffinity = callers.isEmpty ? nil : AffinityMask(callers)
        owner = nil
    }

    /// Takes part in the threads of another pool, which it takes turns with.
    ///
    /// - Parameters:
    ///   - pool: the other one, which lives at least as long.
    ///   - share: how much of the time it gets, next to the shares of others that want it, too; the
    ///     other pool's own is 1.
    package init(sharing pool: ThreadPool, share: Int = 1) {
        placement = pool.placement
        weightPlacement = pool.weightPlacement
        team = pool.team
        turns = pool.turns
        party = TeamTurns.Party(share: share)
        threads = []
        threadCount = pool.threadCount
        callerAffinity = pool.callerAffinity
        owner = pool.owner ?? pool
    }

    deinit {
        guard owner == nil else { return }
        team.stop()
        for thread in threads { _ = pthread_join(thread, nil) }
    }

    /// Runs tasks on all threads and returns when all are done.
    ///
    /// Each thread begins with a share of the tasks, and then takes some that others have not begun.
    /// Callers on several threads take turns; see `placeCaller` for a turn of many regions.
    ///
    /// - Parameters:
    ///   - count: the number of tasks, below 2³².
    ///   - body: receives a task in `0..<count` and the worker in `0..<threadCount` that runs it;
    ///     no two tasks run at once on one worker. It must not start a region of the same pool.
    package func parallel(count: Int, _ body: (_ task: Int, _ worker: Int) -> Void) {
        precondition(count >= 0 && count < 1 << 32, "\(count) tasks")
        if count <= 1 || threadCount == 1 {
            for task in 0..<count { body(task, 0) }
            return
        }
        withoutActuallyEscaping(body) { body in
            runRegion(count: count, by: body)
        }
    }

    /// Runs tasks as `parallel(count:_:)` does, by a body that the caller keeps from one region to
    /// the next, so that no region allocates memory.
    ///
    /// - Parameters:
    ///   - count: the number of tasks, below 2³².
    ///   - body: as above.
    package func runRegion(count: Int, by body: @escaping (_ task: Int, _ worker: Int) -> Void) {
        let ends: InlineArray<1, Int> = [count]
        runRegion(ends: ends.span, by: body)
    }

    /// Runs tasks that are sorted by the memory node that their weights lie in: threads take the
    /// tasks of their own node first, and when there are none left those of others.
    ///
    /// - Parameters:
    ///   - ends: for each node of `weightPlacement` the end of its tasks, where those of the next
    ///     begin; ascending, below 2³². The first node's begin at 0.
    ///   - ahead: what the workers read in the next region that reads weights.
    ///   - body: as above.
    package func runRegion(
        ends: Span<Int>, ahead: WeightsAhead? = nil,
        by body: @escaping (_ task: Int, _ worker: Int) -> Void
    ) {
        var count = 0
        for index in ends.indices {
            precondition(ends[index] >= count && ends[index] < 1 << 32, "\(ends[index]) tasks")
            count = ends[index]
        }
        if count <= 1 || threadCount == 1 {
            for task in 0..<count { body(task, 0) }
            return
        }
        if turns.isCallers { return team.run(ends: ends, ahead: ahead, body) }
        turns.take(party)
        team.run(ends: ends, ahead: ahead, body)
        turns.give(party)
    }

    /// The tasks that each worker begins with in a region, as long as others do not take them.
    package func firstTasks(ends: Span<Int>) -> [Range<Int>] {
        var first = [Range<Int>](repeating: 0..<0, count: placement.workerNodes.count)
        team.forEachWorker(ends: ends) { first[$0] = $1 }
        return first
    }

    /// Waits until it is the pool's turn among those that share its threads, and keeps the calling
    /// thread where the pool's first worker belongs, until `releaseCaller`.
    ///
    /// For the time of many regions, such as a step of a model. Threads that the caller starts
    /// meanwhile are kept there too. It must not be called again before.
    ///
    /// - Returns: where the thread was allowed to run; nil where the placement leaves it free.
    package func placeCaller() -> AffinityMask? {
        turns.take(party)
        guard let callerAffinity else { return nil }
        let before = AffinityMask.current()
        callerAffinity.apply()
        return before
    }

    /// Ends the turn, and lets the calling thread run where it was allowed to before `placeCaller`.
    package func releaseCaller(to affinity: AffinityMask?) {
        affinity?.apply()
        turns.give(party)
    }
}
