// SPDX-License-Identifier: Apache-2.0

import APIs
import AnswerParsing
import Generation
import HTTPTypes
import JSON
import ServingSupport
import Synchronization
import Testing

/// `POST /v1/responses`, streamed.
@Suite struct ResponseStreamTests {
    private static let tools =
        #""tools":[{"type":"function","name":"f"},{"type":"custom","name":"c"}]"#

    private func client(_ engine: ScriptedEngine) -> TestClient {
        TestClient(engine: engine, answerFormat: TaggedFormat(thinks: true))
    }

    /// The data of the events, each of which has its type as its name.
    private func events(_ reply: Reply) throws -> [JSONValue] {
        try reply.text.split(separator: "\n\n").map { event in
            let lines = event.split(separator: "\n")
            let data = try JSONParser.parse(String(lines[1].dropFirst(6)))
            #expect(lines[0] == "event: \(data["type"]?.stringValue ?? "")")
            return data
        }
    }

    /// The types, neighbours of the same counted once.
    private func types(_ events: [JSONValue]) -> [String] {
        var types: [String] = []
        for type in events.compactMap({ $0["type"]?.stringValue }) where type != types.last {
            types.append(type)
        }
        return types.map { $0.replacing("response.", with: "") }
    }

    @Test func `a text opens, grows, closes and is complete`() async throws {
        let reply = try await TestClient().respond(#""stream":true"#)
        #expect(reply.field("content-type") == "text/event-stream; charset=utf-8")
        let events = try events(reply)
        #expect(
            types(events) == [
                "created", "in_progress", "output_item.added", "content_part.added",
                "output_text.delta", "output_text.done", "content_part.done", "output_item.done",
                "completed",
            ])
        #expect(events.map { $0["sequence_number"]?.intValue } == Array(0..<events.count))
        #expect(events[0]["response"]?["status"] == "in_progress")
        #expect(events[0]["response"]?["output"] == [])
        #expect(events[2]["item"]?["content"] == [])
        let item = try #require(events[2]["item"]?["id"])
        #expect(events[3...9].allSatisfy { ($0["item_id"] ?? $0["item"]?["id"]) == item })
        let deltas = events.filter { $0["type"] == "response.output_text.delta" }
        #expect(deltas.compactMap { $0["delta"]?.stringValue } == ["H", "é", "!"])
        #expect(deltas.allSatisfy { $0["logprobs"] == [] && $0["content_index"] == 0 })
        #expect(!reply.text.contains("[DONE]"))
    }

    @Test func `a delta has these bytes`() async throws {
        let reply = try await TestClient().respond(#""stream":true"#)
        let event = try #require(
            reply.text.split(separator: "\n\n").first { $0.contains("output_text.delta") })
        let id = try #require(try events(reply)[2]["item"]?["id"]?.stringValue)
        #expect(
            event == """
                event: response.output_text.delta
                data: {"type":"response.output_text.delta","sequence_number":4,"item_id":"\(id)",\
                "output_index":0,"content_index":0,"delta":"H","logprobs":[]}
                """)
    }

    @Test(arguments: [
        "Hm", "", "<think>so</think>ok", "Hm<call f>{}</call><call c>any</call>",
        "<think>a</think><call f>{\"a\": 1}</call>after<call f>{}</call>", "<think>cut",
    ])
    func `a stream put together is the whole answer`(speech: String) async throws {
        for reason in [FinishReason.stop, .length] {
            let model = client(.saying(speech, ending: reason))
            let members =
                Self.tools + #","top_logprobs":1,"include":["reasoning.encrypted_content"],"#
                + #""reasoning":{"summary":"auto"}"#
            let whole = try await model.respond(members).json
            let events = try events(await model.respond(members + #","stream":true"#))
            let last = try #require(events.last?["response"])
            #expect(
                events.last?["type"]?.stringValue == "response.\(last["status"]?.stringValue ?? "")"
            )
            func stable(_ response: JSONValue) throws -> String {
                let id = try #require(response["id"]?.stringValue)
                return response.serialized().replacing(id.dropFirst(5), with: "ID")
            }
            #expect(try stable(last) == stable(whole))
            // Each item is complete where it is done, and the deltas say all of it.
            let items = events.filter { $0["type"] == "response.output_item.done" }
            #expect(JSONValue.array(items.compactMap { $0["item"] }) == last["output"])
            for (index, item) in items.enumerated() {
                let own = events.filter { $0["output_index"]?.intValue == index }
                let text = own.filter {
                    $0["type"]?.stringValue?.hasSuffix(".delta") == true
                        && $0["summary_index"] == nil
                }.compactMap { $0["delta"]?.stringValue }.joined()
                let content = item["item"]?["content"]?[0]?["text"]
                let said = content ?? item["item"]?["arguments"] ?? item["item"]?["input"]
                #expect(said?.stringValue == text)
                let logprobs = own.filter { $0["type"] == "response.output_text.delta" }
                    .flatMap { $0["logprobs"]?.arrayValue ?? [] }
                #expect(item["item"]?["content"]?[0]?["logprobs"]?.arrayValue ?? [] == logprobs)
            }
        }
    }

    @Test func `thoughts and their summary are told as they come`() async throws {
        let events = try events(
            await client(.saying("<think>so</think>ok")).respond(
                #""stream":true,"reasoning":{"summary":"detailed"}"#))
        #expect(
            types(events).prefix(13) == [
                "created", "in_progress", "output_item.added", "reasoning_summary_part.added",
                "content_part.added", "reasoning_summary_text.delta", "reasoning_text.delta",
                "reasoning_summary_text.delta", "reasoning_text.delta", "reasoning_text.done",
                "content_part.done", "reasoning_summary_text.done", "reasoning_summary_part.done",
            ])
        let plain = try types(
            self.events(await client(.saying("<think>so</think>ok")).respond(#""stream":true"#)))
        #expect(!plain.contains { $0.contains("summary") })
    }

    @Test func `calls are told from their beginning to their end`() async throws {
        let events = try events(
            await client(.saying("<call f>{}</call><call c>any</call>")).respond(
                Self.tools + #","stream":true"#))
        #expect(
            types(events) == [
                "created", "in_progress", "output_item.added", "function_call_arguments.delta",
                "function_call_arguments.done", "output_item.done", "output_item.added",
                "custom_tool_call_input.delta", "custom_tool_call_input.done", "output_item.done",
                "completed",
            ])
        let done = events.first { $0["type"] == "response.function_call_arguments.done" }
        // Mistral's SDK needs the name, too.
        #expect(done?["name"] == "f" && done?["arguments"] == "{}")
        let begun = events.first { $0["type"] == "response.output_item.added" }?["item"]
        #expect(begun?["call_id"] == "call00000" && begun?["arguments"] == "")
    }

    @Test(arguments: [FinishReason.length, .stop])
    func `a call that is cut short is not complete`(reason: FinishReason) async throws {
        let stop: MatchedStop? = reason == .stop ? .string("x") : nil
        let engine = ScriptedEngine.saying(
            #"<call f>{}</call><call f>{"a": "#, ending: reason, stop: stop)
        let events = try events(await client(engine).respond(Self.tools + #","stream":true"#))
        #expect(
            types(events).suffix(3) == [
                "output_item.added", "function_call_arguments.delta",
                reason == .stop ? "completed" : "incomplete",
            ])
        let items = events.last?["response"]?["output"]?.arrayValue ?? []
        #expect(items.map { $0["status"] } == ["completed", "incomplete"])
        #expect(items.last?["arguments"] == #"{"a": "#)
    }

    @Test func `an event breaks a silence`() async throws {
        let (stream, continuation) = AsyncStream.makeStream(of: GenerationEvent.self)
        let engine = ScriptedEngine { _ throws(SubmissionError) in stream }
        let client = TestClient(.init(keepAliveInterval: .milliseconds(2)), engine: engine)
        let count = Mutex(0)
        // The engine speaks once the client has seen two of them after what opens the stream, and
        // then is silent until he has seen a comment.
        let text = try await client.send(
            .post, "/v1/responses", #"{"model":"small","input":"a","stream":true}"#
        ) { piece in
            if piece.hasPrefix(":") {
                continuation.yield(.finished(choice: 0, reason: .length, stop: nil))
                continuation.yield(.usage(Usage()))
                continuation.finish()
                return
            }
            let order = count.withLock { count in
                count += 1
                return count
            }
            if order == 3 { continuation.yield(.output(choice: 0, text: "a", tokens: [])) }
        }.text
        let events = try events(
            Reply(
                status: 200, fields: [:],
                body: Array(text.replacing(": keep-alive\n\n", with: "").utf8)))
        #expect(events.map { $0["sequence_number"]?.intValue } == Array(0..<events.count))
        let beats = events.filter { $0["type"] == "response.in_progress" }.dropFirst()
        #expect(beats.allSatisfy { $0["response"] == events[0]["response"] } && beats.count >= 2)
        #expect(types(events).last == "incomplete")
    }

    @Test func `a failure in mid-stream fails the response, and is an error to all SDKs`()
        async throws
    {
        for path in ["/v1/responses", "/mistral/v1/responses"] {
            let reply = try await TestClient(engine: .ending(with: .error("NaN"))).respond(
                #""stream":true"#, path: path)
            let events = try events(reply)
            #expect(types(events).suffix(3) == ["output_item.done", "failed", "error"])
            let failed = events[events.count - 2]["response"]
            #expect(failed?["status"] == "failed")
            #expect(failed?["error"] == ["code": "server_error", "message": "NaN"])
            #expect(failed?["output"]?[0]?["status"] == "incomplete")
            #expect(events.last?["message"] == "NaN")
            #expect(events.last?["error"]?["message"] == "NaN")
            #expect(events.last?["sequence_number"]?.intValue == events.count - 1)
        }
    }
}
