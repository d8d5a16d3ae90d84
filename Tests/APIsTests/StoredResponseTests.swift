// SPDX-License-Identifier: Apache-2.0

import APIs
import AnswerParsing
import Foundation
import Generation
import HTTPTypes
import JSON
import ServingSupport
import Storage
import TestSupport
import Testing
import Tokenization

/// Responses that are kept.
@Suite struct StoredResponseTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func client(
        _ text: String = "ok", keys: [String] = [], storage: RecordStore? = nil
    ) throws -> TestClient {
        TestClient(
            .init(keys: APIKeys(keys)), engine: .saying(text), answerFormat: TaggedFormat(),
            storage: try storage ?? RecordStore(folder: folder.path))
    }

    private func id(_ reply: Reply) throws -> String {
        try #require(try reply.json["id"]?.stringValue)
    }

    private func lastPrompt(_ client: TestClient) throws -> String {
        ByteTokenizer().decode(try #require(client.engine.requests.last?.promptTokens))
    }

    @Test func `a response is kept unless the client says otherwise`() async throws {
        let client = try client()
        let kept = try await client.respond()
        #expect(try kept.json["store"] == true)
        let shown = try await client.get("/v1/responses/\(id(kept))")
        #expect(shown.status == 200)
        #expect(try shown.json == kept.json)
        let passing = try await client.respond(#""store":false"#)
        #expect(try passing.json["store"] == false)
        let absent = try await client.get("/v1/responses/\(id(passing))")
        #expect(absent.status == 404)
        #expect(try absent.json["error"]?["code"] == "not_found")
    }

    @Test func `a streamed response is kept as its last event has it`() async throws {
        let client = try client()
        let reply = try await client.respond(#""stream":true"#)
        let event = try #require(reply.text.split(separator: "\n").last?.dropFirst(6))
        let response = try #require(try JSONParser.parse(String(event))["response"])
        let id = try #require(response["id"]?.stringValue)
        #expect(try await client.get("/v1/responses/\(id)").json == response)
    }

    @Test func `a conversation goes on from a response, its instructions left behind`()
        async throws
    {
        let client = try client("Hm<call f>{}</call>")
        let tools = #""tools":[{"type":"function","name":"f"}]"#
        let first = try await client.respond(#""instructions":"Be brief.","# + tools)
        let second = try await client.respond(
            #""input":[{"type":"function_call_output","call_id":"call00000","output":"1"}],"#
                + #""previous_response_id":"\#(try id(first))","# + tools)
        #expect(second.status == 200)
        #expect(try second.json["previous_response_id"]?.stringValue == id(first))
        #expect(try lastPrompt(client).hasPrefix("user=Hi;assistant=Hm;tool=1"))
        let third = try await client.respond(
            #""input":"And?","previous_response_id":"\#(try id(second))""#)
        #expect(third.status == 200)
        #expect(
            try lastPrompt(client)
                == "user=Hi;assistant=Hm;tool=1;assistant=Hm;user=And?;assistant=")
        // Those before it may be gone.
        #expect(try await client.send(.delete, "/v1/responses/\(id(first))").status == 200)
        let fourth = try await client.respond(
            #""input":"So?","previous_response_id":"\#(try id(third))""#)
        #expect(fourth.status == 200)
    }

    @Test func `an item is referred to by its identity`() async throws {
        let client = try client()
        let first = try await client.respond()
        let item = try #require(try first.json["output"]?[0]?["id"]?.stringValue)
        let reply = try await client.respond(
            #""input":[{"type":"item_reference","id":"\#(item)"},{"role":"user","content":"b"}]"#)
        #expect(reply.status == 200)
        #expect(try lastPrompt(client) == "assistant=ok;user=b;assistant=")
        let wrong = try await client.respond(
            #""input":[{"type":"item_reference","id":"msg_x"}]"#)
        #expect(wrong.status == 400)
        #expect(try wrong.json["error"]?["param"] == "input[0].id")
    }

    @Test func `the items of a request are listed page by page`() async throws {
        let client = try client()
        let first = try await client.respond(
            #""input":[{"role":"user","content":"a"},{"role":"assistant","content":"b"},"#
                + #"{"type":"function_call","call_id":"c","name":"f","arguments":"{}"},"#
                + #"{"type":"function_call_output","call_id":"c","output":"d"}]"#)
        let path = "/v1/responses/\(try id(first))/input_items"
        let all = try await client.get(path).json
        #expect(all["object"] == "list" && all["has_more"] == false)
        let items = try #require(all["data"]?.arrayValue)
        #expect(
            items.map { $0["type"] } == [
                "function_call_output", "function_call", "message", "message",
            ])
        #expect(items.allSatisfy { $0["id"] != nil && $0["status"] == "completed" })
        #expect(items[3]["content"] == [["type": "input_text", "text": "a"]])
        #expect(items[2]["content"]?[0]?["annotations"] == [])
        let page = try await client.get(path + "?order=asc&limit=2").json
        #expect(page["has_more"] == true && page["first_id"] == items[3]["id"])
        let rest = try await client.get(
            path + "?order=asc&after=\(page["last_id"]?.stringValue ?? "")"
        ).json
        #expect(rest["data"]?.arrayValue?.count == 2)
        for query in ["?limit=0", "?limit=x", "?order=up", "?after=nothing"] {
            #expect(try await client.get(path + query).status == 400)
        }
    }

    @Test func `a key finds its own responses only, whatever its place among the keys`()
        async throws
    {
        let store = try RecordStore(folder: folder.path)
        let before = try client(keys: ["one", "two"], storage: store)
        let one = ["authorization": "Bearer one"]
        let two = ["authorization": "Bearer two"]
        let body = #"{"model":"default","input":"Hi"}"#
        let kept = try await before.post("/v1/responses", body, one)
        let path = "/v1/responses/\(try id(kept))"
        #expect(try await before.get(path, two).status == 404)
        #expect(try await before.send(.delete, path, "", two).status == 404)
        let more = #"{"model":"default","input":"a","previous_response_id":"\#(try id(kept))"}"#
        let stranger = try await before.post("/v1/responses", more, two)
        #expect(stranger.status == 400)
        #expect(try stranger.json["error"]?["param"] == "previous_response_id")
        #expect(try stranger.json["error"]?["code"] == "previous_response_not_found")
        let after = try client(keys: ["two", "one"], storage: store)
        #expect(try await after.get(path, one).status == 200)
        #expect(try await after.get(path, two).status == 404)
        store.flush()
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
        #expect(!names.isEmpty)
        // SHA-256, from which nobody gets the key:
        // python3 -c 'import hashlib; print(hashlib.sha256("".join("\0\0\0" + letter for letter in
        // "key of the configuration: one").encode()).hexdigest()[:32])'
        #expect(names.allSatisfy { $0.hasPrefix("c4b77436cb2156d6b4971c68f0f6fe9b7.") })
    }

    @Test func `a response is deleted once, and none can be cancelled`() async throws {
        let client = try client()
        let path = "/v1/responses/\(try id(await client.respond()))"
        #expect(try await client.send(.post, path + "/cancel").status == 400)
        let deleted = try await client.send(.delete, path)
        #expect(try deleted.json["deleted"] == true)
        #expect(try await client.send(.delete, path).status == 404)
        #expect(try await client.get(path).status == 404)
        #expect(try await client.send(.post, path + "/cancel").status == 404)
        #expect(try await client.get("/v1/responses/..%2F..%2Fetc").status == 404)
    }

    @Test func `a file that was damaged is no response`() async throws {
        let store = try RecordStore(folder: folder.path)
        let client = try client(storage: store)
        let id = try id(await client.respond())
        store.flush()
        try Data("{\"response\":".utf8).write(
            to: URL(fileURLWithPath: folder.path + "/everybody.\(id)"))
        #expect(try await client.get("/v1/responses/\(id)").status == 404)
    }
}
