// SPDX-License-Identifier: Apache-2.0

import APIs
import Generation
import HTTP
import HTTPTypes
import JSON
import ServingSupport
import Testing

/// What a request says of its place among others.
@Suite struct SchedulingFieldTests {
    private let keys = APIKeys(["one", "two"])

    @Test func `priority, time limit and salt reach the engine`() async throws {
        let client = TestClient()
        _ = try await client.chat(
            #""priority":3,"max_time":2.5,"cache_salt":"pepper","prompt_cache_key":"k""#
                + #","cache_diagnostics":true"#)
        #expect(client.engine.requests.first?.cacheKey == "k")
        #expect(client.engine.requests.first?.diagnosesCache == true)
        let request = try #require(client.engine.requests.first)
        #expect(request.priority == 3)
        #expect(request.timeLimit == .seconds(2.5))
        #expect(request.cacheScope == "pepper")
        #expect(request.client == 0)
    }

    private func scopes(_ keys: [String], of client: TestClient) async throws -> [String] {
        let body = #"{"model":"default","prompt":"a","cache_salt":"x"}"#
        for key in keys {
            _ = try await client.post("/v1/completions", body, ["authorization": "Bearer \(key)"])
        }
        return client.engine.requests.map(\.cacheScope)
    }

    @Test func `each key is a client with a prefix cache of its own`() async throws {
        let client = TestClient(.init(keys: keys))
        let scopes = try await scopes(["one", "two", "one"], of: client)
        #expect(client.engine.requests.map(\.client) == [1, 2, 1])
        #expect(scopes[0] == scopes[2] && scopes[0] != scopes[1])
        #expect(scopes.allSatisfy { $0.hasSuffix(":x") })
    }

    @Test func `where no key is needed each address is a client, and all share a prefix cache`()
        async throws
    {
        let client = TestClient()
        for address in ["192.0.2.1", "192.0.2.2", "192.0.2.1", "127.0.0.1", "::1", "unix"] {
            let reply = await client.server.handle(
                ServerRequest(
                    head: HTTPRequest(
                        method: .post, scheme: "http", authority: "localhost",
                        path: "/v1/completions",
                        headerFields: [.contentType: "application/json"]),
                    body: Array(#"{"model":"default","prompt":"a"}"#.utf8), remoteAddress: address))
            #expect(reply.head.status == .ok)
        }
        let clients = client.engine.requests.map(\.client)
        #expect(clients[0] != 0 && clients[0] == clients[2] && clients[0] != clients[1])
        #expect(clients[3...] == [0, 0, 0])
        #expect(Set(client.engine.requests.map(\.cacheScope)) == [""])
    }

    @Test func `a key keeps its prefix cache when its number becomes another`() async throws {
        let first = TestClient(.init(keys: APIKeys(["one", "two"])))
        let second = TestClient(.init(keys: APIKeys(["new", "one"])))
        let before = try await scopes(["one", "two"], of: first)
        let after = try await scopes(["one", "new"], of: second)
        #expect(before[0] == after[0])
        #expect(!before.contains(after[1]))
    }

    @Test func `each key has its weight`() async throws {
        let keys = APIKeys(["one", "", "three", "four"], weights: [5, 4, 3])
        let client = TestClient(.init(keys: keys))
        let body = #"{"model":"default","prompt":"a"}"#
        for key in ["one", "three", "four"] {
            _ = try await client.post("/v1/completions", body, ["authorization": "Bearer \(key)"])
        }
        #expect(client.engine.requests.map(\.weight) == [5, 3, 1])
        let empty = try await client.post("/v1/completions", body, ["authorization": "Bearer "])
        #expect(empty.status == 401)
    }

    @Test func `keys share a prefix cache where the operator says so`() async throws {
        let client = TestClient(.init(keys: keys, sharesPrefixes: true))
        let body = #"{"model":"default","prompt":"a"}"#
        for key in ["one", "two"] {
            _ = try await client.post("/v1/completions", body, ["authorization": "Bearer \(key)"])
        }
        #expect(client.engine.requests.map(\.client) == [1, 2])
        #expect(client.engine.requests.map(\.cacheScope) == ["", ""])
    }

    @Test func `a response tells where its request stood in the queue`() async throws {
        let engine = ScriptedEngine()
        engine.statistics.waitingSequences = 3
        for fields in ["", #""stream":true"#] {
            let reply = try await TestClient(engine: engine).chat(fields)
            #expect(reply.field("x-queue-position") == "3")
            #expect(reply.field("x-estimated-start-ms") == "3000")
        }
        #expect(try await TestClient().get("/v1/models").field("x-queue-position") == nil)
    }

    @Test func `an answer that took too long is a timeout, also in a stream`() async throws {
        let engine = ScriptedEngine { _ throws(SubmissionError) in
            ScriptedEngine.events([
                .finished(choice: 0, reason: .expired, stop: nil), .usage(Usage()),
            ])
        }
        let reply = try await TestClient(engine: engine).chat()
        #expect(reply.status == 504)
        #expect(try reply.json["error"]?["code"] == "deadline_exceeded")
        let stream = try await TestClient(engine: engine).chat(#""stream":true"#)
        #expect(stream.text.contains("deadline_exceeded"))
    }
}
