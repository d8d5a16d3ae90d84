// SPDX-License-Identifier: Apache-2.0

import Access
import Generation
import JSON
import Logging
import Serving
import Synchronization
import Telemetry

/// What is counted and logged of one request, once, when its answer has been sent.
///
/// A class, because the end must be noticed even where a connection dies before the body of its
/// response was asked for.
final class RequestRecord: Sendable {
    /// The status that is counted where the client went away before there was one (nginx's).
    static let clientClosedRequest = 499

    private struct State {
        var usage = Usage()
        var hasUsage = false
        var hasEnded = false
        var place: QueuePlace?
        var lease: AccessLease?
        /// What the engine has begun to compute, of which it has not said yet what it consumed.
        var submittedTokens = 0
        var streamedTokens = 0
        /// Its place among the requests that are under way; nil before it has one.
        var rosterNumber: Int?
        /// Whether a stream ended with an error before the engine said what it consumed.
        var isCutOff = false
        /// The status of an error that came after the status had been sent.
        var lateStatus: Int?
        var account: RequestAccount?
        /// The name of the key that it came with; nil for none.
        var key: String?
        var trail: AuditTrail?
        var model: ServedModel?
        /// Its name; empty where none was asked.
        var modelName: String { model?.description.name ?? "" }
        /// The prompts of which all is known.
        var endedCount = 0
        /// What of it is in the file of usage.
        var counted = UsageLedger.Counts()

        /// What there is to count.
        func counts(isAbandoned: Bool) -> UsageLedger.Counts {
            var counts = UsageLedger.Counts()
            let isUntold = isAbandoned || isCutOff
            counts.requests = 1
            counts.abandoned = isAbandoned ? 1 : 0
            counts.promptTokens = max(usage.promptTokens, isUntold ? submittedTokens : 0)
            counts.completionTokens = max(
                usage.completionTokens, isUntold ? streamedTokens : 0)
            counts.cachedTokens = usage.cachedPromptTokens
            return counts
        }
    }

    private let id: String
    private let trace: TraceContext?
    /// The route that it is counted under.
    let route: String
    private let metrics: RequestMetrics
    private let roster: RequestRoster
    private let span: RequestTrace?
    private let logger: Logger
    private let start = ContinuousClock.now
    private let state = Mutex(State())

    /// Begins to count a request.
    init(
        id: String, trace: TraceContext?, route: String, metrics: RequestMetrics,
        roster: RequestRoster = RequestRoster(), span: RequestTrace? = nil, logger: Logger
    ) {
        self.id = id
        self.trace = trace
        self.route = route
        self.metrics = metrics
        self.roster = roster
        self.span = span
        self.logger = logger
        metrics.begin()
    }

    deinit {
        end(status: Self.clientClosedRequest, isAbandoned: true)
    }

    /// The time since the request arrived.
    var elapsed: Duration { ContinuousClock.now - start }

    /// Keeps where the request stands in the queue; of several prompts, the one furthest behind.
    func queued(_ place: QueuePlace) {
        state.withLock { state in
            if let known = state.place, known.position >= place.position { return }
            state.place = place
        }
    }

    /// Where the request stood in the queue, if it got there.
    var place: QueuePlace? { state.withLock { $0.place } }

    /// What `Server-Timing` says: milliseconds in the queue, until the first token, and in all.
    var timing: String {
        let usage = state.withLock { $0.usage }
        let parts: [(String, Duration?)] = [
            ("queue", usage.queueDuration), ("first-token", usage.firstTokenDuration),
            ("total", elapsed),
        ]
        return parts.compactMap { name, duration in
            duration.map { "\(name);dur=\(Int($0 / .milliseconds(1)))" }
        }.joined(separator: ", ")
    }

    /// The tokens of prompts and answers; nil where nothing was generated or has ended.
    var tokenCount: Int? {
        state.withLock { state in
            state.hasUsage ? state.usage.promptTokens + state.usage.completionTokens : nil
        }
    }

    /// What was consumed so far.
    var usage: Usage { state.withLock { $0.usage } }

    /// Keeps the place that the request has within the limits of its key.
    func hold(_ lease: AccessLease) { state.withLock { $0.lease = lease } }

    /// The place that the request has within the limits of its key.
    var lease: AccessLease? { state.withLock { $0.lease } }

    /// Has what the request comes to counted and recorded.
    func count(in account: RequestAccount, _ context: RequestContext) {
        let trail =
            account.access.audit == nil ? nil : AuditTrail(of: account, context, route: route)
        state.withLock { state in
            state.account = account
            state.trail = trail
        }
    }

    /// What is recorded of it; nil where nothing is.
    var trail: AuditTrail? { state.withLock { $0.trail } }

    /// Keeps who asks.
    func isAsked(by caller: Caller) {
        state.withLock { $0.key = caller.number == 0 ? nil : caller.name }
    }

    /// The name of the key that the request came with; nil for none.
    var key: String? { state.withLock { $0.key } }

    /// Has it not recorded, for it is counted among those that were refused.
    func dropTrail() { state.withLock { $0.trail = nil } }

    /// Has it neither counted nor recorded as anybody's, for it comes again and is then.
    func withdraw() {
        let lease = state.withLock { state in
            (state.trail, state.account) = (nil, nil)
            return state.lease
        }
        lease?.withdraw()
    }

    /// Keeps what answers.
    func answers(with model: ServedModel) { state.withLock { $0.model = model } }

    /// Has counted and recorded what was consumed so far, and returns when that is in the files.
    ///
    /// Called before the end of an answer is told, so that none was told and not counted.
    ///
    /// - Parameters:
    ///   - status: what is answered.
    ///   - isWhole: whether all is known of it; otherwise it is, once every prompt has ended.
    func commit(status: Int, isWhole: Bool = true) async {
        if let (account, model, counts) = pending(isAbandoned: false) {
            await account.add(counts, of: model)
        }
        let (audit, endedCount) = state.withLock { ($0.account?.access.audit, $0.endedCount) }
        guard let trail, isWhole || endedCount >= trail.promptCount,
            let line = auditLine(trail, status: status, ending: "answered")
        else { return }
        await audit?.append(line)
    }

    private func auditLine(_ trail: AuditTrail, status: Int, ending end: String) -> AuditLog.Entry?
    {
        let (model, usage) = state.withLock { ($0.model, $0.usage) }
        return trail.record(by: model, usage, status: status, ending: end, after: elapsed)
    }

    /// What is not counted yet, if anything is.
    private func pending(
        isAbandoned: Bool
    ) -> (RequestAccount, model: String, UsageLedger.Counts)? {
        state.withLock { state in
            guard let account = state.account, account.family.isCounted, let model = state.model
            else { return nil }
            let counts = state.counts(isAbandoned: isAbandoned)
            let missing = counts - state.counted
            guard missing != UsageLedger.Counts() else { return nil }
            state.counted = counts
            return (account, model.description.name, missing)
        }
    }

    /// Keeps how many tokens of prompts the engine was given.
    func submitted(_ count: Int) {
        let number = roster.enter(self)
        let key = state.withLock { state in
            state.submittedTokens = count
            state.rosterNumber = number
            return state.key
        }
        roster.add(RequestRoster.Tokens(prompt: count), of: key)
    }

    /// How it is now, for whoever watches.
    var glance: RequestRoster.Glance {
        state.withLock { state in
            RequestRoster.Glance(
                id: id, route: route, model: state.modelName, key: state.key, elapsed: elapsed,
                promptTokens: state.submittedTokens, answeredTokens: state.streamedTokens)
        }
    }

    /// Counts tokens of an answer that is not complete yet.
    func streamed(_ count: Int) {
        let key = state.withLock { state in
            state.streamedTokens += count
            return state.key
        }
        roster.add(RequestRoster.Tokens(generated: count), of: key)
    }

    /// Has counted what was told of a stream that ended with an error.
    func cutOff() { state.withLock { $0.isCutOff = $0.streamedTokens > 0 } }

    /// Has the request end with the status of an error, though another one has been sent.
    func failed(status: Int) { state.withLock { $0.lateStatus = status } }

    /// Gives the place back that the request had within the limits of its key.
    ///
    /// - Parameter isAbandoned: whether its client went away before the end. What was computed for him
    ///   counts all the same, as far as anybody knows of it.
    func settle(isAbandoned: Bool = false) {
        let (lease, tokens) = state.withLock { state in
            let known = state.usage.promptTokens + state.usage.completionTokens
            let isUntold = isAbandoned || state.isCutOff
            let begun = isUntold ? state.submittedTokens + state.streamedTokens : 0
            return (state.lease, max(known, begun))
        }
        lease?.settle(tokens: tokens)
    }

    /// Adds what a prompt and its choices consumed.
    func consumed(_ usage: Usage) {
        span?.generated(usage)
        metrics.consumed(
            model: state.withLock { $0.modelName }, key: key, promptTokens: usage.promptTokens,
            completionTokens: usage.completionTokens,
            cachedTokens: usage.cachedPromptTokens, queueDuration: usage.queueDuration,
            firstTokenDuration: usage.firstTokenDuration)
        let key = key
        let untold = state.withLock { state in
            state.hasUsage = true
            state.endedCount += 1
            state.usage.promptTokens += usage.promptTokens
            state.usage.completionTokens += usage.completionTokens
            state.usage.cachedPromptTokens += usage.cachedPromptTokens
            state.usage.thinkingTokens += usage.thinkingTokens
            state.usage.firstTokenDuration = usage.firstTokenDuration
            state.usage.queueDuration = usage.queueDuration
            // Streams have told theirs.
            return state.streamedTokens > 0 ? 0 : usage.completionTokens
        }
        roster.add(RequestRoster.Tokens(generated: untold), of: key)
    }

    /// Counts the end; only the first call does anything.
    ///
    /// - Parameters:
    ///   - status: what was answered, or `clientClosedRequest`.
    ///   - isAbandoned: whether the client went away before the end.
    func end(status: Int, isAbandoned: Bool = false) {
        let (usage, number, lateStatus): (Usage?, Int?, Int?) = state.withLock { state in
            guard !state.hasEnded else { return (nil, nil, nil) }
            state.hasEnded = true
            return (
                state.hasUsage ? state.usage : Usage(), state.rosterNumber, state.lateStatus
            )
        }
        guard let usage else { return }
        if let number { roster.leave(number) }
        settle(isAbandoned: isAbandoned)
        let status = lateStatus ?? status
        let hasLeft = isAbandoned && lateStatus == nil
        noteRest(
            status: status, isAbandoned: isAbandoned,
            ending: hasLeft
                ? "abandoned" : lateStatus != nil ? "failed" : status < 400 ? "answered" : "refused"
        )
        metrics.end(route: route, status: status, duration: elapsed, key: key)
        span?.end(
            status: status, isAbandoned: hasLeft, model: state.withLock { $0.modelName }, usage)
        if hasLeft { metrics.abandoned() }
        var metadata: Logger.Metadata = [
            "request": "\(id)", "route": "\(route)", "status": "\(status)",
            "seconds": "\(Self.seconds(elapsed))",
        ]
        if let trace {
            metadata["trace"] = "\(trace.traceID)"
            metadata["span"] = "\(trace.spanID)"
        }
        guard usage.promptTokens > 0 else {
            logger.debug("request", metadata: metadata)
            return
        }
        metadata["model"] = "\(state.withLock { $0.modelName })"
        metadata["prompt"] = "\(usage.promptTokens)"
        metadata["cached"] = "\(usage.cachedPromptTokens)"
        metadata["completion"] = "\(usage.completionTokens)"
        if let first = usage.firstTokenDuration {
            metadata["first_token_seconds"] = "\(Self.seconds(first))"
        }
        logger.info("request", metadata: metadata)
    }

    /// Has counted and recorded what nobody waits for any more.
    private func noteRest(status: Int, isAbandoned: Bool, ending end: String) {
        // What was refused before anything was computed is no request of anybody's.
        let (audit, isBegun) = state.withLock {
            ($0.account?.access.audit, $0.submittedTokens > 0 || $0.counted.requests > 0)
        }
        if isBegun, let (account, model, counts) = pending(isAbandoned: isAbandoned) {
            account.note(counts, of: model)
        }
        if let trail, let line = auditLine(trail, status: status, ending: end) {
            audit?.note(line)
        }
    }

    private static func seconds(_ duration: Duration) -> Double {
        ((duration / .milliseconds(1)).rounded()) / 1000
    }
}
