// SPDX-License-Identifier: Apache-2.0

import APIs
import HTTPTypes
import JSON
import Page
import Testing

@Suite struct PageRouteTests {
    private static let browser = [
        "accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
    ]

    private static var off: APIServer.Configuration {
        var configuration = APIServer.Configuration()
        configuration.page = nil
        return configuration
    }

    @Test func `the root is the page to a browser, and a text to everybody else`() async throws {
        let client = TestClient(.init(keys: APIKeys(["secret"])))
        let page = try await client.get("/", Self.browser)
        #expect(page.status == 200)
        #expect(page.field("content-type") == "text/html; charset=utf-8")
        #expect(page.field("vary") == "Accept, Accept-Encoding")
        #expect(page.text.contains(Site.embedded.revision))
        for fields in [[:], ["accept": "*/*"], ["accept": "application/json"]] {
            let reply = try await client.get("/", fields)
            #expect(reply.field("content-type") == "text/plain; charset=utf-8")
            #expect(reply.field("vary") == "Accept")
            #expect(reply.text.hasPrefix("Cierzo 0.1.0: "))
        }
        #expect(try await client.send(.head, "/", "", Self.browser).status == 200)
        #expect(try await client.send(.post, "/", "{}", Self.browser).status == 405)
    }

    @Test(arguments: ["/page/index.html", "/page/\(Site.embedded.revision)/vendor/marked.js"])
    func `files need no key and no model`(path: String) async throws {
        let client = TestClient(.init(keys: APIKeys(["secret"])), isLoaded: false)
        let reply = try await client.get(path)
        #expect(reply.status == 200)
        #expect(reply.field("content-security-policy") != nil)
        #expect(try await client.send(.head, path).status == 200)
        let tag = try #require(reply.field("etag"))
        let again = try await client.get(path, ["if-none-match": tag])
        #expect(again.status == 304)
        #expect(again.body.isEmpty)
        #expect(try await client.send(.post, path, "{}").status == 405)
    }

    @Test(arguments: ["/page/x.js", "/page/%2e%2e/index.html", "/page/<script>", "/page/vendor"])
    func `what is no file is told as any unknown path`(path: String) async throws {
        let reply = try await TestClient().get(path)
        #expect(reply.status == 404)
        #expect(try reply.json["error"]?["message"]?.stringValue?.contains("no such route") == true)
        #expect(!reply.text.contains("<script>"))
    }

    @Test func `the page is told whether it needs a key`() async throws {
        var configuration = APIServer.Configuration(keys: APIKeys(["secret"]))
        configuration.page = PagePolicy(toolServers: ["https://tools.example/mcp"])
        let settings = try await TestClient(configuration).get("/page/settings.json")
        #expect(
            settings.text == #"{"version":"0.1.0","needs_key":true,"batch_endpoints":[]}"#)
        let open = try await TestClient().get("/page/settings.json").json
        #expect(open["needs_key"] == false)
    }

    @Test func `the page is told what batches may ask where there are some`() async throws {
        let store = try #require(BatchRouteTests.exampleStore())
        let settings = try await TestClient(batches: store).get("/page/settings.json").json
        let endpoints = try #require(settings["batch_endpoints"]?.arrayValue)
        #expect(endpoints.contains("/v1/chat/completions"))
        // What the page offers is taken.
        for endpoint in endpoints {
            let order: JSONValue = [
                "input_file_id": .string(EndpointContract.exampleFile), "endpoint": endpoint,
                "completion_window": "24h",
            ]
            let made = try await TestClient(batches: store).post(
                "/v1/batches", order.serialized())
            #expect(made.status == 200, "\(made.text)")
        }
    }

    @Test func `the servers of tools are told to who may use the server`() async throws {
        var configuration = APIServer.Configuration(keys: APIKeys(["secret"]))
        configuration.page = PagePolicy(toolServers: ["https://tools.example/mcp"])
        let path = "/page/tool-servers.json"
        let client = TestClient(configuration)
        let refused = try await client.get(path)
        #expect(refused.status == 401)
        #expect(!refused.text.contains("tools.example"))
        let told = try await client.get(path, ["authorization": "Bearer secret"])
        #expect(told.text == #"{"tool_servers":["https://tools.example/mcp"]}"#)
        #expect(try await TestClient().get(path).json == ["tool_servers": []])
    }

    @Test(arguments: [
        ("/docs", "./#/docs"), ("/docs/", "../#/docs"), ("/docs?x=/", "./#/docs"),
        ("/docs//", "../../#/docs"), ("/openai/docs", "../#/docs"),
    ])
    func `the address of the documentation leads into the page`(
        path: String, place: String
    ) async throws {
        let reply = try await TestClient().get(path)
        #expect(reply.status == 302)
        #expect(reply.field("location") == place)
    }

    @Test func `a page that only some origins may read varies by all that it depends on`()
        async throws
    {
        let client = TestClient(
            .init(browsers: BrowserPolicy(allowedOrigins: ["https://app.example"])))
        let page = try await client.get("/", Self.browser)
        #expect(page.field("vary") == "Accept, Accept-Encoding, Origin")
        #expect(try await client.get("/v1/models").field("vary") == "Origin")
    }

    @Test func `a server without the page has none of it`() async throws {
        let client = TestClient(Self.off)
        let root = try await client.get("/", Self.browser)
        #expect(root.text.hasPrefix("Cierzo 0.1.0: "))
        #expect(root.field("vary") == nil)
        for path in ["/page/index.html", "/page/settings.json", "/page/tool-servers.json", "/docs"]
        {
            #expect(try await client.get(path).status == 404)
        }
    }
}
