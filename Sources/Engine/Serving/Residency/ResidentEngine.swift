// SPDX-License-Identifier: Apache-2.0

package import Generation
import Synchronization

/// An engine in memory, as ``ResidentEngine`` uses it.
package protocol RunningEngine: CompletionEngine {
    /// Whether no request runs or waits.
    var isIdle: Bool { get }

    /// The same, the background aside.
    var isQuiet: Bool { get }

    /// What it takes in memory.
    var byteCount: Int { get }

    /// Why it cannot answer any more, if that is so.
    var problem: String? { get }

    /// Accepts a request that has waited elsewhere, or says at once why not.
    ///
    /// - Parameters:
    ///   - request: what to generate.
    ///   - submitted: since when its client waits.
    ///   - source: gets the events; the request is cancelled when nobody reads them any more.
    /// - Throws: `SubmissionError`.
    func accept(
        _ request: GenerationRequest, since submitted: ContinuousClock.Instant,
        to source: EventSource
    ) throws(SubmissionError)

    /// Looks whether the weights are still what they were.
    func lookAtWeights()

    /// Gives running requests some time, cancels the rest and gives the memory back.
    func end(grace: Duration) async
}

/// The engine of a model that is not always in memory.
///
/// It can be asked at any time: it knows the limits of the engine that there will be, and requests
/// wait in it until that is loaded. So nothing above it need know whether a model is in memory.
package final class ResidentEngine: CompletionEngine, LoadableModel {
    /// Loads the model and starts its engine; takes long, and runs on a thread of its own.
    package typealias Start =
        @Sendable (
            _ whenIdle: @escaping @Sendable () -> Void,
            _ progress: @escaping @Sendable (String, Double) -> Void
        ) throws -> any RunningEngine

    private struct State {
        var engine: (any RunningEngine)?
        /// The sums of the engines that have ended.
        var past: EngineStatistics?
        var hasEnded = false
    }

    private let limits: GenerationEngine.Limits
    private let start: Start
    private let state = Mutex(State())

    /// The model's place in memory.
    package let resident: Resident

    /// An engine that is not in memory yet.
    ///
    /// - Parameters:
    ///   - resident: its place.
    ///   - limits: what a request may ask of it.
    ///   - start: loads it.
    package init(_ resident: Resident, limits: GenerationEngine.Limits, start: @escaping Start) {
        self.resident = resident
        self.limits = limits
        self.start = start
    }

    package var contextLength: Int { limits.contextLength }

    package var vocabularyCount: Int { limits.vocabularyCount }

    package var statistics: EngineStatistics {
        let (engine, past) = state.withLock { ($0.engine, $0.past) }
        guard let now = engine?.statistics else { return past ?? EngineStatistics() }
        return past?.adding(now) ?? now
    }

    /// Why the model cannot answer any more, if that is so.
    package var problem: String? { state.withLock { $0.engine }?.problem }

    /// Looks whether the weights are still what they were, which may take long.
    package func lookAtWeights() { state.withLock { $0.engine }?.lookAtWeights() }

    package func accept(
        _ request: GenerationRequest, to stream: GenerationStream
    ) throws(SubmissionError) -> QueuePlace {
        let isBackground = request.isInBackground
        if try enter(inBackground: isBackground) {
            defer { resident.leave(inBackground: isBackground) }
            guard let engine = state.withLock({ $0.engine }) else { throw .shuttingDown }
            return try engine.accept(request, to: stream)
        }
        try limits.validate(request)
        let submitted = ContinuousClock.now
        let source = stream.open(choiceCount: request.choiceCount)
        let ticket = resident.makeTicket()
        // Before it waits: the engine says another way, once it has the request.
        source.onCancellation { ticket.withdraw() }
        do throws(ServingError) {
            let position = try resident.wait(
                as: ticket, count: request.placeCount,
                deadline: request.timeLimit.map { submitted + $0 }, inBackground: isBackground,
                placesBefore: request.placesBefore
            ) { [self] result in
                resume(request, since: submitted, source, result)
            }
            return QueuePlace(position: position, estimatedWait: expectedLoading)
        } catch {
            source.finish()
            throw SubmissionError(error)
        }
    }

    /// Begins a use of the model, if it is in memory.
    private func enter(inBackground: Bool) throws(SubmissionError) -> Bool {
        do throws(ServingError) { return try resident.enter(inBackground: inBackground) } catch {
            throw SubmissionError(error)
        }
    }

    /// How long loading takes, as far as it is known.
    private var expectedLoading: Duration {
        let report = resident.report
        return report.loadCount == 0 ? .zero : report.loadDuration / report.loadCount
    }

    /// Hands a request that has waited to the engine, or says why there is none.
    private func resume(
        _ request: GenerationRequest, since submitted: ContinuousClock.Instant,
        _ source: EventSource, _ result: Result<Void, ServingError>
    ) {
        do throws(ServingError) {
            try result.get()
            guard let engine = state.withLock({ $0.engine }) else { throw .stopping }
            do throws(SubmissionError) {
                try engine.accept(request, since: submitted, to: source)
            } catch {
                throw ServingError(error, prompt: 0)
            }
        } catch {
            for choice in 0..<request.choiceCount {
                source.send(.finished(choice: choice, reason: FinishReason(error), stop: nil))
            }
            // Nothing of its prompt was computed.
            source.send(
                .usage(Usage(promptTokens: 0, totalDuration: submitted.duration(to: .now))))
        }
    }

    // MARK: Memory

    package func load(
        progress: @escaping @Sendable (String, Double) -> Void
    ) async throws -> Int {
        let (start, resident) = (start, resident)
        let engine = try await WorkThread.run("cierzo-loading") {
            try start({ resident.noteIdle() }, progress)
        }
        let isTooLate = state.withLock { state in
            if !state.hasEnded { state.engine = engine }
            return state.hasEnded
        }
        if isTooLate { await engine.end(grace: .zero) }
        return engine.byteCount
    }

    package var isIdle: Bool { state.withLock { $0.engine }?.isIdle ?? true }

    package var isQuiet: Bool { state.withLock { $0.engine }?.isQuiet ?? true }

    package func unload() async { await end(grace: .zero, forever: false) }

    package func end(grace: Duration) async { await end(grace: grace, forever: true) }

    private func end(grace: Duration, forever: Bool) async {
        let engine = state.withLock { state in
            if forever { state.hasEnded = true }
            return state.engine
        }
        guard let engine else { return }
        await engine.end(grace: grace)
        state.withLock { state in
            var last = engine.statistics
            last.forgetLevels()
            state.past = state.past?.adding(last) ?? last
            state.engine = nil
        }
    }
}

extension SubmissionError {
    /// Why a request cannot wait for its model.
    init(_ error: ServingError) {
        self =
            switch error {
            case .overloaded(let delay): .overloaded(retryAfter: delay)
            case .unavailable(let reason, let delay):
                .unavailable(reason: reason, retryAfter: delay)
            default: .shuttingDown
            }
    }
}

extension FinishReason {
    /// How a request ends that waits for its model no longer.
    fileprivate init(_ error: ServingError) {
        self =
            switch error {
            case .expired: .expired
            case .stopping: .cancelled
            case .overloaded(let delay), .tooLate(let delay):
                .unavailable("\(error)", retryAfter: delay)
            case .unavailable(let reason, let delay): .unavailable(reason, retryAfter: delay)
            default: .error("\(error)")
            }
    }
}
