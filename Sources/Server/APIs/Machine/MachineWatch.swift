// SPDX-License-Identifier: Apache-2.0

import Computation
import Generation
import HTTP
import JSON
import Serving
import Synchronization
import Telemetry

/// Tells whoever watches how the server is doing, again and again.
///
/// Samples are made once for all who watch. While nobody does, nothing is read, kept or computed.
final class MachineWatch: Sendable {
    /// Distributions of which every value is kept while somebody watches.
    private static let firstToken = "cierzo_time_to_first_token_seconds"
    private static let betweenTokens = "cierzo_inter_token_latency_seconds"

    /// How many may watch at the same time.
    static let mostWatchers = 32

    private struct State {
        var watchers: [Int: AsyncStream<[UInt8]>.Continuation] = [:]
        var nextNumber = 1
        /// The last event, with which a further watcher begins.
        var latest: [UInt8] = []
        var isRunning = false
        var hasEnded = false
        var memoryBandwidth: Double?
    }

    private let models: ModelRegistry
    private let registry: MetricsRegistry
    private let roster: RequestRoster
    private let interval: Duration
    private let unixTime: @Sendable () -> Int
    private let state = Mutex(State())

    /// Watches for nobody yet.
    ///
    /// - Parameters:
    ///   - models: what is watched.
    ///   - registry: where times are recorded.
    ///   - roster: the requests that are under way.
    ///   - interval: the time between two events.
    ///   - unixTime: the seconds since 1970.
    init(
        _ models: ModelRegistry, registry: MetricsRegistry, roster: RequestRoster,
        interval: Duration, unixTime: @escaping @Sendable () -> Int
    ) {
        self.models = models
        self.registry = registry
        self.roster = roster
        self.interval = interval
        self.unixTime = unixTime
    }

    /// Keeps what the memory of this machine was found to give, in bytes per second.
    func measured(memoryBandwidth: Double) {
        state.withLock { $0.memoryBandwidth = memoryBandwidth }
    }

    /// Whether somebody watches.
    var isWatched: Bool { state.withLock { !$0.watchers.isEmpty } }

    /// The events from now on, until they are read no more or the server ends.
    ///
    /// Who reads too slowly misses some.
    ///
    /// - Throws: `unavailable` where too many watch already.
    func events() throws(APIError) -> AsyncStream<[UInt8]> {
        enum Place {
            case none, ended
            case taken(Int, isFirst: Bool)
        }
        let (stream, continuation) = AsyncStream.makeStream(
            of: [UInt8].self, bufferingPolicy: .bufferingNewest(1))
        let place: Place = state.withLock { state in
            if state.hasEnded { return .ended }
            if state.watchers.count >= Self.mostWatchers { return .none }
            defer {
                state.nextNumber += 1
                state.isRunning = true
            }
            state.watchers[state.nextNumber] = continuation
            if !state.latest.isEmpty { continuation.yield(state.latest) }
            return .taken(state.nextNumber, isFirst: !state.isRunning)
        }
        guard case .taken(let number, let isFirst) = place else {
            continuation.finish()
            if case .ended = place { return stream }
            throw .unavailable(
                reason: "\(Self.mostWatchers) watch the machine already, and no more may.",
                retryAfterSeconds: 10)
        }
        continuation.onTermination = { [self] _ in
            state.withLock { state in _ = state.watchers.removeValue(forKey: number) }
        }
        if isFirst { Task { [self] in await run() } }
        return stream
    }

    /// Ends all streams, so that the server can.
    func end() {
        let watchers = state.withLock { state in
            defer { state.watchers = [:] }
            state.hasEnded = true
            return state.watchers.values.map { $0 }
        }
        for watcher in watchers { watcher.finish() }
    }

    private func run() async {
        var before: MachineReading?
        while true {
            roster.watch(true)
            let reading = MachineReading(models)
            Self.trace(true, in: reading)
            let sample = sample(reading, since: before)
            before = reading
            let event = ServerSentEvents.encode(data: sample.json.serialized())
            let goesOn = state.withLock { state in
                if state.watchers.isEmpty {
                    state.isRunning = false
                    state.latest = []
                    return false
                }
                state.latest = event
                for watcher in state.watchers.values { watcher.yield(event) }
                return true
            }
            guard goesOn else { break }
            try? await Task.sleep(for: interval)
        }
        // Another one may have begun meanwhile, and then keeps on.
        if !isWatched {
            roster.watch(false)
            registry.forgetValues(of: Self.firstToken)
            registry.forgetValues(of: Self.betweenTokens)
            Self.trace(false, in: MachineReading(models))
        }
    }

    /// Has the models with experts keep what the last requests were routed to, or not.
    private static func trace(_ isWatched: Bool, in reading: MachineReading) {
        for model in reading.models {
            model.statistics?.expertUsage?.trace.watch(isWatched)
        }
    }

    private func sample(_ reading: MachineReading, since before: MachineReading?) -> MachineSample {
        var sample = MachineSample(before: before, now: reading, unixTime: unixTime())
        // What was recorded before the first one is of no interval.
        sample.firstTokens = registry.takeValues(of: Self.firstToken, by: "model_name")
        sample.tokenIntervals = registry.takeValues(of: Self.betweenTokens, by: "model_name")
        sample.tokens = roster.takeTokens()
        sample.requests = roster.glances(limit: MachineSample.mostRequests)
        sample.memoryBandwidth = state.withLock { $0.memoryBandwidth }
        return sample
    }
}
