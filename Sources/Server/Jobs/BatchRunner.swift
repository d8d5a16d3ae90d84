// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Synchronization

/// Works on batches whenever there are some: a few at a time, each of another owner where there are
/// several.
///
/// What is asked to stop is done when it has stopped; what a killed process was at is taken up by the
/// next one.
package final class BatchRunner: Sendable {
    /// Answers a line.
    package typealias Answering = @Sendable (BatchTask) async -> BatchAnswer

    private struct State {
        var runs: [String: BatchRun] = [:]
        var isStopped = false
        var wakeUp: CheckedContinuation<Void, Never>?
        /// Whether something has come up since it was last looked.
        var isDue = true
        var loop: Task<Void, Never>?
        /// Whether ends are being told, may be to tell, and are to be told later.
        var isTelling = false
        var mayTell = true
        var nextNotice: Int?
        /// Batches that failed by no fault of theirs, and rest.
        var failures: [String: Failure] = [:]
        /// When work for an owner has ended last.
        var lastServed: [String: ContinuousClock.Instant] = [:]
        /// Batches whose keys have to wait for long, and until when.
        var paused: [String: ContinuousClock.Instant] = [:]
    }

    private struct Failure {
        /// How often, one time after the other.
        var count: Int
        let time = ContinuousClock.now

        /// When the batch is taken up again: each time it rests for twice as long, unless it only has
        /// to end.
        func end(isEnding: Bool) -> ContinuousClock.Instant {
            time + BatchRunner.rest * (isEnding ? 1 : 1 << min(count - 1, 4))
        }
    }

    /// How long a batch rests after the disk has failed it.
    private static let rest = Duration.seconds(30)

    /// After so much time, an owner's batch makes room for that of one who has none running.
    private static let turn = Duration.seconds(600)

    private let store: BatchStore
    private let lineCount: @Sendable () -> Int
    private let judge: @Sendable (StoredBatch, String?) -> BatchFault?
    private let answer: Answering
    private let notifier: BatchNotifier?
    private let report: @Sendable (String) -> Void
    private let state = Mutex(State())

    /// Works on the batches of a store from ``start()`` on.
    ///
    /// - Parameters:
    ///   - store: the batches.
    ///   - lineCount: how many lines may be under way at the same time.
    ///   - judge: says what is wrong with the model of that name, for lines of a batch.
    ///   - notifier: tells whoever wants to know that a batch has ended; nil: nobody does.
    ///   - report: is told of what went wrong by nobody's fault.
    ///   - answer: answers a line.
    package init(
        _ store: BatchStore, lineCount: @escaping @Sendable () -> Int,
        judge: @escaping @Sendable (StoredBatch, String?) -> BatchFault? = { _, _ in nil },
        notifier: BatchNotifier? = nil, report: @escaping @Sendable (String) -> Void = { _ in },
        answer: @escaping Answering
    ) {
        self.store = store
        self.lineCount = lineCount
        self.judge = judge
        self.notifier = notifier
        self.report = report
        self.answer = answer
    }

    /// Begins to work.
    package func start() {
        store.listen { [weak self] in self?.wake() }
        let loop = Task.detached { [weak self, store, report] in
            await Self.onDisk { store.removeOldWork(report) }
            while let runner = self, await runner.look() {}
        }
        state.withLock { $0.loop = loop }
    }

    /// Stops all work at the next point from which it can be taken up, and returns when it has stopped.
    package func stop() async {
        store.listen(nil)
        let (runs, loop) = state.withLock { state in
            state.isStopped = true
            return (Array(state.runs.values), state.loop)
        }
        for run in runs { run.stop(.restart) }
        wake()
        await loop?.value
        for run in runs { await run.end() }
    }

    private func wake() {
        let waiting = state.withLock { state in
            state.isDue = true
            defer { state.wakeUp = nil }
            return state.wakeUp
        }
        waiting?.resume()
    }

    /// Looks at what there is to do, begins it, and waits until there may be something else.
    ///
    /// - Returns: false after a stop.
    private func look() async -> Bool {
        state.withLock { $0.isDue = false }
        var due = await Self.onDisk { [self] in self.begin() }
        if state.withLock({ $0.isStopped }) { return false }
        tellEnds()
        if let next = state.withLock({ $0.nextNotice }) { due = min(due, next) }
        let seconds = max(1, due - store.unixTime())
        let sleeper = Task.detached { [weak self] in
            try? await Task.sleep(for: .seconds(seconds))
            if !Task.isCancelled { self?.wake() }
        }
        await withCheckedContinuation { continuation in
            let isDue = state.withLock { state in
                if !state.isDue { state.wakeUp = continuation }
                return state.isDue
            }
            if isDue { continuation.resume() }
        }
        sleeper.cancel()
        return !state.withLock { $0.isStopped }
    }

    /// Has ends told beside the work: whoever is told may be slow.
    private func tellEnds() {
        guard let notifier else { return }
        let now = store.unixTime()
        let isFirst = state.withLock { state in
            let isDue = state.mayTell || state.nextNotice.map { $0 <= now } ?? false
            guard isDue, !state.isTelling else { return false }
            (state.isTelling, state.mayTell, state.nextNotice) = (true, false, nil)
            return true
        }
        guard isFirst else { return }
        Task.detached { [self] in
            let next = await notifier.tellEnds(of: store)
            let isWanted = state.withLock { state in
                state.isTelling = false
                state.nextNotice = next
                return next != nil || state.mayTell
            }
            if isWanted { wake() }
        }
    }

    /// Begins what there is room for, and stops what is to end.
    ///
    /// - Returns: when it is to be looked again at the latest, in seconds since 1970.
    private func begin() -> Int {
        let now = store.unixTime()
        var due = now + 3600
        let batches: [StoredBatch]
        do throws(BatchRefusal) {
            batches = try store.unfinished()
        } catch {
            report("batches cannot be read, and will be later: \(error)")
            return now + 30
        }
        var owners: [String: Int] = [:]
        for run in state.withLock({ Array($0.runs.values) }) {
            owners[run.batch.order.owner, default: 0] += 1
        }
        for batch in batches {
            if let run = state.withLock({ $0.runs[batch.id] }) {
                if batch.status == .cancelling {
                    run.stop(.end(.cancelled))
                } else if batch.expiresAt <= now {
                    run.stop(.end(.expired))
                }
            }
            if batch.expiresAt > now { due = min(due, batch.expiresAt) }
        }
        // First those of owners that have none running and have waited longest, then the oldest.
        let lastServed = state.withLock { state in
            let owners = Set(batches.map(\.order.owner))
            let ids = Set(batches.map(\.id))
            state.lastServed = state.lastServed.filter { owners.contains($0.key) }
            state.failures = state.failures.filter { ids.contains($0.key) }
            return state.lastServed
        }
        let waiting = batches.enumerated().filter { _, batch in
            state.withLock { state in
                state.runs[batch.id] == nil
                    && state.failures[batch.id].map { $0.end(isEnding: isEnding(batch)) <= .now }
                        ?? true
                    && (isEnding(batch) || state.paused[batch.id].map { $0 <= .now } ?? true)
            }
        }.sorted { one, other in
            let (first, second) = (one.element.order.owner, other.element.order.owner)
            if owners[first] != owners[second] {
                return (owners[first] ?? 0) < (owners[second] ?? 0)
            }
            if lastServed[first] != lastServed[second] {
                guard let end = lastServed[second] else { return false }
                return lastServed[first].map { $0 < end } ?? true
            }
            return one.offset < other.offset
        }.map(\.element)
        if state.withLock({ !$0.failures.isEmpty || !$0.paused.isEmpty }) {
            due = min(due, now + 30)
        }
        // What only has to end does not wait for others.
        var taken: Set<String> = []
        for batch in waiting where isEnding(batch) {
            guard begin(batch) else { break }
            taken.insert(batch.id)
        }
        for isFirstRound in [true, false] {
            for batch in waiting where !isEnding(batch) && !taken.contains(batch.id) {
                let owner = batch.order.owner
                if isFirstRound, owners[owner] != nil { continue }
                guard begin(batch) else {
                    if isFirstRound {
                        makeRoom()
                        due = min(due, now + 60)
                    }
                    return due
                }
                taken.insert(batch.id)
                owners[owner, default: 0] += 1
            }
        }
        return due
    }

    /// Stops the last batch of an owner that has several, for one that has none, or else the one that
    /// has run longest, if that is long enough; it goes on later.
    private func makeRoom() {
        let runs = state.withLock { Array($0.runs.values) }
        let owners = Dictionary(grouping: runs, by: \.batch.order.owner)
        let most = owners.values.max { $0.count < $1.count } ?? []
        guard most.count > 1 else {
            guard let oldest = runs.min(by: { $0.begun < $1.begun }) else { return }
            // Lines that are being answered may end; they have another turn for it.
            if oldest.begun + Self.turn <= .now { oldest.endTurn() }
            if oldest.begun + Self.turn * 2 <= .now { oldest.stop(.restart) }
            return
        }
        most.max { ($0.batch.createdAt, $0.batch.id) < ($1.batch.createdAt, $1.batch.id) }?
            .stop(.restart)
    }

    /// Whether a batch gets no more answers.
    private func isEnding(_ batch: StoredBatch) -> Bool {
        batch.status == .cancelling || batch.expiresAt <= store.unixTime()
    }

    /// Begins to work on a batch.
    ///
    /// - Returns: whether there is room for it; for those that end there is twice as much.
    private func begin(_ batch: StoredBatch) -> Bool {
        let limit = store.limits.maxRunning * (isEnding(batch) ? 2 : 1)
        let run = BatchRun(batch, store, judge: judge, answer: answer) { [weak self] in
            guard let self else { return 1 }
            let count = state.withLock { $0.runs.count }
            return max(1, lineCount() / max(1, count))
        }
        let isTaken = state.withLock { state in
            guard !state.isStopped, state.runs.count < limit else {
                return false
            }
            state.runs[batch.id] = run
            state.paused[batch.id] = nil
            return true
        }
        guard isTaken else { return false }
        if batch.status == .cancelling { run.stop(.end(.cancelled)) }
        if batch.expiresAt <= store.unixTime() { run.stop(.end(.expired)) }
        run.start { [weak self, weak run] failure in
            guard let self else { return }
            state.withLock { state in
                state.runs[batch.id] = nil
                state.paused[batch.id] = run?.pause.map { .now + $0 }
                state.lastServed[batch.order.owner] = .now
                state.mayTell = true
                let count = (state.failures[batch.id]?.count ?? 0) + 1
                state.failures[batch.id] = failure.map { _ in Failure(count: count) }
            }
            if let failure {
                report("the batch \(batch.id) rests, and will be taken up later: \(failure)")
            }
            wake()
        }
        return true
    }

    /// Does what blocks on the disk on a thread for that.
    static func onDisk<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async -> Value {
        await withCheckedContinuation { continuation in
            queue.async { continuation.resume(returning: body()) }
        }
    }

    private static let queue = DispatchQueue(label: "cierzo-batches", attributes: .concurrent)
}
