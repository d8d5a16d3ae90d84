// SPDX-License-Identifier: Apache-2.0

import APIs
import HTTP
import HTTPTypes
import Testing

/// Web pages: which names, origins and types of content a server takes.
@Suite struct BrowserTests {
    private static let completion = #"{"model":"small","prompt":"a","max_tokens":1}"#
    private static let page = "https://app.example"
    private static let preflight = [
        "origin": page, "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type,x-stainless-os",
    ]

    private func status(
        _ client: TestClient, host: String?, _ fields: [String: String] = [:],
        _ method: HTTPRequest.Method = .post
    ) async -> Int {
        let request = TestClient.request(method, "/v1/completions", Self.completion, fields)
        var head = request.head
        head.authority = host
        let answer = await client.server.handle(ServerRequest(head: head, body: request.body))
        let refusal = client.server.admit(ArrivingRequest(head: head))
        #expect((refusal?.head.status ?? 200) == answer.head.status)
        return answer.head.status.code
    }

    @Test(arguments: [
        "evil.example", "evil.example:8080", "127.evil.example", "127.0.0.1.evil.example",
        "localhost.evil.example", "EVIL.EXAMPLE.", "1.2.3.4.5", "0x7f.0.0.1", "notlocalhost.com",
        "[::1].evil.example", "evil.localhost.example", "xlocal.evil", "127.0.0.1x.evil:1",
        "llm.example.evil.example",
    ])
    func `without keys a foreign host is refused`(host: String) async {
        let client = TestClient(.init(browsers: BrowserPolicy(allowedHosts: ["llm.example"])))
        #expect(await status(client, host: host) == 403)
    }

    @Test(arguments: [
        nil, "", "localhost", "LOCALHOST:8080", "localhost.", "a.localhost", "127.0.0.1",
        "127.1.2.3:80", "192.168.1.9:8080", "[::1]", "[::1]:8080", "[fe80::1]:1", "x",
        "server:8080", "server.local", "host.docker.internal:8080", "llm.example", "LLM.example:1",
        "a.proxy.example", "b.a.proxy.example",
    ])
    func `without keys the server's own and local names pass`(host: String?) async {
        let policy = BrowserPolicy(allowedHosts: ["llm.example", "*.proxy.example"])
        #expect(await status(TestClient(.init(browsers: policy)), host: host) == 200)
    }

    @Test func `with keys, or every name allowed, the host is not looked at`() async {
        let keyed = TestClient(.init(keys: APIKeys(["secret"])))
        #expect(await status(keyed, host: "evil.example", ["x-api-key": "secret"]) == 200)
        let open = TestClient(.init(browsers: BrowserPolicy(allowedHosts: ["*"])))
        #expect(await status(open, host: "evil.example") == 200)
    }

    @Test(arguments: [
        (["origin": "http://evil.example"], 403), (["origin": "null"], 403),
        (["origin": "http://localhost.evil.example"], 403), (["origin": "http://127.evil"], 403),
        (["sec-fetch-site": "cross-site"], 403),
        (["origin": "http://evil.example", "sec-fetch-site": "cross-site"], 403),
        (["origin": "http://localhost"], 200), (["origin": "http://localhost:3000"], 200),
        (["origin": "http://llm.local:8080"], 200), (["sec-fetch-site": "same-origin"], 200),
        (["origin": "http://x.example", "sec-fetch-site": "same-origin"], 200),
        (["origin": page], 200), ([:], 200),
    ])
    func `without keys a strange page starts nothing`(fields: [String: String], status: Int) async {
        let client = TestClient(.init(browsers: BrowserPolicy(allowedOrigins: [Self.page])))
        var fields = fields
        fields["content-type"] = "application/json; charset=utf-8"
        #expect(await self.status(client, host: "llm.local:8080", fields) == status)
    }

    @Test(arguments: [
        (["sec-fetch-site": "cross-site"], 403), (["origin": "http://evil.example"], 403),
        (["origin": "null"], 403), (["sec-fetch-site": "same-origin"], 200), ([:], 200),
        (["origin": "http://localhost:3000"], 200), (["origin": page], 200),
    ])
    func `without keys a strange page has nothing measured or watched`(
        fields: [String: String], status: Int
    ) async throws {
        let client = TestClient(.init(browsers: BrowserPolicy(allowedOrigins: [Self.page])))
        for path in ["/v1/admin/machine/events", "/v1/admin/doctor", "/metrics"] {
            let request = TestClient.request(.get, path, "", fields)
            #expect(await client.server.handle(request).head.status.code == status, "\(path)")
        }
        // What only shows something may be led to from anywhere.
        #expect(try await client.get("/", ["sec-fetch-site": "cross-site"]).status == 200)
    }

    @Test(arguments: [
        "text/plain", "text/plain;charset=UTF-8", "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x", "", "application/jsonx", "TEXT/PLAIN",
        "text/plain; application/json",
    ])
    func `a page must send JSON, other clients need not say so`(type: String) async {
        let client = TestClient(.init(browsers: BrowserPolicy(allowedOrigins: ["*"])))
        let fields = ["content-type": type]
        #expect(await status(client, host: "localhost", fields) == 200)
        let fromPage = fields.merging(["origin": Self.page]) { first, _ in first }
        #expect(await status(client, host: "localhost", fromPage) == 415)
    }

    @Test(arguments: [
        "/v1/chat/completions", "/v1/models", "/nowhere", "/mistral/v1/fim/completions",
    ])
    func `an allowed page is told so without a key`(path: String) async throws {
        let client = TestClient(
            .init(
                keys: APIKeys(["secret"]), browsers: BrowserPolicy(allowedOrigins: [Self.page])))
        let reply = try await client.send(.options, path, "", Self.preflight)
        #expect(reply.status == 204)
        #expect(reply.field("access-control-allow-origin") == Self.page)
        #expect(reply.field("vary") == "Origin")
        #expect(reply.field("access-control-allow-methods")?.contains("OPTIONS") == true)
        #expect(
            reply.field("access-control-allow-headers")
                == "authorization,content-type,x-stainless-os")
        #expect(reply.field("access-control-max-age") == "7200")
        #expect(reply.field("access-control-allow-private-network") == nil)
        #expect(reply.field("access-control-allow-credentials") == nil)
        let head = TestClient.request(.options, path, "", Self.preflight).head
        #expect(client.server.admit(ArrivingRequest(head: head)) == nil)
    }

    @Test func `a page that asks for a private network is let in`() async throws {
        let client = TestClient(.init(browsers: BrowserPolicy(allowedOrigins: ["*"])))
        let reply = try await client.send(
            .options, "/v1/completions", "",
            Self.preflight.merging(["access-control-request-private-network": "true"]) { $1 })
        #expect(reply.field("access-control-allow-private-network") == "true")
        #expect(reply.field("access-control-allow-origin") == "*")
        #expect(reply.field("vary") == nil)
    }

    @Test func `errors and streams can be read by an allowed page`() async throws {
        let client = TestClient(
            .init(
                keys: APIKeys(["secret"]), browsers: BrowserPolicy(allowedOrigins: [Self.page])))
        let wrong = try await client.get("/v1/models", ["origin": Self.page])
        #expect(wrong.status == 401)
        #expect(wrong.field("access-control-allow-origin") == Self.page)
        let stream = try await client.post(
            "/v1/completions", #"{"model":"small","prompt":"a","stream":true}"#,
            ["origin": Self.page, "x-api-key": "secret"])
        #expect(stream.field("access-control-allow-origin") == Self.page)
        #expect(stream.field("access-control-expose-headers")?.contains("x-request-id") == true)
        let unread = client.server.refusal(
            .contentTooLarge, "",
            TestClient.request(.post, "/v1/completions", "", ["origin": Self.page]).head)
        #expect(
            unread.head.headerFields.contains {
                $0.name.canonicalName == "access-control-allow-origin"
            })
    }

    @Test(arguments: [
        ([], page), ([page], "https://other.example"), ([page], page + ".evil"),
        ([page], "http://app.example"), (["http://localhost:*"], "http://localhost.evil"),
        (["http://localhost:*"], "http://localhost:1.evil"), (["null"], page),
    ])
    func `no other page is told anything`(allowed: [String], origin: String) async throws {
        let client = TestClient(.init(browsers: BrowserPolicy(allowedOrigins: allowed)))
        let reply = try await client.send(
            .options, "/v1/completions", "", Self.preflight.merging(["origin": origin]) { $1 })
        #expect(reply.field("access-control-allow-origin") == nil)
        let models = try await client.get("/v1/models", ["origin": origin])
        #expect(models.field("access-control-allow-origin") == nil)
    }

    @Test(arguments: [
        ([page + "/"], page), (["HTTPS://App.Example"], page), (["*"], "null"), (["null"], "null"),
        (["http://localhost:*"], "http://localhost:3000"),
        (["http://localhost:*"], "http://localhost"),
        (
            ["chrome-extension://*"],
            "chrome-extension://abcdef"
        ),
    ])
    func `origins are matched as they are meant`(allowed: [String], origin: String) async throws {
        let client = TestClient(.init(browsers: BrowserPolicy(allowedOrigins: allowed)))
        let reply = try await client.get("/v1/models", ["origin": origin])
        #expect(reply.field("access-control-allow-origin") != nil)
    }

    @Test(arguments: [
        ("*", true), ("null", true), ("https://a.example", true), ("http://a:*", true),
        ("app://*", true), ("http://a/", true), ("a.example", false), ("http://a/b", false),
        ("://a", false), ("http://", false), ("http://*.a", false), ("http://a*", false),
    ])
    func `only an origin can be allowed`(text: String, isOrigin: Bool) {
        #expect(BrowserPolicy.isOrigin(text) == isOrigin)
    }
}
