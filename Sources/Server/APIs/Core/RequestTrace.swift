// SPDX-License-Identifier: Apache-2.0

import Generation
import Telemetry
import Tracing

/// What a collector is told of one request: a span, and below it one for each phase of each answer.
///
/// Names of attributes are OpenTelemetry's.
struct RequestTrace: Sendable {
    private let tracer: any Tracer
    private let span: any Tracing.Span

    /// The methods of RFC 9110 and RFC 5789; any other text is a client's own.
    private static let methods: Set = [
        "CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE",
    ]

    /// Begins the span of a request.
    ///
    /// - Parameters:
    ///   - tracer: what records it.
    ///   - name: the route's name, never a client's own text.
    ///   - id: the request's identity.
    ///   - method: its method.
    ///   - parent: the client's place in its trace; nil to begin one.
    init(_ tracer: any Tracer, name: String, id: String, method: String, below parent: SpanPlace?) {
        var context = ServiceContext.topLevel
        context.spanPlace = parent
        self.tracer = tracer
        let isKnown = Self.methods.contains(method)
        span = tracer.startSpan(
            "\(isKnown ? method : "HTTP") \(name)", context: context, ofKind: .server)
        set("http.request.method", .string(isKnown ? method : "_OTHER"))
        set("http.route", .string(name))
        set("cierzo.request.id", .string(id))
    }

    /// Where the span stands, for the client.
    var place: SpanPlace? { span.context.spanPlace }

    /// Records the phases of a generation that has just ended.
    func generated(_ usage: Usage) {
        let end = DefaultTracerClock.now.nanosecondsSinceEpoch
        func instant(_ since: Duration) -> DefaultTracerClock.Timestamp {
            let left = max(.zero, usage.totalDuration - since) / .nanoseconds(1)
            return .init(nanosecondsSinceEpoch: end - min(end, UInt64(left)))
        }
        func phase(_ name: String, from start: Duration?, to end: Duration?) {
            guard let start, let end, start <= end else { return }
            tracer.startSpan(name, context: span.context, ofKind: .internal, at: instant(start))
                .end(at: instant(end))
        }
        phase("queue", from: .zero, to: usage.queueDuration)
        phase("prompt", from: usage.queueDuration, to: usage.firstTokenDuration)
        phase("answer", from: usage.firstTokenDuration, to: usage.totalDuration)
    }

    /// Ends the span.
    ///
    /// - Parameters:
    ///   - status: what was answered.
    ///   - isAbandoned: whether the client went away before the end.
    ///   - model: the model that answered; empty for none.
    ///   - usage: what it consumed.
    func end(status: Int, isAbandoned: Bool, model: String, _ usage: Usage) {
        set("http.response.status_code", .int64(Int64(status)))
        if !model.isEmpty {
            set("gen_ai.response.model", .string(model))
            set("gen_ai.usage.input_tokens", .int64(Int64(usage.promptTokens)))
            set("gen_ai.usage.output_tokens", .int64(Int64(usage.completionTokens)))
        }
        if isAbandoned {
            span.setStatus(SpanStatus(code: .error, message: "the client went away"))
        } else if status >= 500 {
            span.setStatus(SpanStatus(code: .error))
        }
        span.end()
    }

    private func set(_ name: String, _ value: SpanAttribute) {
        span.attributes.set(name, value: value)
    }
}
