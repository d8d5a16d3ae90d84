// SPDX-License-Identifier: Apache-2.0

import APIs
import Generation
import HTTP
import HTTPTypes
import JSON
import Serving
import ServingSupport
import Testing

@Suite struct RoutingTests {
    @Test(arguments: [
        ("/v1/models", 200), ("/v1/models/", 200), ("/v1/models?provider=x", 200),
        ("/openai/v1/models", 200), ("/mistral/v1/models", 200), ("/health", 200),
        ("/v1/health", 200), ("/health/live", 200), ("/health/ready", 200), ("/version", 200),
        ("/metrics", 200), ("/", 200), ("/v2/models", 404), ("/v1/modelsx", 404),
        ("/v1/embeddings", 405), ("/mistral/openai/v1/models", 404), ("//v1/models", 200),
        ("/v1//models", 200), ("/v1/v1/models", 200), ("/models", 200), ("/models/", 200),
        ("/openai/models", 200), ("/mistral//v1/models", 200), ("//", 200), ("/v1", 404),
        ("/completions", 405), ("/chat/completions", 405), ("//v1//fim//completions/", 405),
        ("/models/maker/model", 200), ("/v1/v1/models/maker%2Fmodel", 200), ("/models/x", 404),
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
        ("/v2/models", "/v1/models"), ("/v1/chat/completion", "/v1/chat/completions"),
        ("/api/v1/chat/completions", "/v1/chat/completions"), ("/v1/chat", "/v1/chat/completions"),
        ("/V1/completions?x=1", "/v1/completions"), ("/v1/modells", "/v1/models"),
        ("/chat/completons", "/v1/chat/completions"), ("/healthz", "/health"),
        ("/v1/tokenise", "/v1/tokenize"), ("/fim", "/v1/fim/completions"),
        ("/v1/tokens", "/v1/models"), ("/v1/etokenize", "/v1/detokenize"), ("/V1", "/v1/tokenize"),
    ])
    func `an unknown path is told which route is near`(path: String, near: String) async throws {
        let reply = try await TestClient().send(.post, path, "{}")
        #expect(reply.status == 404)
        let message = try #require(try reply.json["error"]?["message"]?.stringValue)
        let asked = path.prefix { $0 != "?" }
        #expect(message.hasPrefix("POST \(asked): there is no such route; do you mean \(near)?"))
        #expect(message.contains("/v1/chat/completions"))
    }

    @Test(arguments: [
        "/nowhere", "/v1", "/<script>alert(1)</script>", "/v1/\u{1B}[31m",
        "/" + String(repeating: "a/", count: 4000),
    ])
    func `an unknown path is named, and nothing of it raw`(path: String) async throws {
        let reply = try await TestClient().get(path)
        #expect(reply.status == 404)
        let message = try #require(try reply.json["error"]?["message"]?.stringValue)
        #expect(message.hasPrefix("GET /"))
        let routes = """
            The API's routes begin with /v1: POST /v1/chat/completions, /v1/responses, \
            /v1/completions, /v1/fim/completions, /v1/messages, /v1/decisions, /v1/embeddings, \
            /v1/rerank, /v1/files, /v1/batches, /v1/batch/jobs, /v1/tokenize and /v1/detokenize, \
            GET /v1/files, /v1/batches, /v1/batch/jobs and /v1/models. Beside them are GET /health, \
            /metrics and /version.
            """
        #expect(message.contains(routes))
        #expect(message.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "<") })
        #expect(message.utf8.count < 600)
    }

    @Test(arguments: [
        "/v1/pooling", "/embedding", "/v1/responses/x/cancel", "/v1/responses/compact",
        "/v1/moderations", "/v1/images/generations", "/v1/audio/speech",
        "/v1/batches", "/v1/fine_tuning/jobs", "/v1/assistants", "/v1/threads/x/messages",
        "/v1/score", "/v1/realtime", "/v1/conversations", "/v1/vector_stores", "/completion",
        "/infill", "/v1/chat/completions/abc/messages", "/openai/deployments/m/chat/completions",
        "/v1beta/models/m:generateContent",
    ])
    func `a route of OpenAI's that is not built says so in its shape`(path: String) async throws {
        let reply = try await TestClient().send(.post, path, "{}")
        #expect(reply.status == 501)
        #expect(reply.field("x-should-retry") == "false")
        let error = try #require(try reply.json["error"])
        #expect(error["code"] == "not_implemented")
        #expect(error["message"]?.stringValue?.hasPrefix("POST /") == true)
        let mistral = try await TestClient().send(.post, "/mistral/v1/moderations", "{}")
        #expect(try mistral.json["object"] == "error")
    }

    @Test(arguments: [
        "/v1/agents/completions", "/v1/ocr", "/v1/classifications", "/v1/chat/moderations",
        "/v1/batch/jobs", "/v1/libraries",
    ])
    func `a route of Mistral's has Mistral's shape`(path: String) async throws {
        let reply = try await TestClient().send(.post, path, "{}")
        #expect(reply.status == 501)
        #expect(reply.field("x-api-dialect") == "mistral")
        #expect(try reply.json["object"] == "error")
        #expect(try reply.json["message"]?.stringValue?.hasPrefix("POST \(path):") == true)
    }

    @Test(arguments: ["/v1/messages/batches", "/messages/batches/x", "/v1/complete"])
    func `a route of Anthropic's has Anthropic's shape`(path: String) async throws {
        let reply = try await TestClient().send(.post, path, "{}")
        #expect(reply.status == 501)
        #expect(try reply.json["type"] == "error")
        #expect(try reply.json["error"]?["type"] == "api_error")
        #expect(try reply.json["error"]?["message"]?.stringValue?.contains(path) == true)
    }

    @Test(arguments: ["/api/push", "/api/pull", "/api/blobs/x"])
    func `a route of Ollama's has Ollama's shape`(path: String) async throws {
        let reply = try await TestClient().get(path)
        #expect(reply.status == 501)
        #expect(try reply.json["error"]?.stringValue?.hasPrefix("GET \(path):") == true)
    }

    @Test func `a WebSocket is refused by that name`() async throws {
        let fields = ["connection": "Upgrade", "upgrade": "WebSocket"]
        let reply = try await TestClient().get("/v1/responses", fields)
        #expect(reply.status == 501)
        let message = try reply.json["error"]?["message"]?.stringValue ?? ""
        #expect(message.hasPrefix("/v1/responses as a WebSocket:"))
        #expect(message.contains("stream: true"))
        #expect(try await TestClient().get("/v1/responses").status == 405)
    }

    @Test func `the root says what this is, and where the API is`() async throws {
        let client = TestClient(.init(keys: APIKeys(["secret"])))
        let reply = try await client.get("/")
        #expect(reply.status == 200)
        #expect(reply.field("content-type") == "text/plain; charset=utf-8")
        #expect(reply.text.hasPrefix("Cierzo 0.1.0: "))
        #expect(reply.text.contains("/v1/chat/completions"))
        #expect(try await client.send(.head, "/").status == 200)
        #expect(try await client.send(.options, "/").field("allow") == "GET, HEAD, OPTIONS")
        #expect(try await client.send(.post, "/", "{}").status == 405)
        let loading = try await TestClient(isLoaded: false).get("/")
        #expect(loading.status == 200)
    }

    @Test func `a base URL without the version answers chats and completions`() async throws {
        let client = TestClient(tokenizer: ByteTokenizer(fillsGaps: true))
        let chat = #"{"model":"small","messages":[{"role":"user","content":"Hi"}]}"#
        let text = #"{"model":"small","prompt":"a"}"#
        #expect(try await client.post("/chat/completions", chat).status == 200)
        #expect(try await client.post("/v1/v1/chat/completions", chat).status == 200)
        #expect(try await client.post("/completions", text).status == 200)
        #expect(try await client.post("//v1/completions", text).status == 200)
        let fim = try await client.post("/fim/completions", text)
        #expect(fim.status == 200)
        #expect(fim.field("x-api-dialect") == "mistral")
        let count = try await client.post("/chat/completions/input_tokens", chat)
        #expect(try count.json["input_tokens"] == 19)
        let forced = try await client.post("/mistral/chat/completions", chat)
        #expect(forced.field("x-api-dialect") == "mistral")
        #expect(try await client.send(.options, "/chat/completions").status == 204)
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

    @Test func `a model whose file is gone answers nothing, and health says why`() async throws {
        let client = TestClient(problem: "The file is gone.")
        let health = try await client.get("/health")
        #expect(health.status == 503)
        #expect(try health.json == ["status": "failed", "reason": "The file is gone."])
        #expect(try await client.get("/health/live").status == 200)
        let reply = try await client.post(
            "/v1/completions", #"{"model":"default","prompt":"a"}"#)
        #expect(reply.status == 503)
        #expect(reply.text.contains("The file is gone."))
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
        ("/v1/messages", [:], "anthropic"),
        ("/v1/messages", ["x-stainless-lang": "js"], "anthropic"),
        ("/mistral/v1/messages", [:], "anthropic"),
        ("/api/chat", ["x-stainless-lang": "js"], "ollama"),
        (
            "/v1/chat/completions", ["anthropic-version": "2023-06-01", "x-stainless-lang": "js"],
            "anthropic"
        ),
        ("/anthropic/v1/chat/completions", [:], "anthropic"),
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

    @Test func `the engine's lines of the log have the request's id, too`() async throws {
        let client = TestClient()
        _ = try await client.post(
            "/v1/completions", #"{"model":"default","prompt":"ab"}"#, ["x-request-id": "one"])
        let reply = try await client.complete()
        #expect(client.engine.requests.map(\.id) == ["one", reply.field("x-request-id")])
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

@Suite struct APIKeyTests {
    @Test func `keys are separated by commas, wherever they come from`() throws {
        #expect(try APIKeys.parse([]) == [])
        #expect(try APIKeys.parse(["a"]) == ["a"])
        #expect(try APIKeys.parse(["a,b"]) == ["a", "b"])
        #expect(try APIKeys.parse([" a ", "b\t, c\n"]) == ["a", "b", "c"])
        #expect(try APIKeys.parse(["schlüssel", "A", "a"]) == ["schlüssel", "A", "a"])
    }

    @Test(arguments: [
        ([""], APIKeyError.empty(number: 1)), ([","], .empty(number: 1)),
        ([" "], .empty(number: 1)),
        (["\t\n"], .empty(number: 1)), (["\u{A0}"], .empty(number: 1)),
        (["a", ""], .empty(number: 2)),
        (["a,"], .empty(number: 2)), ([",a"], .empty(number: 1)), (["a,,b"], .empty(number: 2)),
        (["a b"], .unsendable(number: 1)), (["a,b\u{2003}c"], .unsendable(number: 2)),
        (["a\0"], .unsendable(number: 1)), (["a", "b", "a"], .repeated(number: 3, first: 1)),
        (["a,a "], .repeated(number: 2, first: 1)),
    ])
    func `a list that opens less than it seems to, or everything, is refused`(
        texts: [String], error: APIKeyError
    ) {
        #expect(throws: error) { try APIKeys.parse(texts) }
        #expect(!"\(error)".contains("'"))
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

    @Test(
        arguments: [
            ([:], 401, nil), (["authorization": "Bearer wrong"], 401, nil),
            (["authorization": "Bearer secret"], nil, 503),
        ] as [([String: String], Int?, Int?)])
    func `a request is checked before its body is read`(
        fields: [String: String], status: Int?, statusOverLimit: Int?
    ) throws {
        let request = TestClient.request(.post, "/v1/chat/completions", "", fields)
        let refusal = client.server.admit(ArrivingRequest(head: request.head))
        #expect(refusal?.head.status.code == status)
        let crowded = client.server.admit(ArrivingRequest(head: request.head, isOverLimit: true))
        #expect(crowded?.head.status.code == statusOverLimit ?? status)
    }

    @Test func `over the limit of connections health still answers`() throws {
        let health = TestClient.request(.get, "/health", "", [:])
        #expect(client.server.admit(.init(head: health.head, isOverLimit: true)) == nil)
        let models = TestClient.request(.get, "/v1/models", "", ["x-api-key": "secret"])
        let refusal = try #require(
            client.server.admit(.init(head: models.head, isOverLimit: true)))
        #expect(refusal.head.headerFields[.retryAfter] == "1")
    }

    @Test(arguments: [("/v1/completions", "error"), ("/mistral/v1/completions", "object")])
    func `a body that is refused unread is refused in the client's dialect`(
        path: String, member: String
    ) throws {
        let head = TestClient.request(.post, path, "", [:]).head
        let refusal = client.server.refusal(.contentTooLarge, "no", head)
        let body = try #require(
            { if case .bytes(let bytes) = refusal.body { bytes } else { nil } }())
        #expect(try JSONParser.parse(body)[member] != nil)
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

    @Test func `every metric has its type and a help`() async throws {
        let client = TestClient()
        _ = try await client.chat()
        let lines = try await client.get("/metrics").text.split(separator: "\n")
        let types = lines.filter { $0.hasPrefix("# TYPE ") }.map { $0.split(separator: " ")[2] }
        let helps = lines.filter { $0.hasPrefix("# HELP ") }.map { $0.split(separator: " ") }
        #expect(types == helps.map { $0[2] })
        #expect(helps.allSatisfy { $0.count > 4 })
        #expect(Set(types).count == types.count)
    }

    @Test func `metrics count requests and tokens`() async throws {
        let client = TestClient()
        _ = try await client.chat()
        _ = try await client.chat(#""stream":true"#)
        let reply = try await client.get("/metrics")
        #expect(reply.field("content-type")?.hasPrefix("text/plain; version=0.0.4") == true)
        for line in [
            #"cierzo_http_requests_total{route="/v1/chat/completions",status="200"} 2"#,
            #"cierzo_completion_tokens_total{model_name="maker/model"} 10"#, "cierzo_ready 1",
            #"cierzo_num_requests_running{model_name="maker/model"} 0"#,
        ] {
            #expect(reply.text.contains(line + "\n"))
        }
    }
}
