// SPDX-License-Identifier: Apache-2.0

import APIs
import Access
import Generation
import HTTP
import HTTPTypes
import JSON
import ServingSupport
import Testing

/// What a key of a file opens.
@Suite struct KeyFileAccessTests {
    @Test func `a key of the file opens the server, and nothing else does`() async throws {
        let server = try KeyedClient(["a": AccessLimits()])
        #expect(try await server.complete(as: "a").status == 200)
        #expect(try await server.get("/v1/models", as: "a").status == 200)
        #expect(try await server.get("/health", as: "nobody").status == 200)
        for name in ["nobody", "ck-aaaaaaaaaaaaaaaa-aaaa", ""] {
            let reply = try await server.complete(as: name)
            #expect(reply.status == 401)
            #expect(reply.field("www-authenticate") == "Bearer")
        }
        #expect(try await server.client.get("/v1/models").status == 401)
    }

    @Test func `keys of the configuration open it as well`() async throws {
        let server = try KeyedClient(
            ["a": AccessLimits()], configuration: .init(keys: APIKeys(["secret"])))
        #expect(try await server.complete(as: "secret").status == 200)
        #expect(try await server.complete(as: "a").status == 200)
        #expect(try await server.complete(as: "secre").status == 401)
        let clients = server.client.engine.requests.map(\.client)
        #expect(clients[0] == 1)
        #expect(clients[1] > 1 << 50)
    }

    @Test func `a request is checked before its body is read, as far as that is quick`()
        async throws
    {
        let server = try KeyedClient([
            "chats": .with { $0.families = [.chat] }, "all": AccessLimits(),
        ])
        func admission(_ name: String, isOverLimit: Bool = false) -> Int? {
            let request = TestClient.request(.post, "/v1/completions", "", server.fields(name))
            return server.client.server.admit(
                ArrivingRequest(head: request.head, isOverLimit: isOverLimit))?.head.status.code
        }
        #expect(admission("nobody") == 401)
        // It has not been seen yet.
        #expect(admission("chats") == nil)
        #expect(admission("chats", isOverLimit: true) == 503)
        #expect(try await server.complete(as: "chats").status == 403)
        #expect(admission("chats") == 403)
        #expect(try await server.complete(as: "all").status == 200)
        #expect(admission("all") == nil)
    }

    @Test(
        arguments: [
            ("/v1/completions", "error.code", "forbidden"),
            ("/mistral/v1/completions", "code", "1403"),
            ("/v1/messages", "error.type", "permission_error"), ("/api/generate", "error", nil),
        ] as [(String, String, String?)])
    func `a family that a key is not for is 403 in the vendor's shape`(
        path: String, member: String, value: String?
    ) async throws {
        let server = try KeyedClient(["a": .with { $0.families = [.chat, .embeddings] }])
        let reply = try await server.complete(as: "a", path: path)
        #expect(reply.status == 403)
        let json = try reply.json
        let found = member.split(separator: ".").reduce(json) { $0[String($1)] ?? .null }
        if let value { #expect(found.stringValue == value) }
        #expect(reply.text.contains("chat, embeddings"))
    }

    @Test func `a model that a key is not for is 403, and not listed`() async throws {
        let server = try KeyedClient([
            "other": .with { $0.models = ["other"] }, "own": .with { $0.models = ["small"] },
        ])
        let refused = try await server.complete(as: "other")
        #expect(refused.status == 403)
        #expect(refused.text.contains("maker/model"))
        #expect(try await server.get("/v1/models", as: "other").json["data"]?.arrayValue == [])
        #expect(try await server.get("/v1/models/small", as: "other").status == 404)
        #expect(try await server.get("/api/tags", as: "other").json["models"]?.arrayValue == [])
        #expect(try await server.complete(as: "own").status == 200)
        #expect(try await server.get("/v1/models", as: "own").json["data"]?.arrayValue?.count == 1)
        #expect(try await server.get("/v1/models/small", as: "own").status == 200)
    }

    @Test func `a key's weight, priority and context reach the engine`() async throws {
        let server = try KeyedClient([
            "a": .with {
                $0.weight = 7
                $0.priority = 5
                $0.context = 16
            }
        ])
        for members in ["", #""max_tokens":3,"priority":9"#] {
            #expect(try await server.complete(members, as: "a").status == 200)
        }
        let requests = server.client.engine.requests
        #expect(requests.map(\.weight) == [7, 7])
        #expect(requests.map(\.priority) == [5, 9])
        let count = requests[0].promptTokens.count
        #expect(requests.map(\.maxTokens) == [16 - count, 3])
        let long = try await server.post(
            "/v1/completions", #"{"model":"default","prompt":"0123456789abcdef"}"#, as: "a")
        #expect(long.status == 400)
        #expect(try long.json["error"]?["code"] == "context_length_exceeded")
        #expect(try long.json["error"]?["n_ctx"] == 16)
    }

    @Test func `only an operator's key loads and unloads models and reads metrics`() async throws {
        let server = try KeyedClient(
            ["user": AccessLimits(), "operator": .with { $0.isAdmin = true }],
            configuration: .init(keys: APIKeys(["secret"])))
        let body = #"{"model":"small"}"#
        for path in ["/v1/models/load", "/models/unload"] {
            #expect(try await server.post(path, body, as: "user").status == 403)
            #expect(try await server.post(path, body, as: "operator").status == 200)
            #expect(try await server.post(path, body, as: "secret").status == 200)
        }
        #expect(try await server.get("/metrics", as: "user").status == 403)
        #expect(try await server.get("/metrics", as: "operator").status == 200)
        #expect(try await server.get("/metrics", as: "secret").status == 200)
    }

    @Test func `each key has a prefix cache of its own`() async throws {
        let server = try KeyedClient(["a": AccessLimits(), "b": AccessLimits()])
        for name in ["a", "b", "a"] { _ = try await server.complete(as: name) }
        let scopes = server.client.engine.requests.map(\.cacheScope)
        #expect(scopes[0] == scopes[2] && scopes[0] != scopes[1])
        #expect(scopes.allSatisfy { $0.hasSuffix(":") && $0.count > 30 })
    }

    @Test func `the document says that a key is needed`() async throws {
        let server = try KeyedClient(["a": AccessLimits()])
        let document = try await server.get("/openapi.json", as: "a").json
        let chat = document["paths"]?["/v1/chat/completions"]?["post"]
        #expect(chat?["security"]?.arrayValue?.count == 3)
    }

    @Test func `under a foreign name a server with a key file answers`() async throws {
        let server = try KeyedClient(["a": AccessLimits()])
        _ = try await server.complete(as: "a")
        var request = TestClient.request(.get, "/v1/models", "", server.fields("a"))
        var head = request.head
        head.authority = "evil.example"
        request = ServerRequest(head: head)
        #expect(await server.client.server.handle(request).head.status.code == 200)
    }
}
