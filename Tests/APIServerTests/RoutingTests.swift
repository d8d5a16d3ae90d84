// SPDX-License-Identifier: Apache-2.0

import APIServer
import APITypes
import Generation
import HTTPTypes
import JSON
import Testing

@Suite struct RoutingTests {
    @Test(arguments: [
        ("/v1/models", 200), ("/v1/models/", 200), ("/v1/models?provider=x", 200),
        ("/openai/v1/models", 200), ("/mistral/v1/models", 200), ("/health", 200),
        ("/v1/health", 200), ("/health/live", 200), ("/health/ready", 200), ("/version", 200),
        ("/metrics", 200), ("/", 404), ("/v2/models", 404), ("/v1/modelsx", 404),
        ("/v1/embeddings", 404), ("/mistral/openai/v1/models", 404), ("//v1/models", 404),
        ("/v1/chat/completions", 405), ("/v1/completions", 405), ("/tokenize", 405),
    ])
    func `a GET finds what the path names`(path: String, status: Int) async throws {
        let reply = try await TestClient().get(path)
        #expect(reply.status == status)
        #expect(reply.field("x-request-id") != nil)
        #expect(reply.field("x-api-dialect") != nil)
        if status != 200 { _ = try reply.json }
    }

    @Test(arguments: [
        ("/v1/models/maker/model", 200), ("/v1/models/maker%2Fmodel", 200),
        ("/v1/models/maker%2fmodel", 200), ("/v1/models/default", 200), ("/v1/models/small", 200),
        ("/v1/models/other", 404), ("/v1/models/%FF", 404), ("/v1/models/%2", 404),
    ])
    func `a model is found by id, alias and default`(path: String, status: Int) async throws {
        let reply = try await TestClient().get(path)
        #expect(reply.status == status)
        if status == 200 { #expect(try reply.json["id"] == "maker/model") }
        #expect(try await TestClient().get("/mistral" + path).status == status)
    }

    @Test func `a wrong method is told which ones are right`() async throws {
        let client = TestClient()
        let wrong = try await client.send(.delete, "/v1/models")
        #expect(wrong.status == 405)
        #expect(wrong.field("allow") == "GET, HEAD, OPTIONS")
        let options = try await client.send(.options, "/v1/completions")
        #expect(options.status == 204)
        #expect(options.field("allow") == "POST, OPTIONS")
        #expect(try await client.send(.head, "/v1/models").status == 200)
        #expect(try await client.send(.head, "/v1/completions").status == 405)
    }

    @Test func `the list of models is one card that both SDKs read`() async throws {
        let reply = try await TestClient().get("/v1/models")
        let card = try #require(try reply.json["data"]?[0])
        #expect(try reply.json["object"] == "list")
        #expect(card["id"] == "maker/model")
        #expect(card["type"] == "base")
        #expect(card["capabilities"]?["completion_chat"] == true)
        #expect(card["capabilities"]?["completion_fim"] == false)
        #expect(card["max_context_length"] == 512)
        #expect(card["aliases"] == ["default", "small"])
    }

    @Test(arguments: [
        ("/v1/chat/completions", [:], "openai"),
        ("/mistral/v1/chat/completions", [:], "mistral"),
        ("/openai/v1/chat/completions", ["user-agent": "mistral-client-python/3.7"], "openai"),
        ("/v1/chat/completions", ["user-agent": "mistral-client-python/3.7"], "mistral"),
        ("/v1/chat/completions", ["user-agent": "AsyncOpenAI/Python 3"], "openai"),
        ("/v1/chat/completions", ["x-stainless-lang": "js"], "openai"),
        ("/v1/fim/completions", [:], "mistral"),
    ])
    func `prefix, then client, then endpoint choose the dialect`(
        path: String, fields: [String: String], dialect: String
    ) async throws {
        let reply = try await TestClient().post(path, "{}", fields)
        #expect(reply.field("x-api-dialect") == dialect)
        #expect(reply.status == (dialect == "mistral" ? 422 : 400))
    }

    @Test func `the body and then the default choose where nothing else does`() async throws {
        let client = TestClient()
        #expect(try await client.chat().field("x-api-dialect") == "openai")
        #expect(try await client.chat(#""random_seed":1"#).field("x-api-dialect") == "mistral")
        let mistral = TestClient(.init(defaultDialect: .mistral))
        #expect(try await mistral.chat().field("x-api-dialect") == "mistral")
    }

    @Test func `a harmless request id is kept and another replaced`() async throws {
        let client = TestClient()
        let kept = try await client.get("/health", ["x-request-id": "a-B_9.z"])
        #expect(kept.field("x-request-id") == "a-B_9.z")
        let replaced = try await client.get("/health", ["x-request-id": "a b"])
        #expect(replaced.field("x-request-id")?.count == 32)
    }

    @Test(arguments: [
        "", "{", "nul", "[]", "3", "\"x\"", "{\"a\":NaN}", "{\"a\":1e999}", "{}{}", " \u{FEFF}{}",
        String(repeating: "[", count: 65),
    ])
    func `a body that is no JSON object is an error`(body: String) async throws {
        let reply = try await TestClient().post("/v1/completions", body)
        #expect(reply.status == 400)
        #expect(try reply.json["error"]?["code"] == "invalid_json")
        #expect(try await TestClient().post("/mistral/v1/fim/completions", body).status == 422)
    }
}

@Suite struct LenientBodyTests {
    @Test(arguments: [
        "\u{FEFF}{\"model\":\"default\",\"prompt\":\"a\"}",
        #"{"model":"default","prompt":"cut \ud83d"}"#,
        #"{"model":"default","prompt":"\ude00","user":"\ud83d\ud83d"}"#,
        #"{"model":"default","prompt":"a","stop":"\udfff"}"#,
        #"{"model":"default","prompt":"a","temperature":0.1e-9223372036854775807}"#,
    ])
    func `what other servers take is taken`(body: String) async throws {
        let reply = try await TestClient().post("/v1/completions", body)
        #expect(reply.status == 200)
    }
}

@Suite struct AccessTests {
    private let client = TestClient(.init(keys: APIKeys(["secret", "other-secret"])))

    @Test(arguments: [
        [:], ["authorization": "Bearer wrong"], ["authorization": "secret"],
        ["authorization": "Bearer "], ["authorization": "Basic secret"], ["x-api-key": "secre"],
        ["authorization": "\u{212C}earer secret"], ["authorization": "Be\u{E4}rer secret"],
        ["x-api-key": "secretsecret"],
    ])
    func `without a right key nothing but health answers`(fields: [String: String]) async throws {
        for path in ["/v1/models", "/metrics", "/version", "/nowhere"] {
            let reply = try await client.get(path, fields)
            #expect(reply.status == 401)
            #expect(try reply.json["error"]?["code"] == "invalid_api_key")
            #expect(reply.field("www-authenticate") == "Bearer")
        }
        for path in ["/health", "/v1/health", "/health/live", "/health/ready"] {
            #expect(try await client.get(path, fields).status == 200)
        }
    }

    @Test(arguments: [
        ["authorization": "Bearer secret"], ["authorization": "bearer other-secret"],
        ["x-api-key": "secret"], ["api-key": "other-secret"],
    ])
    func `each way to send a key opens the server`(fields: [String: String]) async throws {
        #expect(try await client.get("/v1/models", fields).status == 200)
    }

    @Test func `Mistral's refusal has its own shape`() async throws {
        let reply = try await client.get("/mistral/v1/models")
        #expect(reply.text == #"{"detail":"Unauthorized"}"#)
    }
}

@Suite struct HealthTests {
    @Test func `nothing but health and models answers while the model loads`() async throws {
        let client = TestClient(isLoaded: false)
        let health = try await client.get("/health")
        #expect(health.status == 503)
        #expect(health.text == #"{"status":"loading"}"#)
        client.slot.report("packing the weights", 0.504)
        #expect(
            try await client.get("/health").text
                == #"{"status":"loading","stage":"packing the weights","progress":0.5}"#)
        #expect(try await client.get("/health/live").status == 200)
        let models = try await client.get("/v1/models")
        #expect(try models.json["data"]?[0]?["meta"]?["status"] == "loading")
        let chat = try await client.chat()
        #expect(chat.status == 503)
        #expect(chat.field("retry-after") == "1")
    }

    @Test func `a stopping server refuses new work`() async throws {
        let client = TestClient()
        #expect(try await client.get("/health").text == #"{"status":"ok"}"#)
        client.slot.stop()
        #expect(try await client.get("/health").status == 503)
        #expect(try await client.chat().status == 503)
    }

    @Test func `an engine that makes no progress is not healthy`() async throws {
        let client = TestClient(.init(stallLimit: .seconds(5)))
        var statistics = EngineStatistics()
        statistics.lastProgress = .now - .seconds(6)
        client.engine.statistics = statistics
        #expect(try await client.get("/health").status == 200)
        statistics.runningSequences = 1
        client.engine.statistics = statistics
        let reply = try await client.get("/health")
        #expect(reply.status == 503)
        #expect(reply.text == #"{"status":"stalled"}"#)
    }

    @Test func `a stream that is never asked for is counted as abandoned`() async throws {
        let client = TestClient()
        _ = await client.server.handle(
            TestClient.request(
                .post, "/v1/completions", #"{"model":"small","prompt":"a","stream":true}"#, [:]))
        let text = try await client.get("/metrics").text
        #expect(text.contains("cierzo_requests_abandoned_total 1\n"))
        #expect(text.contains("cierzo_http_requests_in_flight 1\n"))
    }

    @Test func `metrics count requests and tokens`() async throws {
        let client = TestClient()
        _ = try await client.chat()
        _ = try await client.chat(#""stream":true"#)
        let reply = try await client.get("/metrics")
        #expect(reply.field("content-type")?.hasPrefix("text/plain; version=0.0.4") == true)
        for line in [
            #"cierzo_http_requests_total{route="/v1/chat/completions",status="200"} 2"#,
            "cierzo_completion_tokens_total 10", "cierzo_ready 1", "cierzo_sequences_running 0",
        ] {
            #expect(reply.text.contains(line + "\n"))
        }
    }
}
