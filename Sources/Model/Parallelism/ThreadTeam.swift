// SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import Synchronization

/// What the threads of a pool share: the current region, and where they sleep between regions.
///
/// Each worker begins with tasks of its own, one after another, since what lies behind a task in
/// memory is then what its worker reads next; when they are done it takes those that others have
/// not begun, of its own memory node first. One atomic operation on a worker's queue yields tasks
/// together with the region that they belong to, so a thread that comes late to an old region finds
/// nothing in it, or helps with the new one; the caller waits for tasks, never for threads. Who waits
/// reads ahead.
// Safety: `body` is written only by the caller whose turn it is, before it publishes tasks with
// release order and after `remaining` has come down to 0; it is read only by a thread that has
// claimed a task and not yet counted it. The rest is atomic or never changes.
@safe final class ThreadTeam: @unchecked Sendable {
    /// How long a thread looks out for the next region before it sleeps: longer than a busy server
    /// takes from one step to the next.
    private static let regionPatience: UInt64 = 1_000_000

    /// How long the caller looks out for the last tasks of the others before it sleeps.
    private static let taskPatience: UInt64 = 200_000

    private let workerCount: Int
    /// The workers, node by node, and where each node's end.
    private let workersByNode: [Int]
    private let nodeEnds: [Int]
    /// Where each worker's tasks come from: itself, the others of its node, those of other nodes.
    private let sources: [Int]

    /// The number of regions so far whose tasks have all been handed out.
    private let generation: UnsafeMutablePointer<SharedWord>
    /// The number of regions so far of whose tasks some may have been handed out.
    private let begun = Atomic<UInt64>(0)
    /// The number of tasks that are not finished.
    private let remaining: UnsafeMutablePointer<SharedWord>
    /// The tasks of each worker.
    private let queues: UnsafeMutablePointer<WorkQueue>

    private let stopping = Atomic<Bool>(false)
    // Not an optional: its closure would be stored in another form, in a new box each time.
    private var body: (Int, Int) -> Void = { _, _ in }

    /// - Parameter nodes: the node of each worker, from 0 on.
    init(nodes: [Int]) {
        workerCount = nodes.count
        let nodeCount = (nodes.max() ?? 0) + 1
        let workersByNode = nodes.indices.sorted { (nodes[$0], $0) < (nodes[$1], $1) }
        self.workersByNode = workersByNode
        nodeEnds = (0..<nodeCount).map { node in nodes.count { $0 <= node } }
        sources = nodes.indices.flatMap { worker in
            let workers = nodes.indices.map { (worker + $0) % nodes.count }
            return workers.filter { nodes[$0] == nodes[worker] }
                + workers.filter { nodes[$0] != nodes[worker] }
        }
        let words = unsafe UnsafeMutablePointer.allocateWords(2)
        unsafe generation = words
        unsafe remaining = words + 1
        unsafe queues = WorkQueue.allocate(count: nodes.count)
    }

    deinit {
        unsafe generation.deallocate()
        unsafe queues.deallocate()
    }

    /// Runs a region on the calling thread and all others.
    ///
    /// - Parameters:
    ///   - ends: where the tasks of each node end and the next node's begin, at least one. Nodes
    ///     past the last have none; tasks of nodes that have no worker count as the last node's.
    ///   - ahead: what the workers will read in the next region that reads weights; nil: as before.
    ///   - body: runs a task on a worker.
    /// - Precondition: it is the caller's turn.
    func run(
        ends: Span<Int>, ahead: WeightsAhead?, _ body: @escaping (Int, Int) -> Void
    ) {
        self.body = body
        let count = ends[ends.count - 1]
        unsafe remaining.pointee.value.store(UInt64(count) << 1, ordering: .relaxed)
        begun.store(
            unsafe (generation.pointee.value.load(ordering: .relaxed) >> 1) + 1, ordering: .relaxed)
        if let ahead {
            for worker in 0..<workerCount { unsafe queues[worker].publish(ahead, worker: worker) }
        }
        forEachWorker(ends: ends) { worker, tasks in unsafe queues[worker].publish(tasks: tasks) }
        unsafe generation.advance()
        work(worker: 0)
        while unsafe remaining.pointee.value.load(ordering: .relaxed) > SharedWord.asleep,
            unsafe queues[0].readAhead()
        {}
        unsafe remaining.wait(patience: Self.taskPatience) { $0 <= SharedWord.asleep }
        self.body = { _, _ in }
    }

    /// The tasks that each worker begins with: an equal share of its node's, one after another.
    func forEachWorker(ends: Span<Int>, _ body: (_ worker: Int, _ tasks: Range<Int>) -> Void) {
        var start = 0
        var firstWorker = 0
        for node in nodeEnds.indices where nodeEnds[node] > firstWorker {
            let isLast = nodeEnds[node] == workerCount || node >= ends.count - 1
            let count = (isLast ? ends[ends.count - 1] : ends[node]) - start
            let workers = nodeEnds[node] - firstWorker
            for index in 0..<workers {
                body(
                    workersByNode[firstWorker + index],
                    start + count * index / workers..<start + count * (index + 1) / workers)
            }
            start += count
            firstWorker = nodeEnds[node]
        }
    }

    /// Runs tasks until none is left to claim.
    private func work(worker: Int) {
        runTasks(of: worker)
        for step in 1..<max(workerCount, 1) {
            let source = sources[worker * workerCount + step]
            while true {
                let tasks = unsafe queues[source].claimHalf()
                if tasks.isEmpty { break }
                if allTasksAreOut, unsafe queues[worker].offer(tasks) {
                    runTasks(of: worker)
                } else {
                    run(tasks, worker: worker)
                }
            }
        }
    }

    /// Whether nobody's queue will be written before tasks that the caller of this has claimed are
    /// counted.
    ///
    /// They may be of a region whose tasks are just being handed out, where a thread is late. Who
    /// claims a task sees at least as many regions begun as there were when it was handed out.
    private var allTasksAreOut: Bool {
        unsafe generation.pointee.value.load(ordering: .acquiring) >> 1
            == begun.load(ordering: .relaxed)
    }

    // Neither of the next two holds a reference to the region's body while it counts tasks: once
    // the last is counted, the caller may end the body's lifetime. Until then the region is not over.

    /// Runs what is left of a worker's tasks, and counts them.
    private func runTasks(of worker: Int) {
        let count = claimAndRun(worker: worker)
        if count > 0 { unsafe remaining.subtract(count) }
    }

    @inline(never) private func claimAndRun(worker: Int) -> UInt64 {
        guard var task = unsafe queues[worker].claim() else { return 0 }
        let body = self.body
        var count: UInt64 = 0
        while true {
            body(task, worker)
            count += 1
            guard let next = unsafe queues[worker].claim() else { return count }
            task = next
        }
    }

    /// Runs tasks that are claimed, and counts them.
    private func run(_ tasks: Range<Int>, worker: Int) {
        perform(tasks, worker: worker)
        unsafe remaining.subtract(UInt64(tasks.count))
    }

    @inline(never) private func perform(_ tasks: Range<Int>, worker: Int) {
        for task in tasks { body(task, worker) }
    }

    // MARK: Threads

    /// Starts a thread, on some processors where they are given.
    ///
    /// - Returns: nil where the system has no thread to spare.
    func startThread(worker: Int, processors: [Int]) -> pthread_t? {
        let start = unsafe Unmanaged.passRetained(
            ThreadStart(team: self, worker: worker, processors: processors))
        var thread = pthread_t()
        let result = unsafe pthread_create(
            &thread, nil,
            { context in
                guard let context = unsafe context else { return nil }
                let start = unsafe Unmanaged<ThreadStart>.fromOpaque(context).takeRetainedValue()
                if !start.processors.isEmpty { AffinityMask(start.processors).apply() }
                start.team.live(worker: start.worker)
                return nil
            }, start.toOpaque())
        guard result == 0 else {
            unsafe start.release()
            return nil
        }
        return thread
    }

    /// Tells all threads to end; no region may run.
    func stop() {
        stopping.store(true, ordering: .releasing)
        unsafe generation.advance()
    }

    /// A started thread's life: wait for a region, work on it, and again.
    private func live(worker: Int) {
        var seen: UInt64 = 0
        while true {
            while unsafe generation.pointee.value.load(ordering: .relaxed) >> 1 == seen,
                unsafe queues[worker].readAhead()
            {}
            unsafe generation.wait(patience: Self.regionPatience) { $0 >> 1 != seen }
            // In this order: who stops the team first says so and then moves the generation on. A
            // generation that is read here before it was moved still differs afterwards, and one
            // that is read after it comes with the word to stop. The other way round a thread that
            // is late here takes that last generation for a region, and waits for the next forever.
            seen = unsafe generation.pointee.value.load(ordering: .acquiring) >> 1
            if stopping.load(ordering: .acquiring) { return }
            work(worker: worker)
        }
    }

    /// What a new thread is handed.
    private final class ThreadStart {
        let team: ThreadTeam
        let worker: Int
        let processors: [Int]

        init(team: ThreadTeam, worker: Int, processors: [Int]) {
            self.team = team
            self.worker = worker
            self.processors = processors
        }
    }
}
