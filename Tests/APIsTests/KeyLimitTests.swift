// SPDX-License-Identifier: Apache-2.0

import APIs
import Access
import Generation
import HTTP
import HTTPTypes
import JSON
import ServingSupport
import Testing

/// How much a key may ask for, as clients see it.
@Suite struct KeyLimitTests {
    @Test func `beyond a minute's requests comes 429 with the exact time, in OpenAI's shape`()
        async throws
    {
        let server = try KeyedClient(["a": .with { $0.requestsPerMinute = 2 }])
        let first = try await server.complete(as: "a")
        #expect(first.status == 200)
        #expect(first.field("x-ratelimit-limit-requests") == "2")
        #expect(first.field("x-ratelimit-remaining-requests") == "1")
        #expect(first.field("x-ratelimit-reset-requests") == "30s")
        #expect(first.field("x-ratelimit-limit-req-minute") == "2")
        #expect(first.field("x-ratelimit-remaining-req-minute") == "1")
        #expect(first.field("anthropic-ratelimit-requests-remaining") == "1")
        #expect(first.field("anthropic-ratelimit-requests-reset") == "2027-01-15T08:00:30Z")
        #expect(first.field("x-ratelimit-limit-tokens") == nil)
        #expect(try await server.complete(as: "a").status == 200)
        server.clock.pass(seconds: 0.5)
        let refused = try await server.complete(as: "a")
        #expect(refused.status == 429)
        #expect(refused.field("retry-after") == "30")
        #expect(refused.field("retry-after-ms") == "29500")
        #expect(refused.field("x-ratelimit-remaining-requests") == "0")
        #expect(try refused.json["error"]?["code"] == "rate_limit_exceeded")
        #expect(try refused.json["error"]?["type"] == "requests")
        #expect(
            try refused.json["error"]?["message"]
                == .string(
                    "Rate limit reached for 'a' on requests per minute: limit 2, used 2, "
                        + "requested 1. Please try again in 30s."))
        server.clock.pass(seconds: 29.5)
        #expect(try await server.complete(as: "a").status == 200)
        #expect(server.client.engine.requests.count == 3)
    }

    @Test(
        arguments: [
            (
                "/mistral/v1/completions",
                ["type": "rate_limited", "code": "1300", "object": "error"]
            ),
            ("/v1/messages", ["error.type": "rate_limit_error", "type": "error"]),
            ("/openai/v1/completions", ["error.code": "rate_limit_exceeded"]),
            ("/api/generate", [:]),
        ] as [(String, [String: String])])
    func `each vendor's clients get its shape`(
        path: String, members: [String: String]
    ) async throws {
        let server = try KeyedClient(["a": .with { $0.requestsPerDay = 1 }])
        _ = try await server.complete(as: "a")
        let refused = try await server.complete(as: "a", path: path)
        #expect(refused.status == 429)
        let rest = 86_400 - 1_800_000_000 % 86_400
        #expect(refused.field("retry-after") == String(rest))
        let json = try refused.json
        for (place, value) in members {
            let found = place.split(separator: ".").reduce(json) { $0[String($1)] ?? .null }
            #expect(found.stringValue == value, "\(refused.text)")
        }
        #expect(refused.text.contains("Rate limit reached for 'a' on requests per day"))
        // Days are no minutes.
        #expect(refused.field("x-ratelimit-limit-requests") == "1")
        #expect(refused.field("x-ratelimit-limit-req-minute") == nil)
    }

    @Test func `a request that comes too early is refused before its body is read`() async throws {
        let server = try KeyedClient(["a": .with { $0.requestsPerMinute = 1 }])
        _ = try await server.complete(as: "a")
        func admission(_ path: String) -> ServerResponse? {
            let request = TestClient.request(.post, path, "", server.fields("a"))
            return server.client.server.admit(ArrivingRequest(head: request.head))
        }
        let refused = try #require(admission("/v1/completions"))
        #expect(refused.head.status.code == 429)
        #expect(refused.head.headerFields[.retryAfter] == "60")
        let models = TestClient.request(.get, "/v1/models", "", server.fields("a"))
        #expect(server.client.server.admit(ArrivingRequest(head: models.head)) == nil)
        server.clock.pass(seconds: 60)
        #expect(admission("/v1/completions") == nil)
    }

    @Test func `tokens are counted as the answer says`() async throws {
        let server = try KeyedClient(["a": .with { $0.tokensPerMinute = 1000 }])
        let reply = try await server.complete(#""max_tokens":50"#, as: "a")
        let total = try #require(try reply.json["usage"]?["total_tokens"]?.intValue)
        #expect(total > 0)
        #expect(reply.field("x-ratelimit-limit-tokens") == "1000")
        #expect(reply.field("x-ratelimit-limit-tokens-minute") == "1000")
        #expect(reply.field("x-ratelimit-remaining-tokens") == String(1000 - total))
        #expect(reply.field("x-ratelimit-tokens-query-cost") == String(total))
        // A stream begins with all that it may take.
        let prompt = try #require(server.client.engine.requests.first?.promptTokens.count)
        let stream = try await server.complete(#""max_tokens":50,"stream":true"#, as: "a")
        #expect(
            stream.field("x-ratelimit-remaining-tokens") == String(1000 - total - prompt - 50))
        let after = try await server.get("/v1/models", as: "a")
        #expect(after.field("x-ratelimit-remaining-tokens") == String(1000 - 2 * total))
    }

    @Test func `a prompt waits until its tokens are there`() async throws {
        let server = try KeyedClient(["a": .with { $0.tokensPerMinute = 60 }])
        let reply = try await server.complete(#""max_tokens":50"#, as: "a")
        #expect(reply.status == 200)
        let left = try #require(
            reply.field("x-ratelimit-remaining-tokens").flatMap { Int($0) })
        let refused = try await server.complete(#""max_tokens":60"#, as: "a")
        #expect(refused.status == 429)
        #expect(refused.field("retry-after") == String(60 - left))
        #expect(try refused.json["error"]?["type"] == "tokens")
        #expect(server.client.engine.requests.count == 1)
        // It has taken nothing.
        let models = try await server.get("/v1/models", as: "a")
        #expect(models.field("x-ratelimit-remaining-tokens") == String(left))
        let prompt = String(repeating: "a", count: 80)
        let long = try await server.post(
            "/v1/completions", #"{"model":"default","prompt":"\#(prompt)"}"#, as: "a")
        #expect(long.status == 429)
        #expect(long.field("retry-after") == nil)
        #expect(long.field("x-should-retry") == "false")
    }

    @Test func `as many requests as are allowed run at the same time`() async throws {
        let server = try KeyedClient(["a": .with { $0.concurrency = 1 }])
        let produce = try await server.stream("a", as: "a")
        let refused = try await server.complete(as: "a")
        #expect(refused.status == 429)
        #expect(refused.field("retry-after") == "1")
        try await produce(ResponseWriter { _ in })
        #expect(try await server.complete(as: "a").status == 200)
    }

    @Test func `what fails gives its tokens back`() async throws {
        let engine = ScriptedEngine { _ throws(SubmissionError) in
            throw .overloaded(retryAfter: .seconds(3))
        }
        let server = try KeyedClient(
            ["a": .with { $0.tokensPerMinute = 100 }], engine: engine)
        #expect(try await server.complete(#""max_tokens":50"#, as: "a").status == 503)
        let reply = try await server.get("/v1/models", as: "a")
        #expect(reply.field("x-ratelimit-remaining-tokens") == "100")
    }

    @Test func `who goes away pays for what was computed`() async throws {
        let server = try KeyedClient(["a": .with { $0.tokensPerMinute = 1000 }])
        let produce = try await server.stream("abc", as: "a")
        await #expect(throws: CancellationError.self) {
            try await produce(ResponseWriter { _ in throw CancellationError() })
        }
        let reply = try await server.get("/v1/models", as: "a")
        let left = try #require(
            reply.field("x-ratelimit-remaining-tokens").flatMap { Int($0) })
        let prompt = try #require(server.client.engine.requests.first?.promptTokens.count)
        #expect(left <= 1000 - prompt)
        #expect(left > 900)
    }

    @Test func `keys of the configuration have no such limits`() async throws {
        let server = try KeyedClient(
            ["a": .with { $0.requestsPerMinute = 1 }],
            configuration: .init(keys: APIKeys(["secret"])))
        for _ in 0..<5 {
            let reply = try await server.complete(as: "secret")
            #expect(reply.status == 200)
            #expect(reply.field("x-ratelimit-limit-requests") == nil)
        }
    }
}
