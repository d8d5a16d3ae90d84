// SPDX-License-Identifier: Apache-2.0

internal import CKernels
internal import Glibc
internal import Synchronization

/// What the threads of a pool share: the current region, and where they sleep between regions.
///
/// Tasks are claimed from `claims`, which holds the number of tasks in its high half and the next
/// task in its low half. One atomic addition therefore yields a task together with the region that
/// it belongs to, so a thread that comes late to an old region finds nothing in it, or helps with
/// the new one; the caller waits for tasks, never for threads.
// Safety: `body` is written only by the caller that holds `regionLock`, before it publishes
// `claims` with release order and after `remaining` has come down to 0; it is read only by a thread
// that holds an unfinished task. Everything else is atomic or under `sleepLock`.
@safe final class ThreadTeam: @unchecked Sendable {
    /// For how long a thread looks out for work before it sleeps.
    private static let spinNanoseconds: UInt64 = 200_000

    private let claims = Atomic<UInt64>(0)
    private let remaining = Atomic<Int>(0)
    private let generation = Atomic<UInt64>(0)
    private let sleeperCount = Atomic<Int>(0)
    private let callerSleeps = Atomic<Bool>(false)
    private let stopping = Atomic<Bool>(false)
    // Not an optional: its closure would be stored in another form, in a new box each time.
    private var body: (Int, Int) -> Void = { _, _ in }

    private let regionLock: UnsafeMutablePointer<pthread_mutex_t>
    private let sleepLock: UnsafeMutablePointer<pthread_mutex_t>
    private let workArrived: UnsafeMutablePointer<pthread_cond_t>
    private let workDone: UnsafeMutablePointer<pthread_cond_t>

    init() {
        unsafe regionLock = .allocate(capacity: 1)
        unsafe sleepLock = .allocate(capacity: 1)
        unsafe workArrived = .allocate(capacity: 1)
        unsafe workDone = .allocate(capacity: 1)
        unsafe pthread_mutex_init(regionLock, nil)
        unsafe pthread_mutex_init(sleepLock, nil)
        unsafe pthread_cond_init(workArrived, nil)
        unsafe pthread_cond_init(workDone, nil)
    }

    deinit {
        unsafe pthread_cond_destroy(workDone)
        unsafe pthread_cond_destroy(workArrived)
        unsafe pthread_mutex_destroy(sleepLock)
        unsafe pthread_mutex_destroy(regionLock)
        unsafe workDone.deallocate()
        unsafe workArrived.deallocate()
        unsafe sleepLock.deallocate()
        unsafe regionLock.deallocate()
    }

    /// Runs a region on the calling thread and all others.
    func run(count: Int, _ body: @escaping (Int, Int) -> Void) {
        unsafe pthread_mutex_lock(regionLock)
        defer { unsafe pthread_mutex_unlock(regionLock) }
        self.body = body
        remaining.store(count, ordering: .relaxed)
        claims.store(UInt64(count) << 32, ordering: .releasing)
        generation.add(1, ordering: .sequentiallyConsistent)
        if sleeperCount.load(ordering: .sequentiallyConsistent) > 0 {
            unsafe pthread_mutex_lock(sleepLock)
            unsafe pthread_cond_broadcast(workArrived)
            unsafe pthread_mutex_unlock(sleepLock)
        }
        work(worker: 0)
        waitForTasks()
        self.body = { _, _ in }
    }

    /// Runs tasks until none is left to claim.
    private func work(worker: Int) {
        while true {
            let claim = claims.wrappingAdd(1, ordering: .acquiringAndReleasing).oldValue
            let task = Int(claim & 0xffff_ffff)
            guard task < Int(claim >> 32) else { return }
            perform(task, worker: worker)
            if remaining.wrappingSubtract(1, ordering: .sequentiallyConsistent).newValue == 0,
                worker != 0, callerSleeps.load(ordering: .sequentiallyConsistent)
            {
                unsafe pthread_mutex_lock(sleepLock)
                unsafe pthread_cond_signal(workDone)
                unsafe pthread_mutex_unlock(sleepLock)
            }
        }
    }

    /// Runs one task, and holds no reference to the region's body afterwards: once the last task
    /// is counted, the caller may end the body's lifetime.
    @inline(never) private func perform(_ task: Int, worker: Int) {
        body(task, worker)
    }

    private func waitForTasks() {
        if spin(until: { remaining.load(ordering: .acquiring) == 0 }) { return }
        unsafe pthread_mutex_lock(sleepLock)
        callerSleeps.store(true, ordering: .sequentiallyConsistent)
        while remaining.load(ordering: .sequentiallyConsistent) != 0 {
            unsafe pthread_cond_wait(workDone, sleepLock)
        }
        callerSleeps.store(false, ordering: .sequentiallyConsistent)
        unsafe pthread_mutex_unlock(sleepLock)
    }

    /// Waits, politely, for a condition that another thread brings about.
    ///
    /// - Returns: false where it did not come about in time.
    private func spin(until isMet: () -> Bool) -> Bool {
        var deadline: UInt64 = 0
        var round = 0
        while !isMet() {
            // A pause of some tens of nanoseconds at first; then make way for others, since the
            // thread that we wait for may need this processor.
            if round < 64 {
                for _ in 0..<8 { ck_pause() }
            } else {
                sched_yield()
            }
            round += 1
            if round % 32 == 0 {
                let now = Self.nanoseconds()
                if deadline == 0 { deadline = now + Self.spinNanoseconds }
                if now > deadline { return isMet() }
            }
        }
        return true
    }

    private static func nanoseconds() -> UInt64 {
        var time = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    // MARK: Threads

    /// Starts a thread, on one processor where one is given.
    ///
    /// - Returns: nil where the system has no thread to spare.
    func startThread(worker: Int, processor: Int?) -> pthread_t? {
        let start = unsafe Unmanaged.passRetained(ThreadStart(team: self, worker: worker))
        var thread = pthread_t()
        let result = unsafe pthread_create(
            &thread, nil,
            { context in
                guard let context = unsafe context else { return nil }
                let start = unsafe Unmanaged<ThreadStart>.fromOpaque(context).takeRetainedValue()
                start.team.live(worker: start.worker)
                return nil
            }, start.toOpaque())
        guard result == 0 else {
            unsafe start.release()
            return nil
        }
        if let processor { ProcessorTopology.pin(thread, to: processor) }
        return thread
    }

    /// Tells all threads to end.
    func stop() {
        stopping.store(true, ordering: .sequentiallyConsistent)
        generation.add(1, ordering: .sequentiallyConsistent)
        unsafe pthread_mutex_lock(sleepLock)
        unsafe pthread_cond_broadcast(workArrived)
        unsafe pthread_mutex_unlock(sleepLock)
    }

    /// A started thread's life: wait for a region, work on it, and again.
    private func live(worker: Int) {
        var seen: UInt64 = 0
        while true {
            waitForRegion(after: seen)
            if stopping.load(ordering: .acquiring) { return }
            seen = generation.load(ordering: .acquiring)
            work(worker: worker)
        }
    }

    private func waitForRegion(after seen: UInt64) {
        if spin(until: { generation.load(ordering: .acquiring) != seen }) { return }
        unsafe pthread_mutex_lock(sleepLock)
        sleeperCount.add(1, ordering: .sequentiallyConsistent)
        while generation.load(ordering: .sequentiallyConsistent) == seen {
            unsafe pthread_cond_wait(workArrived, sleepLock)
        }
        sleeperCount.subtract(1, ordering: .sequentiallyConsistent)
        unsafe pthread_mutex_unlock(sleepLock)
    }

    /// What a new thread is handed.
    private final class ThreadStart {
        let team: ThreadTeam
        let worker: Int

        init(team: ThreadTeam, worker: Int) {
            self.team = team
            self.worker = worker
        }
    }
}
