// SPDX-License-Identifier: Apache-2.0

import Metrics

/// What the API server counts of its requests.
package struct RequestMetrics: Sendable {
    private let factory: any MetricsFactory
    private let requestsInFlight: Meter
    private let promptTokens: Counter
    private let completionTokens: Counter
    private let cachedTokens: Counter
    private let firstTokenDuration: Timer
    private let queueDuration: Timer

    /// Creates the counters of a server in a registry.
    package init(registry: MetricsRegistry) {
        factory = registry
        requestsInFlight = Meter(label: "cierzo_http_requests_in_flight", factory: registry)
        promptTokens = Counter(label: "cierzo_prompt_tokens_total", factory: registry)
        completionTokens = Counter(label: "cierzo_completion_tokens_total", factory: registry)
        cachedTokens = Counter(label: "cierzo_cached_prompt_tokens_total", factory: registry)
        firstTokenDuration = Timer(label: "cierzo_time_to_first_token", factory: registry)
        queueDuration = Timer(label: "cierzo_queue_duration", factory: registry)
    }

    /// Counts a request that has begun.
    package func begin() { requestsInFlight.increment() }

    /// Counts a request that has been answered, its stream included.
    ///
    /// - Parameters:
    ///   - route: the route's name, never the path that the client sent.
    ///   - status: the HTTP status.
    ///   - duration: from the request to the end of the answer.
    package func end(route: String, status: Int, duration: Duration) {
        requestsInFlight.decrement()
        Counter(
            label: "cierzo_http_requests_total",
            dimensions: [("route", route), ("status", String(status))], factory: factory
        ).increment()
        Timer(
            label: "cierzo_http_request_duration", dimensions: [("route", route)],
            factory: factory
        ).recordNanoseconds(duration.nanoseconds)
    }

    /// Counts what a generation consumed.
    package func consumed(
        promptTokens: Int, completionTokens: Int, cachedTokens: Int, queueDuration: Duration?,
        firstTokenDuration: Duration?
    ) {
        self.promptTokens.increment(by: promptTokens)
        self.completionTokens.increment(by: completionTokens)
        self.cachedTokens.increment(by: cachedTokens)
        if let queueDuration {
            self.queueDuration.recordNanoseconds(queueDuration.nanoseconds)
        }
        if let firstTokenDuration {
            self.firstTokenDuration.recordNanoseconds(firstTokenDuration.nanoseconds)
        }
    }

    /// Counts a request that the engine refused.
    ///
    /// - Parameter reason: one of few words.
    package func refused(reason: String) {
        Counter(
            label: "cierzo_requests_refused_total", dimensions: [("reason", reason)],
            factory: factory
        ).increment()
    }

    /// Counts a request whose client went away before the end.
    package func abandoned() {
        Counter(label: "cierzo_requests_abandoned_total", factory: factory).increment()
    }
}

extension Duration {
    fileprivate var nanoseconds: Int64 {
        let (seconds, attoseconds) = components
        let (whole, overflows) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        return overflows
            ? .max : whole.addingReportingOverflow(attoseconds / 1_000_000_000).partialValue
    }
}
