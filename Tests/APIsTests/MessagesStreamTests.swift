// SPDX-License-Identifier: Apache-2.0

import APIs
import AnswerParsing
import Generation
import HTTP
import HTTPTypes
import JSON
import ServingSupport
import Testing

/// Streams of Anthropic's API.
@Suite struct MessagesStreamTests {
    private static let tools = #""tools":[{"name":"f","input_schema":{"type":"object"}}]"#

    /// The events, each of which has its type as its name.
    private func events(_ reply: Reply) throws -> [JSONValue] {
        try reply.text.split(separator: "\n\n").map { event in
            let lines = event.split(separator: "\n")
            try #require(lines.count == 2)
            let json = try JSONParser.parse(String(lines[1].dropFirst("data: ".count)))
            #expect(json["type"]?.stringValue.map { "event: " + $0 } == String(lines[0]))
            return json
        }
    }

    @Test func `a stream begins a message, its blocks, adds to them and ends all`() async throws {
        let reply = try await TestClient().message(#""stream":true"#)
        #expect(reply.field("content-type") == "text/event-stream; charset=utf-8")
        let events = try events(reply)
        #expect(
            events.compactMap { $0["type"]?.stringValue } == [
                "message_start", "ping", "content_block_start", "content_block_delta",
                "content_block_delta", "content_block_delta", "content_block_stop",
                "message_delta", "message_stop",
            ])
        let message = try #require(events[0]["message"])
        #expect(message["content"] == [] && message["stop_reason"] == .null)
        #expect(message["usage"]?["input_tokens"] == 19)
        #expect(message["usage"]?["output_tokens"] == 0)
        #expect(
            events[2].serialized()
                == #"{"type":"content_block_start","index":0,"content_block":{"type":"text","#
                + #""text":"","citations":null}}"#)
        #expect(
            events[4].serialized()
                == #"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","#
                + #""text":"é"}}"#)
        #expect(events[6].serialized() == #"{"type":"content_block_stop","index":0}"#)
        #expect(events[7]["delta"]?["stop_reason"] == "end_turn")
        #expect(events[7]["usage"]?["input_tokens"] == 18)
        #expect(events[7]["usage"]?["cache_read_input_tokens"] == 1)
        #expect(events[7]["usage"]?["output_tokens"] == 5)
        #expect(events[8].serialized() == #"{"type":"message_stop"}"#)
    }

    @Test(arguments: [
        "Hi", "", #"<think>so</think>One<call f>{"a": [1]}</call>two<call f>{}</call>"#,
        "<call f>{}</call><call f></call>", "<think>so</think>",
    ])
    func `a stream adds up to the whole message`(speech: String) async throws {
        let client = TestClient(engine: .saying(speech), answerFormat: TaggedFormat(thinks: true))
        let whole = try await client.message(Self.tools)
        let stream = try await client.message(Self.tools + #","stream":true"#)
        var blocks: [JSONObject] = []
        var inputs: [Int: String] = [:]
        var open: Int?
        var end: JSONValue?
        for event in try events(stream) {
            let index = event["index"]?.intValue
            switch event["type"] {
            case "content_block_start":
                #expect(open == nil && index == blocks.count)
                open = index
                blocks.append(try #require(event["content_block"]?.objectValue))
            case "content_block_delta":
                let place = try #require(index)
                #expect(open == place)
                for key in ["text", "thinking"] {
                    guard let more = event["delta"]?[key]?.stringValue else { continue }
                    blocks[place][key] = .string((blocks[place][key]?.stringValue ?? "") + more)
                }
                if let signature = event["delta"]?["signature"] {
                    blocks[place]["signature"] = signature
                }
                inputs[place, default: ""] += event["delta"]?["partial_json"]?.stringValue ?? ""
            case "content_block_stop":
                #expect(open == index)
                open = nil
            case "message_delta": end = event
            default: break
            }
        }
        for (place, text) in inputs where blocks[place]["type"] == "tool_use" && !text.isEmpty {
            blocks[place]["input"] = try JSONParser.parse(text)
        }
        #expect(open == nil)
        let expected = try #require(try whole.json["content"]?.arrayValue)
        #expect(blocks.count == expected.count)
        for (block, other) in zip(blocks, expected) {
            // A signature has the identity of its message in it.
            for key in ["type", "text", "thinking", "id", "name", "input"] {
                #expect(block[key] == other[key])
            }
        }
        #expect(try end?["delta"]?["stop_reason"] == whole.json["stop_reason"])
        for key in ["input_tokens", "cache_read_input_tokens", "output_tokens"] {
            #expect(try end?["usage"]?[key] == whole.json["usage"]?[key])
        }
    }

    @Test func `thinking that is not to be shown has a signature`() async throws {
        let client = TestClient(
            engine: .saying("<think>so</think>a"), answerFormat: TaggedFormat(thinks: true))
        let reply = try await client.message(
            #""stream":true,"thinking":{"type":"adaptive","display":"omitted"}"#)
        let deltas = try events(reply).compactMap { $0["delta"]?["type"]?.stringValue }
        #expect(deltas == ["signature_delta", "text_delta"])
    }

    @Test func `a stream that fails says so in an event of its own`() async throws {
        let engine = ScriptedEngine { _ throws(SubmissionError) in
            ScriptedEngine.events([
                .output(choice: 0, text: "a", tokens: []),
                .finished(choice: 0, reason: .error("broken"), stop: nil),
                .usage(Usage(promptTokens: 1, completionTokens: 1)),
            ])
        }
        let last = try #require(
            try events(try await TestClient(engine: engine).message(#""stream":true"#)).last)
        #expect(last["type"] == "error")
        #expect(last["error"]?["type"] == "api_error")
        #expect(last["error"]?["message"] == "broken")
    }

    @Test func `a silent stream is pinged`() async throws {
        let (events, continuation) = AsyncStream.makeStream(of: GenerationEvent.self)
        let client = TestClient(
            .init(keepAliveInterval: .milliseconds(2)),
            engine: ScriptedEngine { _ throws(SubmissionError) in events })
        let response = await client.server.handle(
            TestClient.request(
                .post, "/v1/messages",
                #"{"model":"small","max_tokens":1,"stream":true,"#
                    + #""messages":[{"role":"user","content":"Hi"}]}"#, [:]))
        guard case .stream(let produce) = response.body else {
            Issue.record("no stream")
            return
        }
        let sink = ByteSink()
        // The engine speaks only once the client has been pinged.
        try await produce(
            ResponseWriter { bytes in
                sink.append(bytes)
                guard bytes.starts(with: Array("event: ping".utf8)) else { return }
                continuation.yield(.finished(choice: 0, reason: .length, stop: nil))
                continuation.yield(.usage(Usage()))
                continuation.finish()
            })
        let text = String(decoding: sink.bytes, as: UTF8.self)
        #expect(text.contains("event: ping\ndata: {\"type\":\"ping\"}\n\n"))
        #expect(text.hasSuffix("event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"))
    }
}
