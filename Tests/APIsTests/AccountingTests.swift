// SPDX-License-Identifier: Apache-2.0

import APIs
import Access
import Generation
import HTTP
import HTTPTypes
import JSON
import Recognition
import ServingSupport
import Testing

/// What is counted and recorded of requests.
@Suite struct AccountingTests {
    private static let admin = AccessLimits.with { $0.isAdmin = true }

    private static func server(_ engine: ScriptedEngine = ScriptedEngine()) throws -> KeyedClient {
        try KeyedClient(
            ["a": AccessLimits(), "admin": admin], engine: engine, isAccounted: true)
    }

    @Test(arguments: ["", #""stream":true"#])
    func `what an answer took is in the files before its end is told`(
        members: String
    )
        async throws
    {
        let server = try Self.server()
        let reply = try await server.complete(members, as: "a")
        #expect(reply.status == 200)
        let rows = try server.files.usage()
        #expect(rows.count == 1)
        #expect(rows[0].subject.name == "a")
        #expect(rows[0].subject.model == "maker/model")
        #expect(rows[0].subject.family == "completions")
        #expect(rows[0].counts.requests == 1)
        #expect(rows[0].counts.abandoned == 0)
        #expect(rows[0].counts.promptTokens > 0)
        #expect(rows[0].counts.completionTokens > 0)
        #expect(try server.files.records().count == 1)
        #expect(try server.areRecordsSound())
    }

    @Test func `of a stream everything is in the files when its last event is written`()
        async throws
    {
        let server = try Self.server()
        let produce = try await server.stream("a", as: "a")
        let files = server.files
        let ends = ByteSink()
        try await produce(
            ResponseWriter { bytes in
                guard String(decoding: bytes, as: UTF8.self).contains("[DONE]") else { return }
                ends.append([1])
                let (usage, records) = (try files.usage(), try files.records())
                #expect(usage.first?.counts.requests == 1)
                #expect(records.count == 1)
            })
        #expect(ends.bytes == [1])
        #expect(try server.usage().first?.counts.requests == 1)
        #expect(try server.records().count == 1)
    }

    @Test func `a stream that breaks off counts what was told of it`() async throws {
        let server = try Self.server(
            ScriptedEngine { request throws(SubmissionError) in
                var events = ScriptedEngine.greetingEvents(request).filter {
                    if case .finished = $0 {
                        false
                    } else if case .usage = $0 {
                        false
                    } else {
                        true
                    }
                }
                events.append(.finished(choice: 0, reason: .error("broken"), stop: nil))
                events.append(.usage(Usage(promptTokens: 2, completionTokens: 3)))
                return ScriptedEngine.events(events)
            })
        _ = try await server.complete(#""stream":true"#, as: "a")
        let counts = try #require(try server.usage().first?.counts)
        #expect(counts.promptTokens > 0)
        #expect(counts.completionTokens > 0)
    }

    @Test func `the sums of many requests are those that their answers told`() async throws {
        let server = try Self.server()
        var total = 0
        for _ in 0..<5 {
            let reply = try await server.complete(as: "a")
            total += try #require(try reply.json["usage"]?["total_tokens"]?.intValue)
        }
        _ = try await server.post("/v1/tokenize", #"{"model":"small","prompt":"ab"}"#, as: "a")
        let rows = try server.usage()
        #expect(rows.map(\.subject.family) == ["completions", "tokens"])
        #expect(rows[0].counts.requests == 5)
        #expect(rows[0].counts.promptTokens + rows[0].counts.completionTokens == total)
        #expect(rows[1].counts.requests == 1)
    }

    @Test func `who goes away is counted with what was computed`() async throws {
        let server = try Self.server()
        let produce = try await server.stream("abc", as: "a")
        await #expect(throws: CancellationError.self) {
            try await produce(ResponseWriter { _ in throw CancellationError() })
        }
        let counts = try #require(try server.usage().first).counts
        #expect(counts.requests == 1)
        #expect(counts.abandoned == 1)
        #expect(counts.promptTokens == server.client.engine.requests.first?.promptTokens.count)
        #expect(try server.records().first?["ended"] == ["abandoned"])
    }

    @Test func `what was refused is recorded, and no usage`() async throws {
        let server = try Self.server(
            ScriptedEngine { _ throws(SubmissionError) in
                throw .overloaded(retryAfter: .seconds(3))
            })
        #expect(try await server.complete(as: "a").status == 503)
        #expect(try await server.complete(#""max_tokens":"many""#, as: "a").status == 400)
        // Nobody knows who that is.
        #expect(try await server.complete(as: "nobody").status == 401)
        #expect(try server.usage().isEmpty)
        let records = try server.records()
        #expect(records.map { $0["status"]?.intValue } == [503, 400, nil])
        #expect(records.prefix(2).allSatisfy { $0["ended"] == ["refused"] })
        #expect(records[2]["refused"] == "unknown_key")
    }

    @Test func `what came too often, or of nobody, is one line of numbers`() async throws {
        let server = try KeyedClient(
            ["a": .with { $0.requestsPerMinute = 2 }], isAccounted: true)
        for _ in 0..<9 { _ = try await server.complete(as: "a") }
        for _ in 0..<30 { #expect(try await server.complete(as: "nobody").status == 401) }
        let head = TestClient.request(.post, "/v1/completions", "", server.fields("a")).head
        let refusal = server.client.server.admit(
            ArrivingRequest(head: head, remoteAddress: "192.0.2.7"))
        #expect(refusal?.head.status.code == 429)
        let records = try server.records()
        #expect(records.count == 4)
        #expect(records[2]["refused"] == "limited" && records[2]["requests"] == 8)
        #expect(records[2]["name"] == "a")
        #expect(records[2]["from"] == ["", "192.0.2.7"])
        #expect(records[3]["refused"] == "unknown_key" && records[3]["requests"] == 30)
        #expect(records[3]["name"] == nil)
        #expect(try server.areRecordsSound())
    }

    @Test func `a record says who and what, and no word of it`() async throws {
        let server = try Self.server()
        var request = TestClient.request(
            .post, "/v1/chat/completions",
            #"{"model":"small","messages":[{"role":"user","content":"a secret word"}],"#
                + #""temperature":0.5,"seed":7,"user":"name","n":1}"#,
            server.fields("a").merging(["x-request-id": "own-id"]) { $1 })
        request = ServerRequest(
            head: request.head, body: request.body, remoteAddress: "192.0.2.1")
        let response = await server.client.server.handle(request)
        #expect(response.head.status.code == 200)
        let record = try #require(try server.records().first)
        #expect(record["request"] == "own-id")
        #expect(record["name"] == "a")
        #expect(record["from"] == "192.0.2.1")
        #expect(record["route"] == "/v1/chat/completions")
        #expect(record["family"] == "chat")
        #expect(record["model"] == "maker/model")
        #expect(record["fingerprint"] == "fp")
        #expect(record["parameters"] == ["temperature": 0.5, "seed": 7, "n": 1])
        #expect(record["ended"] == ["stop"])
        #expect(record["status"] == 200)
        #expect(record["prompt_sha256"]?.stringValue?.count == 64)
        #expect(record["reply_sha256"]?.stringValue?.count == 64)
        let text = record.serialized()
        #expect(!text.contains("secret word") && !text.contains("\"user\""))
    }

    @Test func `equal replies have equal digests, however they were sent`() async throws {
        let server = try Self.server(.saying("one", "two"))
        for members in ["", #""stream":true"#, #""n":2"#, #""n":2,"stream":true"#] {
            _ = try await server.complete(members, as: "a")
        }
        let replies = try server.records().map { $0["reply_sha256"]?.stringValue }
        #expect(replies[0] != nil)
        #expect(replies[0] == replies[1])
        #expect(replies[2] == replies[3])
        #expect(replies[0] != replies[2])
        let prompts = Set(try server.records().map { $0["prompt_sha256"]?.stringValue })
        #expect(prompts.count == 1)
    }

    @Test func `who asks for what his key is not for does so on record, before his body is read`()
        async throws
    {
        let server = try KeyedClient(
            ["a": .with { $0.families = [.chat] }], isAccounted: true)
        #expect(try await server.complete(as: "a").status == 403)
        let request = TestClient.request(.post, "/v1/completions", "", server.fields("a"))
        let refusal = server.client.server.admit(
            ArrivingRequest(head: request.head, remoteAddress: "192.0.2.7"))
        #expect(refusal?.head.status.code == 403)
        let records = try server.records()
        #expect(records.map { $0["status"]?.intValue } == [403, 403])
        #expect(records.map { $0["from"]?.stringValue } == ["", "192.0.2.7"])
        #expect(try server.usage().isEmpty)
    }

    // MARK: The administrator

    @Test func `usage is read by a key that is for it, as JSON and as CSV`() async throws {
        let server = try Self.server()
        _ = try await server.complete(as: "a")
        let path = "/v1/admin/usage"
        #expect(try await server.get(path, as: "a").status == 403)
        #expect(try await server.get(path, as: "nobody").status == 401)
        let json = try await server.get(path, as: "admin")
        #expect(json.status == 200)
        #expect(try json.json["data"]?[0]?["name"] == "a")
        #expect(try json.json["data"]?[0]?["requests"] == 1)
        #expect(try json.json["has_more"] == false)
        guard
            case .json(let kind)? = ServedContract.all.first(where: { $0.path == path })?.contract?
                .answer
        else {
            Issue.record("no contract")
            return
        }
        let schema = JSONValue.object(kind.schema(FieldRules(), isAnswer: true))
        #expect(try SchemaValidator(SchemaDocument(schema)).accepts(json.text))
        let document = try await server.get("/openapi.json", as: "admin").json
        #expect(document["paths"]?[path]?["get"] != nil)
        #expect(try await TestClient().get("/openapi.json").json["paths"]?[path] == nil)
        let csv = try await server.get(path + "?format=csv&group=hour&key=a", as: "admin")
        #expect(csv.field("content-type") == "text/csv; charset=utf-8")
        #expect(csv.text.split(separator: "\r\n").count == 2)
        let none = try await server.get(path + "?end=1000", as: "admin")
        #expect(try none.json["data"]?.arrayValue == [])
        // Reading is recorded, and is no usage.
        #expect(try server.usage().count == 1)
        let records = try server.records().filter { $0["route"] == .string(path) }
        #expect(records.map { $0["status"]?.intValue } == [403, 200, 200, 200])
        #expect(records[0]["name"] == "a")
    }

    @Test(
        arguments: [
            "group=week", "start=x", "end=-1", "limit=0", "format=xml", "what=1", "start", "%zz=1",
        ])
    func `a wrong question for usage is 400`(query: String) async throws {
        let server = try Self.server()
        let reply = try await server.get("/v1/admin/usage?" + query, as: "admin")
        #expect(reply.status == 400)
    }

    @Test func `keys of the configuration may not read it, nor anybody where nobody counts`()
        async throws
    {
        let server = try KeyedClient(
            ["admin": Self.admin], configuration: .init(keys: APIKeys(["secret"])))
        #expect(try await server.get("/v1/admin/usage", as: "secret").status == 403)
        #expect(try await server.get("/v1/admin/usage", as: "admin").status == 404)
        #expect(try await TestClient().get("/v1/admin/usage").status == 403)
    }

    @Test func `a day's limits go on after a restart`() async throws {
        let limits = AccessLimits.with { $0.requestsPerDay = 2 }
        let server = try KeyedClient(["a": limits], isAccounted: true)
        _ = try await server.complete(as: "a")
        let again = try server.restarted()
        #expect(try await again.complete(as: "a").status == 200)
        #expect(try await again.complete(as: "a").status == 429)
        again.clock.pass(seconds: 86_400)
        #expect(try await again.restarted().complete(as: "a").status == 200)
    }
}
