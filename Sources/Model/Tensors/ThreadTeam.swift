// SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import Synchronization

/// What the threads of a pool share: the current region, and where they sleep between regions.
///
/// The tasks of each memory node are claimed from a word that holds their end in its high half and
/// the next of them in its low half. One atomic addition therefore yields a task together with the
/// region that it belongs to, so a thread that comes late to an old region finds nothing in it, or
/// helps with the new one; the caller waits for tasks, never for threads.
// Safety: `body` is written only by the caller whose `turn` it is, before it publishes claims with
// release order and after `remaining` has come down to 0; it is read only by a thread that has
// claimed a task and not yet counted it. The rest is atomic or never changes.
@safe final class ThreadTeam: @unchecked Sendable {
    /// How long a thread looks out for the next region before it sleeps: longer than a busy server
    /// takes from one step to the next.
    private static let regionPatience: UInt64 = 1_000_000

    /// How long the caller looks out for the last tasks of the others before it sleeps.
    private static let taskPatience: UInt64 = 200_000

    /// The node of each worker.
    private let nodes: [Int]
    private let nodeCount: Int

    /// The number of regions so far.
    private let generation: UnsafeMutablePointer<SharedWord>
    /// The number of tasks that are not finished.
    private let remaining: UnsafeMutablePointer<SharedWord>
    /// The tasks of each node that nobody has claimed.
    private let claims: UnsafeMutablePointer<SharedWord>

    // Not a `Mutex`: that one is handed from thread to thread, and each of them first has to get a
    // processor.
    private let turn: UnsafeMutablePointer<pthread_mutex_t>
    private let stopping = Atomic<Bool>(false)
    // Not an optional: its closure would be stored in another form, in a new box each time.
    private var body: (Int, Int) -> Void = { _, _ in }

    /// - Parameter nodes: the node of each worker, from 0 on.
    init(nodes: [Int]) {
        self.nodes = nodes
        nodeCount = (nodes.max() ?? 0) + 1
        let words = unsafe UnsafeMutablePointer.allocateWords(2 + nodeCount)
        unsafe generation = words
        unsafe remaining = words + 1
        unsafe claims = words + 2
        unsafe turn = .allocate(capacity: 1)
        unsafe pthread_mutex_init(turn, nil)
    }

    deinit {
        unsafe pthread_mutex_destroy(turn)
        unsafe turn.deallocate()
        unsafe generation.deallocate()
    }

    /// Runs a region on the calling thread and all others.
    ///
    /// - Parameters:
    ///   - ends: where the tasks of each node end and the next node's begin, at least one. Nodes
    ///     past the last have none; tasks of nodes that have no worker count as the last node's.
    ///   - body: runs a task on a worker.
    func run(ends: Span<Int>, _ body: @escaping (Int, Int) -> Void) {
        unsafe pthread_mutex_lock(turn)
        defer { unsafe pthread_mutex_unlock(turn) }
        self.body = body
        let count = ends[ends.count - 1]
        unsafe remaining.pointee.value.store(UInt64(count) << 1, ordering: .relaxed)
        var start = 0
        for node in 0..<nodeCount {
            let end = node < min(ends.count, nodeCount) - 1 ? ends[node] : count
            unsafe claims[node].value.store(
                UInt64(end) << 32 | UInt64(start), ordering: .releasing)
            start = end
        }
        unsafe generation.advance()
        work(worker: 0)
        unsafe remaining.wait(patience: Self.taskPatience) { $0 <= SharedWord.asleep }
        self.body = { _, _ in }
    }

    /// Runs tasks until none is left to claim: those of the worker's node, then those of others.
    private func work(worker: Int) {
        var count = claimTasks(of: nodes[worker], worker: worker)
        for step in 1..<max(nodeCount, 1) {
            let node = (nodes[worker] + step) % nodeCount
            let claim = unsafe claims[node].value.load(ordering: .relaxed)
            if claim & 0xffff_ffff < claim >> 32 { count += claimTasks(of: node, worker: worker) }
        }
        if count > 0 { unsafe remaining.subtract(count) }
    }

    /// Runs tasks of a node until none of them is left.
    ///
    /// - Returns: how many. They are counted later: until then the region is not over.
    private func claimTasks(of node: Int, worker: Int) -> UInt64 {
        var count: UInt64 = 0
        while true {
            let claim = unsafe claims[node].value.wrappingAdd(1, ordering: .acquiringAndReleasing)
                .oldValue
            let task = claim & 0xffff_ffff
            let end = claim >> 32
            guard task < end else { return count }
            perform(Int(task), worker: worker)
            count += 1
            if task + 1 == end { return count }
        }
    }

    /// Runs one task, and holds no reference to the region's body afterwards: once the last task
    /// is counted, the caller may end the body's lifetime.
    @inline(never) private func perform(_ task: Int, worker: Int) {
        body(task, worker)
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
            unsafe generation.wait(patience: Self.regionPatience) { $0 >> 1 != seen }
            if stopping.load(ordering: .acquiring) { return }
            seen = unsafe generation.pointee.value.load(ordering: .acquiring) >> 1
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
