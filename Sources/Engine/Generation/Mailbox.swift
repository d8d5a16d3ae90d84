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

        /// When running requests must have ended, once a shutdown was asked for.
        var shutdownDeadline: ContinuousClock.Instant?

        var isEmpty: Bool {
            submissions.isEmpty && cancellations.isEmpty && shutdownDeadline == nil
        }

        mutating func removeAll() {
            submissions.removeAll(keepingCapacity: true)
            cancellations.removeAll(keepingCapacity: true)
            shutdownDeadline = nil
        }
    }

    private struct State {
        var messages = Messages()
        var isSleeping = false
        var isClosed = false
        var hasEnded = false
        var nextID: UInt64 = 1

        /// The sequences that were accepted and have not ended.
        var outstandingCount = 0
        var statistics = EngineStatistics()
        var placeInterval = Duration.seconds(1)
        var endWaiters: [CheckedContinuation<Void, Never>] = []

        /// Where new sequences stand.
        ///
        /// Without enough KV blocks some wait although places are free.
        func place(of count: Int, maxRunning: Int) -> QueuePlace {
            let needed = outstandingCount + count - maxRunning
            let ahead = outstandingCount - statistics.runningSequences
            let waiting = statistics.waitingSequences > 0 ? ahead : 0
            let position = max(needed, waiting, 0)
            return QueuePlace(position: position, estimatedWait: placeInterval * position)
        }
    }

    private let state = Mutex(State())
    private let wakeUp = DispatchSemaphore(value: 0)

    /// The statistics that the engine published last.
    var statistics: EngineStatistics { state.withLock { $0.statistics } }

    /// Reserves places for sequences.
    ///
    /// - Parameters:
    ///   - count: the number of places.
    ///   - maxRunning: how many sequences may run at the same time.
    ///   - limit: the most sequences that may be outstanding.
    ///   - timeLimit: when the result is of no use any more; nil for never.
    /// - Returns: the identity of the request and where it stands.
    /// - Throws: `SubmissionError` if there is no place, or none in time.
    func reserve(
        _ count: Int, maxRunning: Int, limit: Int, timeLimit: Duration?
    ) throws(SubmissionError) -> (RequestID, QueuePlace) {
        let result: Result<(RequestID, QueuePlace), SubmissionError> = state.withLock { state in
            if state.isClosed { return .failure(.shuttingDown) }
            if state.outstandingCount + count > limit {
                let missing = state.outstandingCount + count - limit
                let delay = min(max(state.placeInterval * missing, .seconds(1)), .seconds(60))
                return .failure(.overloaded(retryAfter: delay))
            }
            let place = state.place(of: count, maxRunning: maxRunning)
            if let timeLimit, place.estimatedWait >= timeLimit {
                return .failure(.tooLate(estimatedWait: place.estimatedWait))
            }
            state.outstandingCount += count
            defer { state.nextID += 1 }
            return .success((RequestID(rawValue: state.nextID), place))
        }
        return try result.get()
    }

    /// Sends a request whose places were reserved.
    ///
    /// - Returns: false if the engine has ended since, and will never take it.
    func send(_ submission: Submission) -> Bool {
        post { state in
            if !state.hasEnded { state.messages.submissions.append(submission) }
            return !state.hasEnded
        }
    }

    /// Asks for a request to be cancelled.
    func cancel(_ id: RequestID) {
        post { state in
            if !state.hasEnded { state.messages.cancellations.append(id) }
        }
    }

    /// Closes the mailbox for requests and asks the engine to end by a deadline.
    func shutDown(by deadline: ContinuousClock.Instant) {
        post { state in
            state.isClosed = true
            let earlier = state.messages.shutdownDeadline ?? deadline
            state.messages.shutdownDeadline = min(earlier, deadline)
        }
    }

    /// Waits until the engine's thread has nothing more to do with any request.
    func waitForEnd() async {
        await withCheckedContinuation { continuation in
            let hasEnded = state.withLock { state in
                if !state.hasEnded { state.endWaiters.append(continuation) }
                return state.hasEnded
            }
            if hasEnded { continuation.resume() }
        }
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
        state.withLock { swap(&$0.messages, &messages) }
    }

    /// Sleeps until there is a message.
    func sleepUntilMessage() {
        let mustSleep = state.withLock { state in
            state.isSleeping = state.messages.isEmpty
            return state.isSleeping
        }
        if mustSleep { wakeUp.wait() }
    }

    /// Publishes how the engine is doing and gives places back.
    ///
    /// - Parameters:
    ///   - statistics: as of now.
    ///   - endedCount: the sequences that have ended since the last time.
    ///   - placeInterval: how long it takes on average until a place is free.
    func publish(_ statistics: EngineStatistics, endedCount: Int, placeInterval: Duration) {
        state.withLock { state in
            state.statistics = statistics
            state.outstandingCount -= endedCount
            state.placeInterval = placeInterval
        }
    }

    /// Says that the engine will take no more messages, and returns those that it has not taken.
    func end() -> Messages {
        let (waiters, rest) = state.withLock { state in
            state.isClosed = true
            state.hasEnded = true
            defer {
                state.endWaiters = []
                state.messages = Messages()
            }
            return (state.endWaiters, state.messages)
        }
        for waiter in waiters { waiter.resume() }
        return rest
    }
}
