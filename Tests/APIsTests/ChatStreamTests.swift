// SPDX-License-Identifier: Apache-2.0

import APIs
import Generation
import HTTP
import HTTPTypes
import JSON
import ServingSupport
import Synchronization
import Testing

@Suite struct ChatStreamTests {
    private static let usage =
        #""usage":{"prompt_tokens":19,"completion_tokens":5,"total_tokens":24,"#
        + #""prompt_tokens_details":{"cached_tokens":1,"cache_write_tokens":0},"#
        + #""completion_tokens_details":{"reasoning_tokens":0}}"#

    private static func chunk(
        _ delta: String, end: String = "null", _ more: String = ""
    ) -> String {
        #"{"object":"chat.completion.chunk","choices":[{"index":0,"delta":{\#(delta)},"#
            + #""logprobs":null,"finish_reason":\#(end)}]\#(more)}"#
    }

    @Test func `an OpenAI stream opens, speaks, ends and is done`() async throws {
        let reply = try await TestClient().chat(#""stream":true"#)
        #expect(reply.field("content-type") == "text/event-stream; charset=utf-8")
        #expect(reply.field("cache-control") == "no-cache")
        #expect(reply.field("x-accel-buffering") == "no")
        #expect(
            try reply.events == [
                Self.chunk(#""role":"assistant","content":"""#), Self.chunk(#""content":"H""#),
                Self.chunk(#""content":"é""#), Self.chunk(#""content":"!""#),
                Self.chunk("", end: #""stop""#, "," + Self.usage), "data: [DONE]",
            ])
    }

    @Test func `an OpenAI stream has the same bytes but for its identity`() async throws {
        let reply = try await TestClient().chat(#""stream":true"#)
        let id = try #require(
            try JSONParser.parse(String(reply.text.dropFirst(6).prefix { $0 != "\n" }))["id"]?
                .stringValue)
        #expect(id.hasPrefix("chatcmpl-") && id.utf8.count == 41)
        let beginning =
            #"data: {"id":"\#(id)","object":"chat.completion.chunk","created":7,"#
            + #""model":"maker/model","system_fingerprint":"fp","choices":[{"index":0,"delta":{"#
        let middle = #"},"logprobs":null,"finish_reason":null}]}"#
        #expect(
            reply.text
                == [
                    beginning + #""role":"assistant","content":"""# + middle,
                    beginning + #""content":"H""# + middle, beginning + #""content":"é""# + middle,
                    beginning + #""content":"!""# + middle,
                    beginning + #"},"logprobs":null,"finish_reason":"stop"}],\#(Self.usage)}"#,
                    "data: [DONE]", "",
                ].joined(separator: "\n\n"))
    }

    @Test func `an OpenAI stream tells no usage if asked not to`() async throws {
        let reply = try await TestClient().chat(
            #""stream":true,"stream_options":{"include_usage":false}"#)
        #expect(try reply.events.suffix(2) == [Self.chunk("", end: #""stop""#), "data: [DONE]"])
        #expect(!reply.text.contains("usage"))
    }

    @Test(arguments: ["/v1/chat/completions", "/mistral/v1/chat/completions"])
    func `vLLM's continuous usage is in every chunk`(path: String) async throws {
        let reply = try await TestClient().chat(
            #""stream":true,"stream_options":{"continuous_usage_stats":true}"#, path: path)
        let usages = try reply.events.dropLast().map { try JSONParser.parse($0)["usage"] }
        #expect(usages.allSatisfy { $0?["prompt_tokens"] == 19 })
        #expect(usages.prefix(4).map { $0?["completion_tokens"] } == [0, 1, 3, 4])
        #expect(usages.last??["completion_tokens"] == 5)
    }

    @Test func `llama-server's tokens come with their chunks`() async throws {
        let reply = try await TestClient().chat(#""stream":true,"return_tokens":true"#)
        let events = try reply.events.dropLast().map { try JSONParser.parse($0) }
        let ids = events.compactMap { $0["tokens"]?.arrayValue }.flatMap { $0 }
        #expect(ids == [72, 195, 169, 33, 257])
    }

    @Test func `an OpenAI stream tells its usage in a chunk of its own if asked`() async throws {
        let reply = try await TestClient().chat(
            #""stream":true,"stream_options":{"include_usage":true}"#)
        let events = try reply.events
        #expect(events[1] == Self.chunk(#""content":"H""#, #","usage":null"#))
        #expect(events[4] == Self.chunk("", end: #""stop""#, #","usage":null"#))
        #expect(events[5] == #"{"object":"chat.completion.chunk","choices":[],\#(Self.usage)}"#)
        #expect(events[6...] == ["data: [DONE]"])
    }

    @Test func `a Mistral stream tells its usage with the last finish reason`() async throws {
        let reply = try await TestClient().chat(
            #""stream":true"#, path: "/mistral/v1/chat/completions")
        let events = try reply.events
        #expect(events.count == 6)
        #expect(events[3] == Self.chunk(#""content":"!""#, #","usage":null"#))
        #expect(events[4] == Self.chunk(#""content":"""#, end: #""stop""#, "," + Self.usage))
        #expect(events[5] == "data: [DONE]")
    }

    @Test func `only the last of several choices tells Mistral's usage`() async throws {
        let reply = try await TestClient().chat(
            #""stream":true,"n":2"#, path: "/mistral/v1/chat/completions")
        let events = try reply.events
        #expect(events.filter { $0.contains(#""finish_reason":"stop""#) }.count == 2)
        #expect(events.filter { $0.contains("prompt_tokens_details") }.count == 1)
        #expect(!events.contains { $0.contains(#""choices":[]"#) })
        let end = try JSONParser.parse(events[events.count - 2])
        #expect(end["choices"]?[0]?["index"] == 1)
        #expect(end["usage"]?["completion_tokens"] == 10)
    }

    @Test func `ids and logprobs come with their chunks`() async throws {
        let reply = try await TestClient().chat(
            #""stream":true,"return_token_ids":true,"logprobs":true"#)
        let events = try reply.events.dropLast().map { try JSONParser.parse($0) }
        #expect(events.first?["prompt_token_ids"]?.arrayValue?.count == 19)
        let ids = events.compactMap { $0["choices"]?[0]?["token_ids"]?.arrayValue }.flatMap { $0 }
        #expect(ids == [72, 195, 169, 33, 257])
        let tokens = events.compactMap {
            $0["choices"]?[0]?["logprobs"]?["content"]?.arrayValue
        }.flatMap { $0 }
        #expect(tokens.compactMap { $0["token_id"] } == [72, 195, 169, 33])
    }

    @Test func `Mistral's prefix is the first text of the stream`() async throws {
        let reply = try await TestClient().post(
            "/v1/chat/completions",
            """
            {"model":"small","stream":true,"messages":[{"role":"user","content":"Hi"},
            {"role":"assistant","content":"Oh, ","prefix":true}]}
            """)
        let texts = try reply.events.dropLast().compactMap {
            try JSONParser.parse($0)["choices"]?[0]?["delta"]?["content"]?.stringValue
        }
        #expect(texts.joined() == "Oh, Hé!")
    }

    @Test func `a failure in mid-stream is an error frame for OpenAI and no DONE`() async throws {
        let reply = try await TestClient(engine: .ending(with: .error("NaN"))).chat(
            #""stream":true"#)
        let last = try #require(try reply.events.last)
        #expect(
            last == #"{"error":{"message":"NaN","type":"server_error","param":null,"#
                + #""code":"internal_error"}}"#)
    }

    @Test func `a failure in mid-stream is a finish reason for Mistral`() async throws {
        let reply = try await TestClient(engine: .ending(with: .cancelled)).chat(
            #""stream":true"#, path: "/mistral/v1/chat/completions")
        #expect(
            try reply.events.last
                == Self.chunk(#""content":"""#, end: #""error""#, #","usage":null"#))
    }

    @Test func `comments break a silence`() async throws {
        let (stream, continuation) = AsyncStream.makeStream(of: GenerationEvent.self)
        let engine = ScriptedEngine { _ throws(SubmissionError) in stream }
        let client = TestClient(.init(keepAliveInterval: .milliseconds(2)), engine: engine)
        // The engine speaks only once the client has seen a comment.
        let text = try await client.send(
            .post, "/v1/completions", #"{"model":"small","prompt":"a","stream":true}"#
        ) { piece in
            guard piece.hasPrefix(":") else { return }
            continuation.yield(.finished(choice: 0, reason: .length, stop: nil))
            continuation.yield(.usage(Usage()))
            continuation.finish()
        }.text
        #expect(text.hasPrefix(": keep-alive\n\n"))
        #expect(text.hasSuffix("data: [DONE]\n\n"))
    }

    @Test func `the engine's work ends when the client goes away`() async throws {
        struct Gone: Error {}
        let (ended, end) = AsyncStream.makeStream(of: Void.self)
        let engine = ScriptedEngine { _ throws(SubmissionError) in
            let (stream, continuation) = AsyncStream.makeStream(of: GenerationEvent.self)
            continuation.onTermination = { _ in end.finish() }
            continuation.yield(.output(choice: 0, text: "a", tokens: []))
            return stream
        }
        let response = await TestClient(engine: engine).server.handle(
            TestClient.request(
                .post, "/v1/completions", #"{"model":"small","prompt":"a","stream":true}"#, [:]))
        guard case .stream(let produce) = response.body else {
            Issue.record("not a stream")
            return
        }
        await #expect(throws: Gone.self) {
            try await produce(ResponseWriter { _ throws in throw Gone() })
        }
        for await _ in ended {}
    }

    @Test func `who hangs up before a whole answer is no failure`() async throws {
        struct Gone: Error {}
        let engine = ScriptedEngine { _ throws(SubmissionError) in
            AsyncStream.makeStream(of: GenerationEvent.self).stream
        }
        let client = TestClient(
            .init(keepAliveInterval: .milliseconds(2), sendsHeartbeats: true), engine: engine)
        let response = await client.server.handle(
            TestClient.request(
                .post, "/v1/completions", #"{"model":"small","prompt":"a"}"#, [:]))
        guard case .stream(let produce) = response.body else {
            Issue.record("not a stream")
            return
        }
        await #expect(throws: Gone.self) {
            try await produce(ResponseWriter { _ throws in throw Gone() })
        }
        let metrics = try await client.get("/metrics").text
        #expect(metrics.contains("cierzo_requests_abandoned_total 1\n"))
        #expect(metrics.contains(#"route="/v1/completions",status="200"} 1"#))
    }

    @Test func `the engine's work ends when the handler is cancelled`() async throws {
        let (ended, end) = AsyncStream.makeStream(of: Void.self)
        let (begun, begin) = AsyncStream.makeStream(of: Void.self)
        let engine = ScriptedEngine { _ throws(SubmissionError) in
            let (stream, continuation) = AsyncStream.makeStream(of: GenerationEvent.self)
            continuation.onTermination = { _ in end.finish() }
            begin.finish()
            return stream
        }
        let client = TestClient(engine: engine)
        let task = Task { try await client.chat() }
        for await _ in begun {}
        task.cancel()
        for await _ in ended {}
        #expect(try await task.value.status == 503)
        let metrics = try await client.get("/metrics").text
        #expect(metrics.contains("cierzo_requests_abandoned_total 1\n"))
        #expect(metrics.contains(#"status="499"} 1"#))
        #expect(!metrics.contains(/cierzo_requests_refused_total\{[^}]*\} [^0]/))
    }

    @Test func `white space comes before an answer that takes long`() async throws {
        let (stream, continuation) = AsyncStream.makeStream(of: GenerationEvent.self)
        let engine = ScriptedEngine { _ throws(SubmissionError) in stream }
        let client = TestClient(
            .init(keepAliveInterval: .milliseconds(2), sendsHeartbeats: true), engine: engine)
        let response = await client.server.handle(
            TestClient.request(.post, "/v1/completions", #"{"model":"small","prompt":"a"}"#, [:]))
        guard case .stream(let produce) = response.body else {
            Issue.record("not a stream")
            return
        }
        let sink = ByteSink()
        try await produce(
            ResponseWriter { bytes in
                sink.append(bytes)
                guard bytes == [UInt8(ascii: " ")] else { return }
                continuation.yield(.finished(choice: 0, reason: .length, stop: nil))
                continuation.yield(.usage(Usage()))
                continuation.finish()
            })
        #expect(sink.bytes.first == UInt8(ascii: " "))
        #expect(try JSONParser.parse(sink.bytes)["object"] == "text_completion")
    }
}
