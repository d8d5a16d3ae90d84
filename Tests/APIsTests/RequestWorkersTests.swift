// SPDX-License-Identifier: Apache-2.0

import APIs
import Dispatch
import Generation
import HTTP
import HTTPTypes
import JSON
import ServingSupport
import Testing

@Suite struct RequestWorkersTests {
    private static func chat(_ content: String) -> String {
        #"{"model":"default","messages":[{"role":"user","content":"\#(content)"}]}"#
    }

    @Test func `health is told while more conversations are rendered than threads serve`()
        async throws
    {
        let gate = DispatchSemaphore(value: 0)
        let prompts = PlainPrompts(gate: gate)
        let client = TestClient(prompts: prompts)
        let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<64 { group.addTask { try await client.chat().status } }
            while prompts.renderings.value == 0 { await Task.yield() }
            #expect(try await client.get("/health").status == 200)
            #expect(try await client.get("/v1/models").status == 200)
            for _ in 0..<64 { gate.signal() }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(statuses == Array(repeating: 200, count: 64))
    }

    @Test func `a large body does not stand before a small one`() async throws {
        let gate = DispatchSemaphore(value: 0)
        let prompts = PlainPrompts(gate: gate)
        let client = TestClient(prompts: prompts)
        let body = Self.chat(String(repeating: "x", count: 70_000))
        let large = (0..<16).map { _ in
            Task { try await client.post("/v1/chat/completions", body).status }
        }
        while prompts.renderings.value == 0 { await Task.yield() }
        #expect(try await client.post("/v1/tokenize", #"{"prompt":"ab"}"#).status == 200)
        for _ in large { gate.signal() }
        for task in large { #expect(try await task.value == 400) }
    }

    @Test(arguments: ["false", "true"])
    func `a body is gone once the engine has its request`(streams: String) async throws {
        let body = #"{"model":"default","prompt":"ab","stream":\#(streams)}"#
        let request = TestClient.request(.post, "/v1/completions", body, [:])
        #expect(request.body.count == body.utf8.count)
        let engine = ScriptedEngine { generation throws(SubmissionError) in
            #expect(request.body.isEmpty)
            return ScriptedEngine.events(ScriptedEngine.greetingEvents(generation))
        }
        let response = await TestClient(engine: engine).server.handle(request)
        #expect(response.head.status == .ok)
        #expect(engine.requests.count == 1)
    }

    @Test(arguments: [
        ("/v1/completions", #""prompt":"TEXT""#, "prompt"),
        ("/v1/completions", #""prompt":"a","suffix":"TEXT""#, "prompt"),
        ("/v1/fim/completions", #""prompt":"TEXT""#, "prompt"),
        ("/v1/chat/completions", #""messages":[{"role":"user","content":"TEXT"}]"#, "messages"),
    ])
    func `text that does not fit is refused before the engine sees it`(
        path: String, members: String, field: String
    ) async throws {
        let client = TestClient(tokenizer: ByteTokenizer(fillsGaps: true))
        let text = members.replacing("TEXT", with: String(repeating: "x", count: 600))
        let reply = try await client.post(
            path, #"{"model":"default",\#(text)}"#, ["x-stainless-lang": "python"])
        #expect(reply.status == 400)
        #expect(try reply.json["error"]?["code"] == "context_length_exceeded")
        #expect(try reply.json["error"]?["param"]?.stringValue == field)
        #expect(client.engine.requests.isEmpty)
    }

    @Test func `a body of more values than any context holds is refused`() async throws {
        let values = String(repeating: "0,", count: 1_120_000)
        let reply = try await TestClient().post(
            "/v1/completions", #"{"model":"default","prompt":[\#(values)0]}"#)
        #expect(reply.status == 400)
        #expect(
            try reply.json["error"]?["message"]?.stringValue?.contains("1114112 values") == true)
    }
}
