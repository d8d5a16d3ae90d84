// SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import Synchronization

/// Threads that share out the tasks of one parallel region after another.
///
/// The calling thread takes part, so a pool of n threads starts n − 1. Between regions its threads
/// look out for work for a moment and then sleep until there is some: an idle pool takes no
/// processor time.
package final class ThreadPool: Sendable {
    /// The number of threads that work on a region, the calling one included.
    package let threadCount: Int

    private let team: ThreadTeam
    private let threads: [pthread_t]

    /// Starts the threads.
    ///
    /// - Parameters:
    ///   - threadCount: at least 1.
    ///   - pin: whether each started thread stays on one processor of its own. Pinning is for a
    ///     process that has the processors to itself.
    package init(threadCount: Int, pin: Bool = false) {
        precondition(threadCount >= 1, "\(threadCount) threads")
        let processors = pin ? ProcessorTopology.current().processors : []
        let team = ThreadTeam(nodes: [Int](repeating: 0, count: threadCount))
        var threads: [pthread_t] = []
        for worker in 1..<max(threadCount, 1) {
            let place = worker < processors.count ? [processors[worker]] : []
            if let thread = team.startThread(worker: worker, processors: place) {
                threads.append(thread)
            }
        }
        self.team = team
        self.threads = threads
        self.threadCount = threads.count + 1
    }

    deinit {
        team.stop()
        for thread in threads { _ = pthread_join(thread, nil) }
    }

    /// Runs tasks on all threads and returns when all are done.
    ///
    /// Each thread claims the next task when it has finished one. Callers on several threads take
    /// turns.
    ///
    /// - Parameters:
    ///   - count: the number of tasks, below 2³².
    ///   - body: receives a task in `0..<count` and the worker in `0..<threadCount` that runs it;
    ///     no two tasks run at once on one worker. It must not start a region of the same pool.
    package func parallel(count: Int, _ body: (_ task: Int, _ worker: Int) -> Void) {
        precondition(count >= 0 && count < 1 << 32, "\(count) tasks")
        if count <= 1 || threads.isEmpty {
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
    func runRegion(count: Int, by body: @escaping (_ task: Int, _ worker: Int) -> Void) {
        precondition(count >= 0 && count < 1 << 32, "\(count) tasks")
        if count <= 1 || threads.isEmpty {
            for task in 0..<count { body(task, 0) }
            return
        }
        let ends: InlineArray<1, Int> = [count]
        team.run(ends: ends.span, body)
    }
}
