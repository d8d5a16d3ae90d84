// SPDX-License-Identifier: Apache-2.0

import Console
package import Logging
import Synchronization

/// What can be in memory or not: a model together with what computes with it.
package protocol LoadableModel: AnyObject, Sendable {
    /// Brings the model into memory.
    ///
    /// - Parameter progress: told what is being done and the share of it that is done, on any thread.
    /// - Returns: the bytes that it takes from now on.
    /// - Throws: why it cannot be; nothing of it stays in memory then.
    func load(progress: @escaping @Sendable (String, Double) -> Void) async throws -> Int

    /// Whether nothing runs or waits in it.
    ///
    /// Asked only while the model is in memory, under a lock: it must not call the residency.
    var isIdle: Bool { get }

    /// Whether nothing runs or waits in it but what gives way to all others; asked as ``isIdle`` is.
    var isQuiet: Bool { get }

    /// Gives the memory back, and returns when that is done.
    ///
    /// The model is idle, or what it has to do gives way to all others and is cancelled.
    func unload() async

    /// Ends what runs, after some time to finish it, and gives the memory back.
    func end(grace: Duration) async
}

/// Keeps models in memory within one budget: loads those that are asked for, and unloads those
/// that are not.
///
/// Every change is one turn of ``ResidencySchedule``, which decides; loading and unloading are tasks
/// that end in such a change.
package final class ModelResidency: Sendable {
    /// How memory is shared.
    package struct Configuration: Sendable {
        /// The bytes of all models that are in memory together.
        package var budget: Int

        /// How long a model waits for idle ones before busy ones must make room, and how long a
        /// model may be busy before it has to.
        package var patience: Duration

        /// How long a request waits for room in memory.
        package var longestWait: Duration

        /// How long a model is not tried again that could not be loaded; twice as long each time.
        package var firstRetryDelay: Duration

        /// The longest such time.
        package var longestRetryDelay: Duration

        /// A budget, and times that fit people who wait.
        package init(
            budget: Int = .max, patience: Duration = .seconds(5),
            longestWait: Duration = .seconds(60), firstRetryDelay: Duration = .seconds(1),
            longestRetryDelay: Duration = .seconds(60)
        ) {
            self.budget = budget
            self.patience = patience
            self.longestWait = longestWait
            self.firstRetryDelay = firstRetryDelay
            self.longestRetryDelay = longestRetryDelay
        }
    }

    private struct State {
        var schedule: ResidencySchedule
        var models: [any LoadableModel] = []
        var progress: [ModelSlot.Progress?] = []
        /// What the last attempts to load failed with.
        var errors: [(any Error)?] = []
        var timer: (deadline: ContinuousClock.Instant, task: Task<Void, Never>)?
    }

    /// How memory is shared.
    package let configuration: Configuration
    private let state: Mutex<State>
    private let logger: Logger

    /// A residency without models.
    package init(
        _ configuration: Configuration = .init(), logger: Logger = Logger(label: "cierzo.models")
    ) {
        self.configuration = configuration
        self.logger = logger
        state = Mutex(State(schedule: ResidencySchedule(configuration)))
    }

    /// Adds a model, which is not loaded before somebody asks for it.
    ///
    /// - Parameters:
    ///   - name: its name in logs and errors.
    ///   - byteCount: what it will take in memory.
    ///   - isPinned: whether it stays in memory once it is there.
    ///   - maxWaiting: how many places its queue has while it is not in memory.
    ///   - make: makes it, from its place here.
    /// - Returns: what `make` returns.
    /// - Throws: ``ResidencyError`` where it could never be in memory beside the pinned ones.
    package func add<Model: LoadableModel>(
        name: String, byteCount: Int, isPinned: Bool = false, maxWaiting: Int = 256,
        _ make: (Resident) -> Model
    ) throws(ResidencyError) -> Model {
        let entries = entries
        let pinned = entries.filter(\.isPinned).reduce(0) { $0 + $1.byteCount }
        guard byteCount <= configuration.budget - pinned else {
            throw .tooLarge(
                model: name, byteCount: byteCount, budget: configuration.budget,
                pinnedByteCount: pinned)
        }
        if isPinned,
            let other = entries.filter({ !$0.isPinned }).max(by: { $0.byteCount < $1.byteCount }),
            other.byteCount > configuration.budget - pinned - byteCount
        {
            throw .tooLarge(
                model: other.name, byteCount: other.byteCount, budget: configuration.budget,
                pinnedByteCount: pinned + byteCount)
        }
        let index = state.withLock { state in
            state.progress.append(nil)
            state.errors.append(nil)
            return state.schedule.add(
                name: name, byteCount: byteCount, isPinned: isPinned, maxWaiting: maxWaiting,
                at: .now)
        }
        let model = make(Resident(self, index: index))
        state.withLock { $0.models.append(model) }
        return model
    }

    /// Memory that something beside the models takes, until nobody holds this any more.
    package final class Reservation: Sendable {
        private let residency: ModelResidency
        private let byteCount: Int

        fileprivate init(_ residency: ModelResidency, byteCount: Int) {
            self.residency = residency
            self.byteCount = byteCount
        }

        deinit {
            residency.change { [byteCount] schedule, _ in schedule.release(byteCount) }
        }
    }

    /// Takes memory from the budget of all models.
    ///
    /// - Parameters:
    ///   - name: what it is for, for errors.
    ///   - byteCount: how much.
    /// - Returns: what holds it.
    /// - Throws: ``ResidencyError`` where a model could not be in memory any more then, or the models
    ///   that are in memory now leave no room.
    package func reserve(
        name: String, byteCount: Int
    ) throws(ResidencyError) -> Reservation {
        let isReserved = state.withLock { $0.schedule.reserve(byteCount) }
        guard isReserved else {
            throw .noRoom(
                adapter: name, byteCount: byteCount, budget: configuration.budget,
                usedByteCount: usedByteCount)
        }
        return Reservation(self, byteCount: byteCount)
    }

    /// Refuses all who wait, loads nothing any more, and ends all models.
    ///
    /// - Parameter grace: how long running requests may go on.
    package func end(grace: Duration) async {
        let (waiters, models) = state.withLock { state in
            state.timer?.task.cancel()
            state.timer = nil
            return (state.schedule.stop(), state.models)
        }
        for waiter in waiters { waiter.resume(.failure(.stopping)) }
        await withTaskGroup(of: Void.self) { group in
            for model in models { group.addTask { await model.end(grace: grace) } }
        }
    }

    /// Lets nobody in any more, and refuses those who wait; requests that run go on.
    package func stop() {
        let waiters = state.withLock { $0.schedule.stop() }
        for waiter in waiters { waiter.resume(.failure(.stopping)) }
    }

    /// Whether a model is being loaded.
    package var isLoading: Bool { entries.contains { $0.status == .loading } }

    /// How often a model was loaded into memory that others had to give up for it.
    package var swapCount: Int { state.withLock { $0.schedule.swapCount } }

    /// The bytes of all models that are in memory, or on their way into it or out of it.
    package var usedByteCount: Int { state.withLock { $0.schedule.usedByteCount } }

    var entries: [ResidencySchedule.Entry] { state.withLock { $0.schedule.entries } }

    func entry(
        _ index: Int
    ) -> (
        entry: ResidencySchedule.Entry, progress: ModelSlot.Progress?, error: (any Error)?
    ) {
        state.withLock {
            ($0.schedule.entries[index], $0.progress[index], $0.errors[index])
        }
    }

    // MARK: Changes

    func enter(_ index: Int, inBackground: Bool) -> ResidencySchedule.Entrance {
        state.withLock { $0.schedule.enter(index, inBackground: inBackground, at: .now) }
    }

    /// Changes the schedule, and does what it decides then.
    @discardableResult func change<Result: Sendable>(
        _ change: (inout ResidencySchedule, ContinuousClock.Instant) -> Result
    ) -> Result {
        let (result, actions) = state.withLock { state in
            let now = ContinuousClock.now
            let result = change(&state.schedule, now)
            let models = state.models
            let actions = state.schedule.decide(
                at: now, isIdle: { models[$0].isIdle }, isQuiet: { models[$0].isQuiet })
            setTimer(&state, at: now)
            return (result, actions)
        }
        for action in actions { perform(action) }
        return result
    }

    /// Has the schedule decide again when something is due though nothing happens.
    private func setTimer(_ state: inout State, at now: ContinuousClock.Instant) {
        let deadline = state.schedule.isStopped ? nil : state.schedule.nextDeadline(after: now)
        if let timer = state.timer, timer.deadline == deadline { return }
        state.timer?.task.cancel()
        state.timer = deadline.map { deadline in
            let task = Task { [weak self] in
                do { try await Task.sleep(until: deadline, clock: .continuous) } catch { return }
                self?.passTimer(deadline)
            }
            return (deadline, task)
        }
    }

    /// Decides what was due at a time; sets the timer again where it has rung too early.
    private func passTimer(_ deadline: ContinuousClock.Instant) {
        state.withLock { state in
            if state.timer?.deadline == deadline { state.timer = nil }
        }
        change { _, _ in }
    }

    private func perform(_ action: ResidencySchedule.Action) {
        switch action {
        case .load(let index): Task { await load(index) }
        case .unload(let index, let reason): Task { await unload(index, because: reason) }
        case .refuse(let waiter, let error): waiter.resume(.failure(error))
        case .resume(let index, let waiters):
            for waiter in waiters { waiter.resume(.success(())) }
            let isBackground = waiters.allSatisfy(\.isBackground)
            change { schedule, now in
                schedule.leave(index, inBackground: isBackground, at: now)
            }
        }
    }

    private func load(_ index: Int) async {
        let (model, name, planned) = state.withLock {
            (
                $0.models[index], $0.schedule.entries[index].name,
                $0.schedule.entries[index].byteCount
            )
        }
        logger.info(
            "loading a model", metadata: ["model": "\(name)", "bytes": "\(planned)"])
        let began = ContinuousClock.now
        let quarter = Mutex(0)
        do {
            let byteCount = try await model.load { [self] stage, share in
                state.withLock {
                    $0.progress[index] = ModelSlot.Progress(stage: stage, share: share)
                }
                let isNew = quarter.withLock { last in
                    defer { last = max(last, Int(share * 4)) }
                    return Int(share * 4) > last && share < 1
                }
                if isNew, began.duration(to: .now) > .seconds(5) {
                    logger.info(
                        "\(stage)",
                        metadata: ["model": "\(name)", "percent": "\(Int(share * 100))"])
                }
            }
            let duration = began.duration(to: .now)
            logger.info(
                "model loaded",
                metadata: [
                    "model": "\(name)",
                    "seconds": "\(((duration / .milliseconds(100)).rounded()) / 10)",
                    "bytes": "\(byteCount)",
                ])
            change { schedule, now in
                schedule.noteLoaded(index, byteCount: byteCount, took: duration, at: now)
            }
            state.withLock {
                $0.progress[index] = nil
                $0.errors[index] = nil
            }
        } catch {
            logger.error(
                "a model could not be loaded",
                metadata: ["model": "\(name)", "error": "\(error)"])
            state.withLock {
                $0.progress[index] = nil
                $0.errors[index] = error
            }
            let reason = "The model '\(name)' could not be loaded: \(error)"
            let (waiters, delay) = change { schedule, now in
                schedule.noteFailure(index, reason: reason, at: now)
            }
            for waiter in waiters {
                waiter.resume(.failure(.unavailable(reason: reason, retryAfter: delay)))
            }
        }
    }

    private func unload(_ index: Int, because reason: String) async {
        let (model, name) = state.withLock {
            ($0.models[index], $0.schedule.entries[index].name)
        }
        await model.unload()
        logger.info(
            "model unloaded", metadata: ["model": "\(name)", "because": "\(reason)"])
        change { schedule, _ in schedule.noteUnloaded(index) }
    }
}

/// Why a model can never be in memory.
package enum ResidencyError: Error, Equatable, CustomStringConvertible {
    /// It is larger than the budget, or than what the pinned models leave of it.
    case tooLarge(model: String, byteCount: Int, budget: Int, pinnedByteCount: Int)

    /// An adapter does not fit beside the models.
    case noRoom(adapter: String, byteCount: Int, budget: Int, usedByteCount: Int)

    /// One line that says what to change.
    package var description: String {
        switch self {
        case .tooLarge(let model, let byteCount, let budget, let pinned):
            "the model '\(model)' needs \(byteText(byteCount)) for weights, KV cache and scratch, and "
                + "memory-limit allows \(byteText(budget))"
                + (pinned == 0 ? "" : ", of which pinned models take \(byteText(pinned))")
                + ": raise memory-limit, or lower the model's context, kv-memory or "
                + "max-batch-tokens"
        case .noRoom(let adapter, let byteCount, let budget, let used):
            "the adapter '\(adapter)' needs \(byteText(byteCount)), memory-limit allows "
                + "\(byteText(budget)), of which \(byteText(used)) are taken, and every model must "
                + "fit beside it: raise memory-limit, or unload a model or an adapter"
        }
    }
}
