// SPDX-License-Identifier: Apache-2.0

import Metrics

/// What the API server counts of its requests.
package struct RequestMetrics: Sendable {
    private let factory: any MetricsFactory
    private let requestsInFlight: Meter
    private let abandonedRequests: Counter

    /// Why a request is not taken.
    package enum Refusal: String, CaseIterable, Sendable {
        /// The queue is full.
        case overloaded
        /// The key has no more of what it may use.
        case limited
        /// It could not begin in its time.
        case tooLate = "too_late"
        /// The model is not there.
        case unavailable
    }

    /// Creates the counters of a server in a registry.
    package init(registry: MetricsRegistry) {
        factory = registry
        requestsInFlight = Meter(label: "cierzo_http_requests_in_flight", factory: registry)
        abandonedRequests = Counter(label: "cierzo_requests_abandoned_total", factory: registry)
        // A rate needs the 0 before the first of them.
        for reason in Refusal.allCases { refusals(reason).increment(by: 0) }
    }

    /// Counts a request that has begun.
    package func begin() { requestsInFlight.increment() }

    /// Counts a request that has been answered, its stream included.
    ///
    /// - Parameters:
    ///   - route: the route's name, never the path that the client sent.
    ///   - status: the HTTP status.
    ///   - duration: from the request to the end of the answer.
    ///   - key: the name of the key that it came with; nil for none.
    package func end(route: String, status: Int, duration: Duration, key: String? = nil) {
        requestsInFlight.decrement()
        count("cierzo_key_requests_total", 1, of: key)
        count("cierzo_key_requests_limited_total", 0, of: key)
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
    ///
    /// - Parameters:
    ///   - model: the name of the model, never the one that the client sent.
    ///   - key: the name of the key that it was for; nil for none.
    ///   - promptTokens: of the prompt.
    ///   - completionTokens: of all its choices.
    ///   - cachedTokens: those of the prompt that were found in the prefix cache.
    ///   - queueDuration: until the prompt was first computed; nil where it never was.
    ///   - firstTokenDuration: until the first token; nil where there is none.
    package func consumed(
        model: String, key: String? = nil, promptTokens: Int, completionTokens: Int,
        cachedTokens: Int, queueDuration: Duration?, firstTokenDuration: Duration?
    ) {
        let own = [("model_name", model)]
        func count(_ label: String, _ amount: Int) {
            Counter(label: label, dimensions: own, factory: factory).increment(by: amount)
        }
        func time(_ label: String, _ duration: Duration?) {
            guard let duration else { return }
            Timer(label: label, dimensions: own, factory: factory)
                .recordNanoseconds(duration.nanoseconds)
        }
        func size(_ label: String, _ size: Int) {
            Recorder(label: label, dimensions: own, factory: factory).record(size)
        }
        count("cierzo_prompt_tokens_total", promptTokens)
        count("cierzo_completion_tokens_total", completionTokens)
        count("cierzo_cached_prompt_tokens_total", cachedTokens)
        self.count("cierzo_key_prompt_tokens_total", promptTokens, of: key)
        self.count("cierzo_key_completion_tokens_total", completionTokens, of: key)
        size("cierzo_request_prompt_tokens", promptTokens)
        size("cierzo_request_generation_tokens", completionTokens)
        time("cierzo_request_queue_time", queueDuration)
        time("cierzo_time_to_first_token", firstTokenDuration)
    }

    /// Counts a request that was not taken.
    ///
    /// - Parameters:
    ///   - reason: why.
    ///   - key: the name of the key that it came with; nil for none.
    package func refused(_ reason: Refusal, key: String? = nil) {
        refusals(reason).increment()
        if reason == .limited { count("cierzo_key_requests_limited_total", 1, of: key) }
    }

    /// Counts something of a key; of more keys than a registry has series, together.
    private func count(_ label: String, _ amount: Int, of key: String?) {
        guard let key else { return }
        Counter(label: label, dimensions: [("key", key)], factory: factory).increment(by: amount)
    }

    private func refusals(_ reason: Refusal) -> Counter {
        Counter(
            label: "cierzo_requests_refused_total", dimensions: [("reason", reason.rawValue)],
            factory: factory)
    }

    /// Counts a request whose client went away before the end.
    package func abandoned() { abandonedRequests.increment() }
}

extension Duration {
    fileprivate var nanoseconds: Int64 {
        let (seconds, attoseconds) = components
        let (whole, overflows) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        return overflows
            ? .max : whole.addingReportingOverflow(attoseconds / 1_000_000_000).partialValue
    }
}
