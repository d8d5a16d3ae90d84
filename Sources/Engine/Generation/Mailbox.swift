// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Synchronization

/// The one place where other threads and the engine's thread meet.
///
/// Senders append and go on; the engine takes everything once per step and sleeps here when it has
/// nothing to do.
final class Mailbox: Sendable {
    /// What has arrived since the last step.
    struct Messages {
        var submissions: [Submission] = []
        var cancellations: [RequestID] = []

        /// What was read from disk for requests that wait for it.
        var restored: [RestoredPiece] = []

        /// Whether there is room again for blocks on their way to the disk.
        var hasRoom = false

        /// The requests that were cancelled before they got here.
        var withdrawnCount = 0

        /// When running requests must have ended, once a shutdown was asked for.
        var shutdownDeadline: ContinuousClock.Instant?

        var isEmpty: Bool {
            submissions.isEmpty && cancellations.isEmpty && restored.isEmpty && !hasRoom
                && withdrawnCount == 0 && shutdownDeadline == nil
        }

        mutating func removeAll() {
            submissions.removeAll(keepingCapacity: true)
            cancellations.removeAll(keepingCapacity: true)
            restored.removeAll(keepingCapacity: true)
            hasRoom = false
            withdrawnCount = 0
            shutdownDeadline = nil
        }
    }

    private struct State {
        var messages = Messages()
        var isSleeping = false
        var isClosed = false
        var hasEnded = false
        /// Whether nothing of the engine's thread is left.
        var threadHasEnded = false
        var nextID: UInt64 = 1

        /// The sequences that were accepted, have not ended and are not cancelled.
        var places = OutstandingPlaces()
        var statistics = EngineStatistics()
        var placeInterval = Duration.seconds(1)
        var endWaiters: [CheckedContinuation<Void, Never>] = []

        /// Whether nobody has a place.
        var isIdle: Bool { isQuiet && places.backgroundCount == 0 }

        /// Whether nobody but the background has a place.
        var isQuiet: Bool { places.count == 0 }

        /// Whether a change was the end of all requests, or of all but those of the background.
        mutating func falls(_ change: (inout State) -> Void) -> Bool {
            let (wasIdle, wasQuiet) = (isIdle, isQuiet)
            change(&self)
            return isIdle && !wasIdle || isQuiet && !wasQuiet
        }

        /// Where new sequences stand.
        ///
        /// Without enough KV blocks some wait although places are free.
        func place(of count: Int, maxRunning: Int) -> QueuePlace {
            let needed = places.count + count - maxRunning
            let ahead = places.count - statistics.runningForeground
            let waiting = statistics.waitingForeground > 0 ? ahead : 0
            let position = max(needed, waiting, 0)
            return QueuePlace(position: position, estimatedWait: placeInterval * position)
        }
    }

    private let state = Mutex(State())
    /// Whether there is a submission that is not of the background; changes with the messages, and is
    /// read without their lock between the layers of a step.
    private let hasForeground = Atomic<Bool>(false)
    private let wakeUp = DispatchSemaphore(value: 0)
    /// Is told each time that the last request has ended, or the last but those of the background.
    private let whenIdle: @Sendable () -> Void

    init(whenIdle: @escaping @Sendable () -> Void = {}) { self.whenIdle = whenIdle }

    /// Whether no sequence is outstanding.
    var isIdle: Bool { state.withLock { $0.isIdle } }

    /// Whether none is outstanding but those of the background.
    var isQuiet: Bool { state.withLock { $0.isQuiet } }

    /// The statistics that the engine published last.
    var statistics: EngineStatistics { state.withLock { $0.statistics } }

    /// Reserves places for sequences.
    ///
    /// - Parameters:
    ///   - count: the number of places.
    ///   - client: who asks.
    ///   - weight: of the client.
    ///   - maxRunning: how many sequences may run at the same time.
    ///   - limit: the most sequences that may be outstanding, but for the reserve of clients that
    ///     have less than their part.
    ///   - timeLimit: when the result is of no use any more; nil for never.
    ///   - inBackground: whether it gives way to all others, and takes no place from them.
    ///   - placesBefore: those of the same question that were reserved before, each as this. In the
    ///     background one free place is room for a whole question: else one that needs more places
    ///     than there are would wait for ever.
    /// - Returns: the identity of the request and where it stands.
    /// - Throws: `SubmissionError` if there is no place, or none in time.
    func reserve(
        _ count: Int, of client: Int, weight: Int, maxRunning: Int, limit: Int,
        timeLimit: Duration?, inBackground: Bool = false, placesBefore: Int = 0
    ) throws(SubmissionError) -> (RequestID, QueuePlace) {
        let result: Result<(RequestID, QueuePlace), SubmissionError> = state.withLock { state in
            if state.isClosed { return .failure(.shuttingDown) }
            if inBackground {
                let limit = OutstandingPlaces.background(of: maxRunning)
                guard state.places.backgroundCount - placesBefore < limit else {
                    return .failure(.overloaded(retryAfter: .seconds(1)))
                }
                let id = RequestID(rawValue: state.nextID)
                state.nextID += 1
                state.places.take(
                    count, for: id, of: client, weight: weight, inBackground: true)
                return .success((id, QueuePlace()))
            }
            if !state.places.hasRoom(for: count, of: client, weight: weight, limit: limit) {
                let missing = state.places.count + count - limit
                let delay = min(max(state.placeInterval * missing, .seconds(1)), .seconds(60))
                return .failure(.overloaded(retryAfter: delay))
            }
            let place = state.place(of: count, maxRunning: maxRunning)
            if let timeLimit, place.estimatedWait >= timeLimit {
                return .failure(.tooLate(estimatedWait: place.estimatedWait))
            }
            let id = RequestID(rawValue: state.nextID)
            state.nextID += 1
            state.places.take(count, for: id, of: client, weight: weight)
            return .success((id, place))
        }
        return try result.get()
    }

    /// A new identity without a place, for a request that is a part of one that holds places.
    func identify(client: Int, weight: Int) -> RequestID {
        state.withLock { state in
            let id = RequestID(rawValue: state.nextID)
            state.nextID += 1
            state.places.take(0, for: id, of: client, weight: weight)
            return id
        }
    }

    /// Gives back the places of a request that the engine never had as one.
    func giveBack(_ id: RequestID) {
        // A message, so that an engine that waits for this one before it ends looks again.
        let isLast = post { state in
            var wasHeld = false
            let isLast = state.falls { wasHeld = $0.places.giveBackAll(of: id) }
            if wasHeld, !state.hasEnded { state.messages.cancellations.append(id) }
            return isLast
        }
        if isLast { whenIdle() }
    }

    /// Sends a request whose places were reserved.
    ///
    /// - Returns: false if the engine has ended since, and will never take it.
    func send(_ submission: Submission) -> Bool {
        post { state in
            guard !state.hasEnded else { return false }
            state.messages.submissions.append(submission)
            if !submission.request.isInBackground {
                hasForeground.store(true, ordering: .releasing)
            }
            return true
        }
    }

    /// Cancels a request, whose places others may have at once.
    ///
    /// One that the engine has not taken ends here: a step may be long, and clients that ask and hang
    /// up many.
    func cancel(_ id: RequestID) {
        let (withdrawn, isLast): (Submission?, Bool) = post { state in
            var wasHeld = false
            let isLast = state.falls { wasHeld = $0.places.giveBackAll(of: id) }
            guard wasHeld, !state.hasEnded else { return (nil, false) }
            if let index = state.messages.submissions.firstIndex(where: { $0.id == id }) {
                state.messages.withdrawnCount += 1
                return (state.messages.submissions.remove(at: index), isLast)
            }
            state.messages.cancellations.append(id)
            return (nil, isLast)
        }
        withdrawn?.endUnstarted()
        if isLast { whenIdle() }
    }

    /// Hands over what was read from disk for a request.
    func deliver(_ piece: RestoredPiece) {
        post { state in
            if !state.hasEnded { state.messages.restored.append(piece) }
        }
    }

    /// Says that there is room again for blocks on their way to the disk.
    func noteRoom() {
        post { state in state.messages.hasRoom = !state.hasEnded }
    }

    /// Closes the mailbox for requests and asks the engine to end by a deadline.
    func shutDown(by deadline: ContinuousClock.Instant) {
        post { state in
            state.isClosed = true
            let earlier = state.messages.shutdownDeadline ?? deadline
            state.messages.shutdownDeadline = min(earlier, deadline)
        }
    }

    /// Waits until the engine's thread has ended and all that it held is gone.
    func waitForEnd() async {
        await withCheckedContinuation { continuation in
            let hasEnded = state.withLock { state in
                if !state.threadHasEnded { state.endWaiters.append(continuation) }
                return state.threadHasEnded
            }
            if hasEnded { continuation.resume() }
        }
    }

    /// Says that the engine's thread has ended.
    func noteThreadEnd() {
        let waiters = state.withLock { state in
            state.threadHasEnded = true
            defer { state.endWaiters = [] }
            return state.endWaiters
        }
        for waiter in waiters { waiter.resume() }
    }

    private func post<Result: Sendable>(_ change: (inout State) -> Result) -> Result {
        let (result, mustWake) = state.withLock { state in
            let result = change(&state)
            let mustWake = state.isSleeping
            state.isSleeping = false
            return (result, mustWake)
        }
        if mustWake { wakeUp.signal() }
        return result
    }
}

/// The engine's side.
extension Mailbox {
    /// Takes all messages, leaving the memory of the given ones for the next.
    func receive(into messages: inout Messages) {
        messages.removeAll()
        state.withLock { state in
            swap(&state.messages, &messages)
            hasForeground.store(false, ordering: .releasing)
        }
    }

    /// Whether a request has come that is not of the background, and has not been taken.
    var awaitsForeground: Bool { hasForeground.load(ordering: .acquiring) }

    /// Whether there is a message.
    var hasMessages: Bool { state.withLock { !$0.messages.isEmpty } }

    /// Sleeps until there is a message, or some time has come.
    func sleepUntilMessage(orUntil end: ContinuousClock.Instant? = nil) {
        let mustSleep = state.withLock { state in
            state.isSleeping = state.messages.isEmpty
            return state.isSleeping
        }
        guard mustSleep else { return }
        guard let end else { return wakeUp.wait() }
        let time = max(.zero, ContinuousClock.now.duration(to: end))
        let milliseconds = Int(min(time, .seconds(3600)) / .milliseconds(1)) + 1
        if wakeUp.wait(timeout: .now() + .milliseconds(milliseconds)) == .success { return }
        // One that came just now has signalled, or will.
        let isSignalled = state.withLock { state in
            defer { state.isSleeping = false }
            return !state.isSleeping
        }
        if isSignalled { wakeUp.wait() }
    }

    /// Publishes how the engine is doing and gives places back.
    ///
    /// - Parameters:
    ///   - statistics: as of now.
    ///   - ended: the requests of the sequences that have ended since the last time; those that
    ///     were cancelled have given back their places already.
    ///   - placeInterval: how long it takes on average until a place is free.
    func publish(
        _ statistics: EngineStatistics, ended: [RequestID], placeInterval: Duration
    ) {
        let hasBecomeIdle = state.withLock { state in
            state.statistics = statistics
            state.placeInterval = placeInterval
            return state.falls { for id in ended { $0.places.giveBackOne(of: id) } }
        }
        if hasBecomeIdle { whenIdle() }
    }

    /// Says that the engine will take no more messages, and returns those that it has not taken.
    func end() -> Messages {
        state.withLock { state in
            state.isClosed = true
            state.hasEnded = true
            defer { state.messages = Messages() }
            return state.messages
        }
    }
}
