// SPDX-License-Identifier: Apache-2.0

import APIs
import Access
import Computation
import Generation
import HTTP
import HTTPTypes
import JSON
import ServingSupport
import Synchronization
import Telemetry
import Testing

/// What `/v1/admin/machine/events` tells whoever watches.
@Suite struct MachineEventTests {
    private static let path = "/v1/admin/machine/events"

    private static func client(
        _ engine: ScriptedEngine = ScriptedEngine(), isLoaded: Bool = true,
        registry: MetricsRegistry = MetricsRegistry()
    ) -> TestClient {
        TestClient(quick, engine: engine, isLoaded: isLoaded, registry: registry)
    }

    private static var quick: APIServer.Configuration {
        var configuration = APIServer.Configuration()
        configuration.watchInterval = .milliseconds(1)
        return configuration
    }

    /// Reads events until one is as wanted.
    private static func watch(
        _ server: APIServer, _ fields: [String: String] = [:],
        until isWanted: @escaping @Sendable (JSONValue) -> Bool
    ) async throws -> JSONValue {
        let response = await server.handle(TestClient.request(.get, path, "", fields))
        #expect(response.head.headerFields[.contentType] == ServerSentEvents.contentType)
        guard case .stream(let produce) = response.body else { return .null }
        let last = Mutex(JSONValue.null)
        await #expect(throws: CancellationError.self) {
            try await produce(
                ResponseWriter { bytes in
                    let text = String(decoding: bytes, as: UTF8.self)
                    #expect(text.hasPrefix("data: {") && text.hasSuffix("}\n\n"))
                    let event = try JSONParser.parse(String(text.dropFirst(6).dropLast(2)))
                    last.withLock { $0 = event }
                    if isWanted(event) { throw CancellationError() }
                })
        }
        return last.withLock { $0 }
    }

    @Test func `the first event has levels, and later ones have rates besides`() async throws {
        let client = Self.client()
        client.engine.statistics.runningSequences = 3
        let first = try await Self.watch(client.server) { _ in true }
        #expect(first["object"] == "machine.sample")
        #expect(first["time"] == 7)
        #expect(first["memory_bytes_per_second"] == .null)
        #expect(first["models"]?[0]?["model"] == "maker/model")
        #expect(first["models"]?[0]?["running"] == 3)
        let later = try await Self.watch(client.server) {
            $0["models"]?[0]?["steps_per_second"] != nil
        }
        #expect(later["models"]?[0]?["steps_per_second"] == 0.0)
    }

    @Test func `a request is listed while it is under way, with what it has told`() async throws {
        let (script, continuation) = AsyncStream.makeStream(of: GenerationEvent.self)
        let client = Self.client(ScriptedEngine { _ throws(SubmissionError) in script })
        let response = await client.server.handle(
            TestClient.request(
                .post, "/v1/completions", #"{"model":"default","prompt":"abc","stream":true}"#,
                ["x-request-id": "one"]))
        guard case .stream(let produce) = response.body else { throw CancellationError() }
        let answer = Task { try await produce(ResponseWriter { _ in }) }
        let begun = try await Self.watch(client.server) { $0["request_count"] == 1 }
        let request = try #require(begun["requests"]?[0])
        #expect(request["id"] == "one")
        #expect(request["route"] == "/v1/completions")
        #expect(request["model"] == "maker/model")
        #expect(request["key"] == .null)
        #expect(request["prompt_tokens"] == 4)
        #expect(request["answered_tokens"] == 0)
        let token = TokenOutput(id: 65, logprobs: nil, textOffset: 0)
        continuation.yield(.output(choice: 0, text: "A", tokens: [token]))
        let told = try await Self.watch(client.server) {
            $0["requests"]?[0]?["answered_tokens"] == 1
        }
        #expect(told["request_count"] == 1)
        continuation.yield(.finished(choice: 0, reason: .stop, stop: nil))
        continuation.yield(.usage(Usage(promptTokens: 3, completionTokens: 1)))
        continuation.finish()
        try await answer.value
        let ended = try await Self.watch(client.server) { $0["request_count"] == 0 }
        #expect(ended["requests"] == [])
    }

    @Test func `a model that is not in memory has only its status`() async throws {
        let event = try await Self.watch(Self.client(isLoaded: false).server) { _ in true }
        #expect(event["models"] == [["model": "maker/model", "status": "loading"]])
    }

    @Test func `the streams end with the server, and none begins`() async throws {
        let client = Self.client()
        let response = await client.server.handle(TestClient.request(.get, Self.path, "", [:]))
        guard case .stream(let produce) = response.body else { throw CancellationError() }
        let (events, told) = AsyncStream.makeStream(of: Void.self)
        let reader = Task { try await produce(ResponseWriter { _ in told.yield() }) }
        for await _ in events { break }
        // It is being read, and would go on for ever.
        client.server.endWatching()
        try await reader.value
        let reply = try await client.get(Self.path)
        #expect(reply.status == 200)
        #expect(reply.body.isEmpty)
    }

    @Test(.timeLimit(.minutes(60)))
    func `experts are written down for as long as somebody watches`() async throws {
        let client = Self.client()
        let usage = ExpertUsage(layerCount: 1, expertCount: 4, expertsPerToken: 1)
        client.engine.statistics.expertUsage = usage
        #expect(!usage.trace.begin(tokenCount: 1))
        let server = client.server
        _ = try await Self.watch(server) { _ in usage.trace.begin(tokenCount: 1) }
        usage.trace.keep(1, named: "a", of: 7, from: 0, [5], firstToken: 0)
        // The last watcher has gone, and is missed at the next sample.
        while usage.trace.begin(tokenCount: 1) { await Task.yield() }
        #expect(usage.trace.tokens(of: "a", of: 7) == nil)
    }

    @Test func `only so many may watch, and a place that is left is free again`() async throws {
        let client = Self.client()
        var watchers: [ServerResponse] = []
        for _ in 0..<32 {
            let request = TestClient.request(.get, Self.path, "", [:])
            let response = await client.server.handle(request)
            #expect(response.head.status == .ok)
            watchers.append(response)
        }
        let refused = try await client.get(Self.path)
        #expect(refused.status == 503)
        #expect(refused.text.contains("32 watch the machine already"))
        #expect(refused.field("retry-after") == "10")
        watchers.removeLast()
        let again = await client.server.handle(TestClient.request(.get, Self.path, "", [:]))
        #expect(again.head.status == .ok)
        withExtendedLifetime(watchers) {}
        client.server.endWatching()
    }

    @Test func `only an operator may watch`() async throws {
        let keyed = try KeyedClient(
            ["plain": AccessLimits(), "admin": .with { $0.isAdmin = true }],
            configuration: Self.quick)
        #expect(try await keyed.get(Self.path, as: "plain").status == 403)
        #expect(try await keyed.client.get(Self.path).status == 401)
        _ = try await Self.watch(keyed.client.server, keyed.fields("admin")) { _ in true }
    }
}
