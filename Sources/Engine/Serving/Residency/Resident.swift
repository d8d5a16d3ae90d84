// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// A model's place in a ``ModelResidency``.
package final class Resident: Sendable {
    /// Whether the model is in memory.
    package enum Status: Hashable, Sendable {
        /// It is not, and is loaded when somebody asks for it.
        case unloaded

        /// It is on its way into memory, and how far that has come, if that is known.
        case loading(ModelSlot.Progress?)

        /// It is.
        case loaded

        /// It gives its memory back.
        case unloading

        /// It could not be loaded; it is tried again when somebody asks for it later.
        case failed(reason: String)
    }

    /// What became of a model since the start.
    package struct Report: Hashable, Sendable {
        /// Whether it is in memory.
        package var status: Status

        /// What it takes in memory, or would take.
        package var byteCount: Int

        /// Whether it is never unloaded for others.
        package var isPinned: Bool

        /// How many requests wait until it is in memory.
        package var waitingCount: Int

        /// How often it was loaded.
        package var loadCount: Int

        /// How often it could not be loaded.
        package var failureCount: Int

        /// How often it was unloaded.
        package var unloadCount: Int

        /// How long loading has taken, all times together.
        package var loadDuration: Duration
    }

    /// Who waits for a model, or is going to.
    package struct Ticket: Sendable {
        fileprivate let resident: Resident
        fileprivate let id: UInt64

        /// Waits no longer.
        ///
        /// - Returns: whether it still waited: nothing is called then.
        @discardableResult package func withdraw() -> Bool {
            resident.residency.change { [resident, id] schedule, _ in
                schedule.withdraw(id, from: resident.index)
            }
        }
    }

    private let residency: ModelResidency
    private let index: Int

    init(_ residency: ModelResidency, index: Int) {
        self.residency = residency
        self.index = index
    }

    /// Begins a use of the model, during which it stays in memory.
    ///
    /// - Parameter inBackground: whether it gives way to all others.
    /// - Returns: whether it is in memory; if so, ``leave()`` must follow.
    /// - Throws: `ServingError` where it could not be loaded a moment ago, or the server stops.
    package func enter(inBackground: Bool = false) throws(ServingError) -> Bool {
        switch residency.enter(index, inBackground: inBackground) {
        case .entered: return true
        case .mustWait: return false
        case .refused(let error): throw error
        }
    }

    /// Ends a use.
    ///
    /// - Parameter inBackground: as it has begun.
    package func leave(inBackground: Bool = false) {
        residency.change { [index] schedule, now in
            schedule.leave(index, inBackground: inBackground, at: now)
        }
    }

    /// What waits, to be made before it does, so that whatever ends the waiting can know it.
    package func makeTicket() -> Ticket {
        Ticket(resident: self, id: residency.change { schedule, _ in schedule.makeTicket() })
    }

    /// Has the model loaded if it is not in memory, and calls back then.
    ///
    /// - Parameters:
    ///   - ticket: what waits.
    ///   - count: how many places of the queue that takes.
    ///   - deadline: until when it makes sense; nil for ever.
    ///   - inBackground: whether it gives way to all others.
    ///   - placesBefore: how many places the same question has taken before.
    ///   - resume: is called once, unless it is withdrawn, on any thread, maybe before this returns.
    ///     With success, the model stays in memory during the call.
    /// - Returns: how many places of the queue are before it.
    /// - Throws: `ServingError` where the queue is full or the server stops.
    @discardableResult package func wait(
        as ticket: Ticket, count: Int = 1, deadline: ContinuousClock.Instant? = nil,
        inBackground: Bool = false, placesBefore: Int = 0,
        _ resume: @escaping @Sendable (Result<Void, ServingError>) -> Void
    ) throws(ServingError) -> Int {
        try residency.change { [index] schedule, now in
            schedule.wait(
                for: index, as: ticket.id, count: count, deadline: deadline,
                inBackground: inBackground, placesBefore: placesBefore, at: now, resume: resume)
        }.get()
    }

    /// Does something while the model is in memory, for which it is loaded if need be.
    ///
    /// - Parameters:
    ///   - deadline: until when it makes sense; nil for ever.
    ///   - work: what to do; the model stays in memory until it returns.
    /// - Returns: what the work returns.
    /// - Throws: what the work throws, or `ServingError` where the model cannot be loaded.
    package func use<Result>(
        deadline: ContinuousClock.Instant? = nil, _ work: () async throws -> Result
    ) async throws -> Result {
        if try !enter() { try await waitAndEnter(deadline: deadline) }
        defer { leave() }
        return try await work()
    }

    private func waitAndEnter(deadline: ContinuousClock.Instant?) async throws {
        let entering = PendingEntrance(makeTicket())
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                entering.begin(continuation)
                do throws(ServingError) {
                    try wait(as: entering.ticket, deadline: deadline) { [self] result in
                        // The model stays in memory for this call only.
                        if case .success = result { hold() }
                        entering.end(result)
                    }
                    entering.noteWaiting()
                } catch {
                    entering.end(.failure(error))
                }
            }
        } onCancel: {
            entering.cancel()
        }
    }

    private func hold() { residency.change { [index] schedule, _ in schedule.hold(index) } }

    /// Takes note that the model has nothing to do any more, or nothing but the background.
    package func noteIdle() {
        residency.change { [index] schedule, now in schedule.noteIdle(index, at: now) }
    }

    /// Has the model loaded, and returns at once.
    package func load() {
        residency.change { [index] schedule, now in schedule.want(index, at: now) }
    }

    /// Has the model loaded, and returns when it is.
    ///
    /// - Throws: why it cannot be.
    package func loaded() async throws {
        do {
            try await use {}
        } catch let error as ServingError {
            // Of a loading that failed the reason counts, not that it is too early to try again.
            guard case .unavailable = error, case .failed = status,
                let cause = residency.entry(index).error
            else { throw error }
            throw cause
        }
    }

    /// Has the model unloaded as soon as it has nothing to do; a pinned one stays.
    ///
    /// - Returns: whether it will be.
    @discardableResult package func unload() -> Bool {
        if residency.entry(index).entry.isPinned { return false }
        residency.change { [index] schedule, _ in schedule.dismiss(index) }
        return true
    }

    /// Whether the model is in memory.
    package var status: Status { report.status }

    /// What became of the model since the start.
    package var report: Report {
        let (entry, progress, _) = residency.entry(index)
        let status: Status =
            switch entry.status {
            case .unloaded: entry.failure.map { .failed(reason: $0.reason) } ?? .unloaded
            case .loading: .loading(progress)
            case .loaded: .loaded
            case .unloading: .unloading
            }
        return Report(
            status: status, byteCount: entry.byteCount, isPinned: entry.isPinned,
            waitingCount: entry.waitingCount, loadCount: entry.counts.loads,
            failureCount: entry.counts.failures, unloadCount: entry.counts.unloads,
            loadDuration: entry.counts.loadDuration)
    }
}

/// A task that waits until a model is in memory.
private final class PendingEntrance: Sendable {
    private struct State {
        var continuation: CheckedContinuation<Void, any Error>?
        var isCancelled = false
    }

    let ticket: Resident.Ticket
    private let state = Mutex(State())

    init(_ ticket: Resident.Ticket) { self.ticket = ticket }

    func begin(_ continuation: CheckedContinuation<Void, any Error>) {
        state.withLock { $0.continuation = continuation }
    }

    /// Gives up where the task was cancelled before it waited.
    func noteWaiting() {
        if state.withLock({ $0.isCancelled }) { withdraw() }
    }

    func end(_ result: Result<Void, ServingError>) {
        switch result {
        case .success: state.withLock { $0.continuation.take() }?.resume()
        case .failure(let error):
            state.withLock { $0.continuation.take() }?.resume(throwing: error)
        }
    }

    func cancel() {
        state.withLock { $0.isCancelled = true }
        withdraw()
    }

    private func withdraw() {
        guard ticket.withdraw() else { return }
        state.withLock { $0.continuation.take() }?.resume(throwing: CancellationError())
    }
}
