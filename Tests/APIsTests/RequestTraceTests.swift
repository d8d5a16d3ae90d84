// SPDX-License-Identifier: Apache-2.0

import APIs
import Generation
import HTTP
import HTTPTypes
import JSON
import Serving
import ServingSupport
import Synchronization
import Telemetry
import Testing

/// What a collector is told of requests.
@Suite struct RequestTraceTests {
    private final class Collector: Sendable {
        let bodies = Mutex<[[UInt8]]>([])
    }

    /// A server whose spans are kept, and what is kept of some requests to it.
    private func spans(
        of requests: [ServerRequest]
    ) async throws -> (fields: [HTTPFields], spans: [JSONValue]) {
        let collector = Collector()
        let exporter = SpanExporter(
            resource: [:], factory: MetricsRegistry(),
            connect: {
                { body in
                    collector.bodies.withLock { $0.append(body) }
                    return nil
                }
            })
        let models = ModelRegistry()
        let description = ModelDescription(
            name: "maker/model", aliases: [], creationTime: 1, contextLength: 512)
        models.announce(description).serve(
            ServedModel(
                description: description, engine: Self.timedEngine, tokenizer: ByteTokenizer(),
                prompts: PlainPrompts(), fingerprint: "fp"))
        let server = APIServer(models: models, tracer: CollectorTracer(exporter), unixTime: { 7 })
        var fields: [HTTPFields] = []
        for request in requests {
            let response = await server.handle(request)
            if case .stream(let produce) = response.body {
                try await produce(ResponseWriter { _ in })
            }
            fields.append(response.head.headerFields)
        }
        #expect(exporter.flush(within: .seconds(60)))
        let spans = try collector.bodies.withLock { $0 }.flatMap { body in
            try JSONParser.parse(body)["resourceSpans"]?[0]?["scopeSpans"]?[0]?["spans"]?.arrayValue
                ?? []
        }
        return (fields, spans)
    }

    /// An engine whose prompts wait 1 ms and give their first token after 2 and their last after 5.
    private static var timedEngine: ScriptedEngine {
        ScriptedEngine { request throws(SubmissionError) in
            ScriptedEngine.events(
                ScriptedEngine.greetingEvents(request).map { event in
                    guard case .usage(var usage) = event else { return event }
                    usage.queueDuration = .milliseconds(1)
                    usage.firstTokenDuration = .milliseconds(2)
                    usage.totalDuration = .milliseconds(5)
                    return .usage(usage)
                })
        }
    }

    /// How long a span took in nanoseconds.
    private func duration(_ span: JSONValue) -> UInt64? {
        guard let start = span["startTimeUnixNano"]?.stringValue.flatMap({ UInt64($0) }),
            let end = span["endTimeUnixNano"]?.stringValue.flatMap({ UInt64($0) })
        else { return nil }
        return end - start
    }

    private func value(_ span: JSONValue, _ key: String) -> JSONValue? {
        span["attributes"]?.arrayValue?.first { $0["key"]?.stringValue == key }?["value"]
    }

    @Test(arguments: ["", #","stream":true"#])
    func `a request is a span of its client's trace, with its phases below it`(
        more: String
    ) async throws {
        let body = #"{"model":"default","prompt":"ab"\#(more)}"#
        let (fields, spans) = try await spans(of: [
            TestClient.request(
                .post, "/v1/completions", body,
                [
                    "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                    "x-request-id": "one",
                ])
        ])
        let span = try #require(spans.first { $0["kind"] == 2 })
        #expect(span["name"] == "POST /v1/completions")
        #expect(span["traceId"] == "0af7651916cd43dd8448eb211c80319c")
        #expect(span["parentSpanId"] == "b7ad6b7169203331")
        #expect(value(span, "cierzo.request.id") == ["stringValue": "one"])
        #expect(value(span, "http.response.status_code") == ["intValue": "200"])
        #expect(value(span, "gen_ai.response.model") == ["stringValue": "maker/model"])
        #expect(value(span, "gen_ai.usage.output_tokens") == ["intValue": "5"])
        let id = try #require(span["spanId"]?.stringValue)
        #expect(
            HTTPField.Name("traceparent").flatMap { fields[0][$0] }
                == "00-0af7651916cd43dd8448eb211c80319c-\(id)-01")
        let phases = spans.filter { $0["kind"] == 1 }
        #expect(phases.allSatisfy { $0["parentSpanId"]?.stringValue == id })
        #expect(phases.map { $0["name"]?.stringValue } == ["queue", "prompt", "answer"])
        #expect(phases.map(duration) == [1_000_000, 1_000_000, 3_000_000])
    }

    @Test func `a request without a trace begins one, and one whose trace is not recorded none`()
        async throws
    {
        let (fields, spans) = try await spans(of: [
            TestClient.request(
                .post, "/v1/completions", #"{"model":"default","prompt":"ab"}"#, [:]),
            TestClient.request(
                .get, "/v1/models", "",
                ["traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"]),
        ])
        #expect(spans.count == 4)
        let trace = try #require(spans.first?["traceId"]?.stringValue)
        #expect(spans.allSatisfy { $0["traceId"]?.stringValue == trace })
        let name = try #require(HTTPField.Name("traceparent"))
        #expect(fields[0][name]?.hasPrefix("00-\(trace)-") == true)
        #expect(fields[1][name]?.hasPrefix("00-0af7651916cd43dd8448eb211c80319c-") == true)
        #expect(fields[1][name]?.hasSuffix("-00") == true)
    }

    @Test func `what only shows something begins no trace, and goes on with one`() async throws {
        let (fields, spans) = try await spans(of: [
            TestClient.request(.get, "/health", "", [:]),
            TestClient.request(
                .get, "/metrics", "",
                ["traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"]),
        ])
        #expect(spans.map { $0["name"] } == ["GET /metrics"])
        #expect(HTTPField.Name("traceparent").flatMap { fields[0][$0] } == nil)
    }

    @Test func `a method that a client has made up is not told`() async throws {
        let method = try #require(HTTPRequest.Method(rawValue: "PASSWORD"))
        let trace = ["traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"]
        let (_, spans) = try await spans(of: [
            TestClient.request(method, "/v1/models", "", trace)
        ])
        #expect(spans.map { $0["name"] } == ["HTTP /v1/models"])
        #expect(value(spans[0], "http.request.method") == ["stringValue": "_OTHER"])
    }

    @Test func `an error of the server is one of its span, and one of the client is not`()
        async throws
    {
        let (_, spans) = try await spans(of: [
            TestClient.request(.post, "/nowhere/at/all", "{}", [:]),
            TestClient.request(.post, "/v1/audio/speech", "{}", [:]),
        ])
        #expect(spans.count == 2)
        #expect(spans[0]["status"] == nil)
        #expect(value(spans[0], "http.response.status_code") == ["intValue": "404"])
        #expect(spans[1]["status"]?["code"] == 2)
    }
}
