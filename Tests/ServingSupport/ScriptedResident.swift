// SPDX-License-Identifier: Apache-2.0

package import Generation
import Serving
import Synchronization

/// Memory that models take in a test.
package final class MemoryMeter: Sendable {
    private let state = Mutex((used: 0, peak: 0, faults: [String]()))

    /// An empty memory.
    package init() {}

    /// What is taken now.
    package var used: Int { state.withLock { $0.used } }

    /// The most that was taken at a time.
    package var peak: Int { state.withLock { $0.peak } }

    /// What should never happen and did.
    package var faults: [String] { state.withLock { $0.faults } }

    func take(_ count: Int) {
        state.withLock {
            $0.used += count
            $0.peak = max($0.peak, $0.used)
        }
    }

    func giveBack(_ count: Int) { state.withLock { $0.used -= count } }

    func report(_ fault: String) { state.withLock { $0.faults.append(fault) } }
}

/// An engine in memory whose answers are its own name, as often as tokens are asked for.
package final class ScriptedResident: RunningEngine {
    private let name: String
    private let memory: MemoryMeter
    private let whenIdle: @Sendable () -> Void
    private let gate: Gate?
    private let state = Mutex((running: 0, background: 0, finished: 0, hasEnded: false))

    /// What it takes in memory.
    package let byteCount: Int

    /// An engine, which takes its memory at once.
    ///
    /// - Parameters:
    ///   - name: its answers.
    ///   - byteCount: what it takes of the memory.
    ///   - memory: where it takes it.
    ///   - gate: what each answer waits for; nil to go on at once.
    ///   - whenIdle: is told each time that the last request has ended.
    package init(
        _ name: String, byteCount: Int, of memory: MemoryMeter, gate: Gate? = nil,
        whenIdle: @escaping @Sendable () -> Void
    ) {
        self.name = name
        self.byteCount = byteCount
        self.memory = memory
        self.gate = gate
        self.whenIdle = whenIdle
        memory.take(byteCount)
    }

    package var contextLength: Int { 512 }
    package var vocabularyCount: Int { ByteTokenizer.count }
    package var problem: String? { nil }
    package var isIdle: Bool { state.withLock { $0.running == 0 } }
    package var isQuiet: Bool { state.withLock { $0.running == $0.background } }
    package func lookAtWeights() {}

    package var statistics: EngineStatistics {
        var statistics = EngineStatistics()
        let now = state.withLock { $0 }
        statistics.runningSequences = now.running
        statistics.finishedRequests = UInt64(now.finished)
        return statistics
    }

    package func accept(
        _ request: GenerationRequest, to stream: GenerationStream
    ) throws(SubmissionError) -> QueuePlace {
        try accept(request, since: .now, to: stream.open(choiceCount: request.choiceCount))
        return QueuePlace()
    }

    package func accept(
        _ request: GenerationRequest, since submitted: ContinuousClock.Instant,
        to source: EventSource
    ) throws(SubmissionError) {
        state.withLock {
            $0.running += 1
            if request.isInBackground { $0.background += 1 }
        }
        Task {
            await gate?.wait()
            let isCancelled = state.withLock { $0.hasEnded }
            for _ in 0..<(isCancelled ? 0 : request.maxTokens ?? 1) {
                await Task.yield()
                source.send(.output(choice: 0, text: name, tokens: []))
            }
            source.send(
                .finished(choice: 0, reason: isCancelled ? .cancelled : .stop, stop: nil))
            source.send(.usage(Usage(promptTokens: request.promptTokens.count)))
            let isLast = state.withLock {
                $0.running -= 1
                if request.isInBackground { $0.background -= 1 }
                $0.finished += 1
                return $0.running == 0 || $0.running == $0.background && !request.isInBackground
            }
            if isLast { whenIdle() }
        }
    }

    package func end(grace: Duration) async {
        if !isQuiet { memory.report("\(name) is unloaded while it runs") }
        state.withLock { $0.hasEnded = true }
        memory.giveBack(byteCount)
    }
}

/// What others wait for until a test opens it.
package final class Gate: Sendable {
    private let state = Mutex((isOpen: false, waiters: [CheckedContinuation<Void, Never>]()))

    /// A closed gate.
    package init() {}

    /// How many wait.
    package var waitingCount: Int { state.withLock { $0.waiters.count } }

    /// Returns once the gate is open.
    package func wait() async {
        await withCheckedContinuation { continuation in
            let isOpen = state.withLock { state in
                if !state.isOpen { state.waiters.append(continuation) }
                return state.isOpen
            }
            if isOpen { continuation.resume() }
        }
    }

    /// Lets all through, now and later.
    package func open() {
        let waiters = state.withLock { state in
            state.isOpen = true
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.resume() }
    }
}
