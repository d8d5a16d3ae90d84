// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Synchronization

/// The work on one batch, from wherever it stands to its end.
final class BatchRun: Sendable {
    /// Why it stops before all is done.
    enum Stop: Sendable {
        /// The process ends; another one goes on.
        case restart

        /// The batch ends like this, with what there is.
        case end(BatchStatus, BatchFault? = nil)

        /// The disk has failed.
        case failure(BatchRefusal)
    }

    private struct State {
        var stop: Stop?
        /// For how long it rests when what is being answered has been, for the key has to wait.
        var pause: Duration?
        /// How many of the lines that are being answered wait for another day.
        var delayedCount = 0
        /// What answers lines.
        var answering: Task<Void, Never>?
        var whole: Task<Void, Never>?
        var lines: ArraySlice<BatchTable.Line> = []
        var results: [(BatchWork.Result, CheckedContinuation<Void, Never>)] = []
        var isWriting = false
        var runningCount = 0
        /// What the lines that are being answered have in bytes.
        var runningByteCount = 0
        var doneCount = 0
        var start = ContinuousClock.now
    }

    /// What the work file and the inputs are, once they are open.
    private struct Files: Sendable {
        let work: WorkFile
        let inputs: [FileReader]
    }

    /// The most bytes of lines that are answered at the same time: each takes some times as many.
    private static let maxByteCount = 32 << 20

    /// A line waits so long for its turn, and no longer: then the batch rests.
    private static let longestWait = Duration.seconds(60)

    /// The batch as it was at the beginning.
    let batch: StoredBatch

    /// When its work has begun.
    let begun = ContinuousClock.now
    private let work: BatchWork
    private let store: BatchStore
    private let judge: @Sendable (StoredBatch, String?) -> BatchFault?
    private let answer: BatchRunner.Answering
    private let share: @Sendable () -> Int
    private let queue = DispatchQueue(label: "cierzo-batch")
    private let state = Mutex(State())

    init(
        _ batch: StoredBatch, _ store: BatchStore,
        judge: @escaping @Sendable (StoredBatch, String?) -> BatchFault?,
        answer: @escaping BatchRunner.Answering, share: @escaping @Sendable () -> Int
    ) {
        self.batch = batch
        self.store = store
        self.judge = judge
        self.answer = answer
        self.share = share
        work = BatchWork(store: store, id: batch.id)
    }

    /// Stops it; only the first reason counts.
    func stop(_ reason: Stop) {
        let answering = state.withLock { state in
            if state.stop == nil { state.stop = reason }
            return state.answering
        }
        answering?.cancel()
    }

    /// Has it end when the lines that are being answered have been; it goes on later.
    func endTurn() { state.withLock { $0.pause = $0.pause ?? .zero } }

    /// How long it has to rest, where its key has to wait for long.
    var pause: Duration? { state.withLock { $0.pause } }

    /// Begins; the closure is told of the end, and of what the disk did.
    func start(_ whenEnded: @escaping @Sendable (BatchRefusal?) -> Void) {
        let whole = Task.detached { [self] in
            var failure: BatchRefusal?
            do throws(BatchRefusal) { try await run() } catch { failure = error }
            store.note(nil, of: batch.id)
            whenEnded(failure)
        }
        state.withLock { $0.whole = whole }
    }

    /// Waits for the end.
    func end() async { await state.withLock { $0.whole }?.value }

    private func run() async throws(BatchRefusal) {
        // It may have ended since it was chosen.
        guard var batch = try await current(), !batch.status.isFinal else { return }
        do throws(BatchRefusal) {
            if batch.status == .validating, stopReason == nil {
                try await onDisk { [self] () throws(BatchRefusal) in
                    try work.validate(self.batch, isStopped: { [self] in stopReason != nil }) {
                        [self] in judge(self.batch, $0)
                    }
                }
                guard let validated = try await current() else { return }
                batch = validated
            }
            if batch.status == .inProgress, stopReason == nil {
                try await answerLines(of: batch)
            }
        } catch {
            guard case .store(let error) = error, error.isDamage else { throw error }
            stop(.end(.failed, BatchFault(error)))
        }
        let ending: (status: BatchStatus, fault: BatchFault?)
        switch stopReason {
        case .restart: return
        case .failure(let refusal): throw refusal
        case .end(let status, let fault): ending = (status, fault)
        case nil:
            if pause != nil { return }
            ending = (.completed, nil)
        }
        guard let now = try await current(), !now.status.isFinal else { return }
        try await onDisk { [self] () throws(BatchRefusal) in
            let faults = ending.fault.map { [$0] } ?? []
            guard let ended = try work.beginEnd(ending.status, faults: faults) else { return }
            try work.finish(ended)
        }
    }

    private var stopReason: Stop? { state.withLock { $0.stop } }

    /// Whether lines that are given up now will be answered again.
    private var comesAgain: Bool {
        switch stopReason {
        case .restart, .failure: true
        case .end, nil: false
        }
    }

    private func current() async throws(BatchRefusal) -> StoredBatch? {
        try await onDisk { [self] () throws(BatchRefusal) in try store.batch(batch.id) }
    }

    // MARK: Lines

    /// Answers the lines that have no result, as many at the same time as there is room for.
    private func answerLines(of batch: StoredBatch) async throws(BatchRefusal) {
        let (files, lines) = try await onDisk { [self] () throws(BatchRefusal) in
            do throws(JobsError) {
                let lines = try store.files.database.read {
                    try BatchTable.undone(of: batch.id, in: $0)
                }
                return (
                    Files(work: try work.open(batch), inputs: try work.inputs(of: batch)), lines
                )
            } catch {
                throw .store(error)
            }
        }
        state.withLock { state in
            state.lines = lines[...]
            state.start = .now
        }
        noteProgress()
        let answering = Task.detached { [self] in
            await withTaskGroup(of: Void.self) { group in
                var count = 0
                // Others come and go, and with them what there is room for.
                while !Task.isCancelled {
                    let wanted = share()
                    while count < wanted, hasLines {
                        group.addTask { await self.work(on: batch, files) }
                        count += 1
                    }
                    guard count > 0 else { break }
                    await group.next()
                    count -= 1
                }
            }
        }
        let isStopped = state.withLock { state in
            state.answering = answering
            return state.stop != nil
        }
        if isStopped { answering.cancel() }
        await answering.value
    }

    private var hasLines: Bool { state.withLock { $0.pause == nil && !$0.lines.isEmpty } }

    /// Answers some lines, one after the other; few, so that shares may change.
    private func work(on batch: StoredBatch, _ files: Files) async {
        for _ in 0..<4 {
            guard let line = await next() else { return }
            await answer(line, of: batch, files)
            state.withLock { state in
                state.runningCount -= 1
                state.runningByteCount -= line.length
            }
            noteProgress()
        }
    }

    /// The next line, once there is memory for it; nil where there is none, or it stops.
    private func next() async -> BatchTable.Line? {
        while !Task.isCancelled {
            let (line, hasLines) = state.withLock { state -> (BatchTable.Line?, Bool) in
                guard state.pause == nil, let first = state.lines.first else { return (nil, false) }
                // One of any length is taken alone.
                let byteCount = state.runningByteCount + first.length
                guard state.runningCount == 0 || byteCount <= Self.maxByteCount else {
                    return (nil, true)
                }
                state.runningCount += 1
                state.runningByteCount = byteCount
                return (state.lines.popFirst(), true)
            }
            if line != nil || !hasLines { return line }
            try? await Task.sleep(for: .milliseconds(20))
        }
        return nil
    }

    private func answer(
        _ line: BatchTable.Line, of batch: StoredBatch, _ files: Files
    ) async {
        do throws(BatchRefusal) {
            let read = try await onDisk { [self] () throws(BatchRefusal) in
                do throws(JobsError) {
                    // An answer that finds no room would be computed for nothing.
                    try store.files.requireFreeDisk()
                    return try work.line(line, files.inputs, batch.form)
                } catch {
                    throw .store(error)
                }
            }
            let task = BatchTask(batch: batch, index: line.index, body: read.body) { [self] in
                comesAgain
            }
            var delay = Duration.milliseconds(20)
            var dayDelay = Duration.seconds(2)
            var isDelayed = false
            defer { if isDelayed { noteDelay(-1) } }
            while !Task.isCancelled {
                let answer = await answer(task)
                if isDelayed, !answer.isLate {
                    isDelayed = false
                    noteDelay(-1)
                }
                switch answer {
                case .answered(let status, let id, let body, let usage):
                    let bytes = BatchOutput.line(
                        read.customID, line.index, of: batch, status: status, id: id, body: body)
                    return await keep(
                        BatchWork.Result(
                            line: line, bytes: bytes, isFailed: !(200..<300).contains(status),
                            usage: usage), files.work)
                case .later(let wait) where wait > Self.longestWait:
                    // What is kept for the lines that are being answered is more than they need, as a
                    // rule. So it is tried again when some may have ended; where there are none, others
                    // may have the batch's place for some time.
                    if !isDelayed { noteDelay(1) }
                    isDelayed = true
                    if mustPause(for: wait) { return }
                    try? await Task.sleep(for: dayDelay)
                    if pause != nil { return }
                    dayDelay = min(dayDelay * 2, .seconds(60))
                case .later(let wait):
                    try? await Task.sleep(for: max(delay, wait))
                    delay = min(delay * 2, .seconds(2))
                case .refused(let reason):
                    return stop(.end(.failed, BatchFault("batch_refused", reason)))
                case .stopped:
                    if Task.isCancelled { return }
                    // Who stopped it was not us.
                    try? await Task.sleep(for: .seconds(1))
                }
            }
        } catch {
            guard case .store(let reason) = error, reason.isDamage else {
                return stop(.failure(error))
            }
            stop(.end(.failed, BatchFault(reason)))
        }
    }

    /// Counts lines that the key cannot have answered today.
    private func noteDelay(_ count: Int) { state.withLock { $0.delayedCount += count } }

    /// Whether no more lines are taken for some time, since all that are being answered must wait.
    private func mustPause(for wait: Duration) -> Bool {
        state.withLock { state in
            guard state.pause != nil || state.delayedCount >= state.runningCount else {
                return false
            }
            state.pause = state.pause ?? min(wait, .seconds(600))
            return true
        }
    }

    /// Keeps a result, with others that come meanwhile, and returns when it counts.
    private func keep(_ result: BatchWork.Result, _ file: WorkFile) async {
        await withCheckedContinuation { continuation in
            let isFirst = state.withLock { state in
                state.results.append((result, continuation))
                defer { state.isWriting = true }
                return !state.isWriting
            }
            if isFirst { queue.async { [self] in write(to: file) } }
        }
    }

    private func write(to file: WorkFile) {
        while true {
            let results = state.withLock { state in
                defer {
                    state.isWriting = !state.results.isEmpty
                    state.results = []
                }
                return state.results
            }
            if results.isEmpty { return }
            do throws(BatchRefusal) {
                try work.keep(results.map(\.0), in: file)
                state.withLock { $0.doneCount += results.count }
            } catch {
                stop(.failure(error))
            }
            for (_, continuation) in results { continuation.resume() }
        }
    }

    private func noteProgress() {
        let progress = state.withLock { state in
            BatchProgress(
                doneCount: state.doneCount, duration: state.start.duration(to: .now),
                leftCount: state.lines.count + state.runningCount,
                runningCount: state.runningCount)
        }
        store.note(progress, of: batch.id)
    }

    private func onDisk<Value: Sendable>(
        _ body: @escaping @Sendable () throws(BatchRefusal) -> Value
    ) async throws(BatchRefusal) -> Value {
        try await BatchRunner.onDisk {
            Result { () throws(BatchRefusal) in try body() }
        }.get()
    }
}
