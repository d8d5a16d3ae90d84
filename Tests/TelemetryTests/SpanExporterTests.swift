// SPDX-License-Identifier: Apache-2.0

import Dispatch
import HTTP
import HTTPTypes
import JSON
import Metrics
import Synchronization
import Telemetry
import Testing
import Tracing

@Suite struct SpanExporterTests {
    /// A collector that keeps what it gets, and may be held up.
    private final class Collector: Sendable {
        private let bodies = Mutex<[[UInt8]]>([])
        let gate: DispatchSemaphore?
        let begun = DispatchSemaphore(value: 0)
        let refusal: String?

        init(gate: DispatchSemaphore? = nil, refusal: String? = nil) {
            self.gate = gate
            self.refusal = refusal
        }

        func take(_ body: [UInt8]) -> String? {
            begun.signal()
            gate?.wait()
            bodies.withLock { $0.append(body) }
            return refusal
        }

        /// The spans of all bodies, in their order.
        var spans: [JSONValue] {
            get throws {
                try bodies.withLock { $0 }.flatMap { body in
                    try JSONParser.parse(body)["resourceSpans"]?[0]?["scopeSpans"]?[0]?["spans"]?
                        .arrayValue ?? []
                }
            }
        }
    }

    private func exporter(
        _ collector: Collector, registry: MetricsRegistry = MetricsRegistry(),
        maxWaiting: Int = 2_048, report: @escaping @Sendable (String) -> Void = { _ in }
    ) -> SpanExporter {
        var configuration = SpanExporter.Configuration()
        configuration.maxWaiting = maxWaiting
        configuration.interval = .seconds(3_600)
        return SpanExporter(
            configuration, resource: ["service.name": "test"], factory: registry, report: report,
            connect: { { collector.take($0) } })
    }

    private func time(_ nanoseconds: UInt64) -> DefaultTracerClock.Timestamp {
        DefaultTracerClock.Timestamp(nanosecondsSinceEpoch: nanoseconds)
    }

    private func text(_ registry: MetricsRegistry) -> String {
        var text = PrometheusText()
        text.append(registry)
        return text.text
    }

    @Test func `a span is told in OTLP's JSON with all that was said of it`() throws {
        let collector = Collector()
        let exporter = exporter(collector)
        let tracer = CollectorTracer(exporter)
        var context = ServiceContext.topLevel
        context.spanPlace = SpanPlace(
            traceID: "0af7651916cd43dd8448eb211c80319c", spanID: "b7ad6b7169203331")
        let span = tracer.startSpan("GET /", context: context, ofKind: .server, at: time(5))
        span.attributes["text"] = "a"
        span.attributes["whole"] = 7
        span.attributes["flag"] = true
        span.attributes["decimal"] = 0.5
        span.attributes["list"] = ["x", "y"]
        span.setStatus(SpanStatus(code: .error, message: "why"))
        span.addEvent(SpanEvent(name: "halfway", at: time(6)))
        span.end(at: time(9))
        span.end(at: time(10))
        span.attributes["late"] = 1
        #expect(exporter.flush(within: .seconds(60)))

        let spans = try collector.spans
        let place = try #require(span.context.spanPlace)
        #expect(place.spanID.wholeMatch(of: /[0-9a-f]{16}/) != nil)
        #expect(spans.count == 1)
        #expect(
            spans.first == [
                "traceId": "0af7651916cd43dd8448eb211c80319c", "spanId": .string(place.spanID),
                "parentSpanId": "b7ad6b7169203331", "name": "GET /", "kind": 2,
                "startTimeUnixNano": "5", "endTimeUnixNano": "9",
                "attributes": [
                    ["key": "decimal", "value": ["doubleValue": 0.5]],
                    ["key": "flag", "value": ["boolValue": true]],
                    [
                        "key": "list",
                        "value": [
                            "arrayValue": [
                                "values": [["stringValue": "x"], ["stringValue": "y"]]
                            ]
                        ],
                    ],
                    ["key": "text", "value": ["stringValue": "a"]],
                    ["key": "whole", "value": ["intValue": "7"]],
                ],
                "events": [["timeUnixNano": "6", "name": "halfway", "attributes": []]],
                "status": ["code": 2, "message": "why"],
            ])
    }

    @Test func `a span below another is of its trace, and one below none begins a trace`() throws {
        let collector = Collector()
        let exporter = exporter(collector)
        let tracer = CollectorTracer(exporter)
        let outer = tracer.startSpan("outer", context: .topLevel)
        let inner = tracer.startSpan("inner", context: outer.context)
        inner.end()
        outer.end()
        #expect(exporter.flush(within: .seconds(60)))
        let spans = try collector.spans
        #expect(spans.map { $0["name"] } == ["inner", "outer"])
        #expect(spans[0]["traceId"] == spans[1]["traceId"])
        #expect(spans[0]["parentSpanId"] == spans[1]["spanId"])
        #expect(spans[1]["parentSpanId"] == nil)
        let other = tracer.startSpan("other", context: .topLevel)
        #expect(other.context.spanPlace?.traceID != outer.context.spanPlace?.traceID)
    }

    @Test func `a slow collector costs spans and counts them, and nobody waits for it`() throws {
        let registry = MetricsRegistry()
        let gate = DispatchSemaphore(value: 0)
        let collector = Collector(gate: gate)
        let exporter = exporter(collector, registry: registry, maxWaiting: 600)
        let tracer = CollectorTracer(exporter)
        for _ in 0..<512 { tracer.startSpan("sent", context: .topLevel).end() }
        collector.begun.wait()
        for _ in 0..<1_000 { tracer.startSpan("more", context: .topLevel).end() }
        #expect(!exporter.flush(within: .zero))
        #expect(text(registry).contains("\ncierzo_trace_spans_dropped_total 400\n"))
        for _ in 0..<3 { gate.signal() }
        #expect(exporter.flush(within: .seconds(60)))
        #expect(try collector.spans.count == 1_112)
        #expect(text(registry).contains("\ncierzo_trace_spans_sent_total 1112\n"))
    }

    @Test func `a collector that takes nothing is told of once, and its spans are counted`() {
        let registry = MetricsRegistry()
        let reports = Mutex<[String]>([])
        let collector = Collector(refusal: "closed")
        let exporter = exporter(
            collector, registry: registry,
            report: { reason in reports.withLock { $0.append(reason) } })
        let tracer = CollectorTracer(exporter)
        for _ in 0..<3 {
            tracer.startSpan("lost", context: .topLevel).end()
            #expect(exporter.flush(within: .seconds(60)))
        }
        #expect(reports.withLock { $0 } == ["closed"])
        #expect(text(registry).contains("\ncierzo_trace_spans_dropped_total 3\n"))
    }

    @Test(arguments: [
        ("http://127.0.0.1:4318", "http://127.0.0.1:4318/v1/traces"),
        ("https://collector.example/otlp/", "https://collector.example/otlp/v1/traces"),
    ])
    func `a collector is named by its base`(base: String, address: String) {
        #expect(CollectorAddress(base)?.text == address)
    }

    @Test(arguments: [
        "", "127.0.0.1:4318", "ftp://a", "http://", "http://u:p@a", "http://a?b", "http://a b",
        "http://a#b",
    ])
    func `what is no base of a collector is refused`(base: String) {
        #expect(CollectorAddress(base) == nil)
    }

    @Test func `batches are posted as JSON, and a status that is none of success is a failure`()
        async throws
    {
        let posted = Mutex<[String]>([])
        var configuration = HTTPServer.Configuration()
        configuration.port = 0
        let server = HTTPServer(
            configuration: configuration,
            errorResponse: { status, _, _ in
                ServerResponse(status: status, contentType: "text/plain", body: [])
            }, admission: { _ in nil },
            handler: { request in
                let type = request.head.headerFields[.contentType] ?? ""
                let body = String(decoding: request.takeBody(), as: UTF8.self)
                posted.withLock {
                    $0.append("\(request.head.method) \(request.head.path ?? "") \(type) \(body)")
                }
                return ServerResponse(
                    status: body == "{}" ? .ok : .badRequest, contentType: "text/plain", body: [])
            })
        let port = try await server.start()
        let address = try #require(CollectorAddress("http://127.0.0.1:\(port)"))
        let answers = await withCheckedContinuation { continuation in
            DispatchQueue.global().async {
                let connection = CollectorConnection(to: address, secondsToAnswer: 600)
                continuation.resume(
                    returning: [connection.send(Array("{}".utf8)), connection.send([0x7B])])
            }
        }
        await server.shutdown(grace: .zero)
        #expect(answers == [nil, "http://127.0.0.1:\(port)/v1/traces: status 400"])
        #expect(
            posted.withLock { $0 } == [
                "POST /v1/traces application/json {}", "POST /v1/traces application/json {",
            ])
    }
}
