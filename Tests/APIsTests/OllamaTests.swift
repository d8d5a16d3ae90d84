// SPDX-License-Identifier: Apache-2.0

import APIs
import AnswerParsing
import Generation
import HTTP
import JSON
import ModelFiles
import Sampling
import Serving
import ServingSupport
import Testing

/// Ollama's own API.
@Suite struct OllamaTests {
    private static let tools =
        #""tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object"}}}]"#

    private func chat(
        _ members: String = "", _ client: TestClient = TestClient()
    ) async throws -> Reply {
        let more = members.isEmpty ? "" : "," + members
        return try await client.post(
            "/api/chat",
            #"{"model":"small","messages":[{"role":"user","content":"Hi"}]\#(more)}"#)
    }

    private func generate(
        _ members: String, _ client: TestClient = TestClient()
    ) async throws -> Reply {
        try await client.post("/api/generate", #"{"model":"small:latest",\#(members)}"#)
    }

    private func lines(_ reply: Reply) throws -> [JSONValue] {
        try reply.text.split(separator: "\n").map { try JSONParser.parse(String($0)) }
    }

    /// The text of a request's prompt, without its BOS.
    private func prompt(_ client: TestClient) throws -> String {
        let tokens = try #require(client.engine.requests.last?.promptTokens)
        return String(decoding: tokens.filter { $0 < 256 }.map { UInt8($0) }, as: UTF8.self)
    }

    @Test func `a chat is a stream of lines unless it is asked not to be`() async throws {
        let reply = try await chat()
        #expect(reply.status == 200)
        #expect(reply.field("content-type") == "application/x-ndjson")
        #expect(reply.field("x-api-dialect") == "ollama")
        let lines = try lines(reply)
        #expect(
            lines.first?.serialized()
                == #"{"model":"small","created_at":"1970-01-01T00:00:07Z","message":"#
                + #"{"role":"assistant","content":"H"},"done":false}"#)
        #expect(
            lines.compactMap { $0["message"]?["content"]?.stringValue } == ["H", "é", "!", ""])
        let end = try #require(lines.last)
        #expect(end["done"] == true && end["done_reason"] == "stop")
        #expect(end["prompt_eval_count"] == 19 && end["eval_count"] == 5)
        for name in ["total", "load", "prompt_eval", "eval"] {
            #expect(end[name + "_duration"]?.intValue != nil)
        }
        let whole = try await chat(#""stream":false"#).json
        #expect(whole["message"] == ["role": "assistant", "content": "Hé!"])
        #expect(whole["done"] == true && whole["eval_count"] == 5)
    }

    @Test func `durations are counted in nanoseconds`() async throws {
        let usage = Usage(
            promptTokens: 2, completionTokens: 3, queueDuration: .seconds(1),
            firstTokenDuration: .seconds(3), totalDuration: .seconds(7))
        let engine = ScriptedEngine { _ throws(SubmissionError) in
            ScriptedEngine.events([
                .finished(choice: 0, reason: .length, stop: nil), .usage(usage),
            ])
        }
        let reply = try await chat(#""stream":false"#, TestClient(engine: engine)).json
        #expect(reply["total_duration"] == 7_000_000_000)
        #expect(reply["load_duration"] == 1_000_000_000)
        #expect(reply["prompt_eval_duration"] == 2_000_000_000)
        #expect(reply["eval_duration"] == 4_000_000_000)
        #expect(reply["done_reason"] == "length")
    }

    @Test(arguments: [true, false])
    func `calls of tools are whole, with arguments that are objects`(streams: Bool) async throws {
        let speech = #"<think>so</think>Hm<call f>{"a": 1}</call><call f>{}</call>"#
        let client = TestClient(engine: .saying(speech), answerFormat: TaggedFormat(thinks: true))
        let reply = try await chat(Self.tools + #","stream":\#(streams)"#, client)
        let lines = try lines(reply)
        var (text, thinking, calls) = ("", "", [JSONValue]())
        for line in lines {
            text += line["message"]?["content"]?.stringValue ?? ""
            thinking += line["message"]?["thinking"]?.stringValue ?? ""
            calls += line["message"]?["tool_calls"]?.arrayValue ?? []
        }
        #expect(text == "Hm" && thinking == "so")
        #expect(
            calls.map { $0.serialized() } == [
                #"{"id":"call00000","function":{"index":0,"name":"f","arguments":{"a":1}}}"#,
                #"{"id":"call00001","function":{"index":1,"name":"f","arguments":{}}}"#,
            ])
        #expect(lines.last?["done_reason"] == "stop")
    }

    @Test(arguments: [true, false])
    func `a call that is cut short is none`(streams: Bool) async throws {
        let speech = #"Hm<call f>{"a": 1}</call><call f>{"a": [1"#
        let client = TestClient(
            engine: .saying(speech, ending: .length), answerFormat: TaggedFormat())
        let lines = try lines(await chat(Self.tools + #","stream":\#(streams)"#, client))
        let calls = lines.flatMap { $0["message"]?["tool_calls"]?.arrayValue ?? [] }
        #expect(calls.map { $0["function"]?["arguments"] } == [["a": 1]])
        #expect(lines.last?["done_reason"] == "length")
    }

    @Test func `results name their tools, and answer the calls in order`() async throws {
        let client = TestClient()
        let reply = try await client.post(
            "/api/chat",
            #"""
            {"model":"small","stream":false,"messages":[{"role":"user","content":"a"},
             {"role":"assistant","content":"","thinking":"t","tool_calls":[
              {"function":{"name":"f","arguments":{"k":1}}},{"function":{"name":"g","arguments":{}}}]},
             {"role":"tool","tool_name":"g","content":"G"},{"role":"tool","content":"F"}]}
            """#)
        #expect(reply.status == 200)
        #expect(try prompt(client) == "user=a;assistant=;tool=G;tool=F;assistant=")
    }

    @Test func `options reach the engine, and those of loading change nothing`() async throws {
        let client = TestClient()
        let reply = try await chat(
            #""keep_alive":"5m","options":{"temperature":0.5,"top_k":7,"top_p":0.9,"min_p":0.05,"#
                + #""seed":3,"num_predict":4,"stop":["x"],"num_thread":8,"num_gpu":1,"num_batch":2,"#
                + #""numa":false,"use_mmap":true,"num_keep":5,"num_ctx":256}"#, client)
        #expect(reply.status == 200)
        let request = try #require(client.engine.requests.first)
        #expect(request.maxTokens == 4 && request.stopStrings == ["x"])
        #expect(request.sampling.temperature == 0.5 && request.sampling.topK == 7)
        #expect(request.sampling.seed == 3)
        // As much context as there is.
        #expect(try await chat(#""options":{"num_ctx":1000000}"#, client).status == 200)
        _ = try await chat(#""options":{"num_predict":-1}"#, client)
        #expect(client.engine.requests.last?.maxTokens == nil)
    }

    @Test(arguments: [
        (#""options":{"temperature":-1}"#, "options.temperature: "),
        (#""options":{"num_ctx":-1}"#, "options.num_ctx: "), (#""options":7"#, "options: "),
        (#""options":{"n":2}"#, "options.n: "), (#""format":7"#, "format: "),
        (#""format":"yaml""#, "format: "), (#""think":7"#, "think: "),
        (#""think":"hard""#, "think: "), (#""keep_alive":{}"#, "keep_alive: "),
        (#""images":["x"]"#, "images: "), (#""stream":1"#, "stream: "),
        (#""messages":[{"role":"user","content":"a","images":["x"]}]"#, "messages[0].images: "),
        (#""messages":[{"role":"nobody","content":"a"}]"#, "messages[0].role: "),
    ])
    func `a wrong field is named in Ollama's shape`(members: String, beginning: String) async throws
    {
        let reply = try await chat(members)
        #expect(reply.status == 400)
        let message = try #require(try reply.json["error"]?.stringValue)
        #expect(message.hasPrefix(beginning), "\(message)")
    }

    @Test(arguments: [#""json""#, #"{"type":"object"}"#])
    func `a format holds the answer`(format: String) async throws {
        let client = TestClient(answerFormat: TaggedFormat())
        _ = try await chat(#""format":\#(format)"#, client)
        #expect(client.engine.requests.first?.constraint != nil)
        _ = try await chat(#""format":"""#, client)
        #expect(client.engine.requests.last?.constraint == nil)
    }

    @Test func `a prompt is a turn, a raw text, or a gap`() async throws {
        let client = TestClient(tokenizer: ByteTokenizer(fillsGaps: true))
        let turn = try await generate(#""prompt":"a","system":"s","stream":false"#, client)
        #expect(try turn.json["response"] == "Hé!")
        #expect(try prompt(client) == "system=s;user=a;assistant=")
        let context = try #require(try turn.json["context"]?.arrayValue)
        #expect(context.count == 27 + 5)

        _ = try await generate(
            #""prompt":"b","context":\#(JSONValue.array(context).serialized())"#, client)
        #expect(
            try prompt(client)
                == "system=s;user=a;assistant=H\u{C3}\u{A9}!user=b;assistant="
                .replacing("\u{C3}\u{A9}", with: "é"))

        let raw = try await generate(#""prompt":"[x]","raw":true,"stream":false"#, client)
        #expect(try prompt(client) == "[x]")
        #expect(try raw.json["context"] == nil)

        let gap = try await generate(#""prompt":"a","suffix":"b","stream":false"#, client)
        #expect(gap.status == 200)
        #expect(client.engine.requests.last?.promptTokens.contains(258) == true)
    }

    @Test(arguments: [
        (#""template":"x","prompt":"a""#, "template: "), (#""context":"x""#, "context: "),
        (#""context":[-1],"prompt":"a""#, "context[0]: "),
        (#""raw":true,"system":"s","prompt":"a""#, "system: "),
        (#""raw":true,"suffix":"s","prompt":"a""#, "suffix: "), (#""prompt":7"#, "prompt: "),
    ])
    func `what generate cannot do is named`(members: String, beginning: String) async throws {
        let reply = try await generate(members)
        #expect(reply.status == 400)
        #expect(try reply.json["error"]?.stringValue?.hasPrefix(beginning) == true)
    }

    @Test func `a request without a prompt finds the model loaded`() async throws {
        let client = TestClient()
        let chat = try await client.post("/api/chat", #"{"model":"small","messages":[]}"#)
        #expect(try chat.json["done_reason"] == "load")
        #expect(try chat.json["message"]?["content"] == "")
        let generated = try await generate(#""keep_alive":-1"#, client)
        #expect(try generated.json["done"] == true && generated.json["response"] == "")
        for time in ["0", "0.0", #""0s""#, #""0h0m""#] {
            let stopped = try await generate(#""keep_alive":\#(time)"#, client)
            #expect(try stopped.json["done_reason"] == "unload")
        }
        for time in ["60", #""10s""#, #""0s5m""#, #""""#] {
            let kept = try await generate(#""keep_alive":\#(time)"#, client)
            #expect(try kept.json["done_reason"] == "load")
        }
        #expect(client.engine.requests.isEmpty)
    }

    @Test func `log probabilities stand beside their text`() async throws {
        let members = #""logprobs":true,"top_logprobs":2"#
        let whole = try await chat(members + #","stream":false"#)
        let all = try #require(try whole.json["logprobs"]?.arrayValue)
        #expect(all.count == 4 && all[0]["token"] == "H")
        #expect(all[0]["top_logprobs"]?.arrayValue?.count == 2)
        let streamed = try lines(try await chat(members)).flatMap {
            $0["logprobs"]?.arrayValue ?? []
        }
        #expect(streamed == all)
    }

    @Test func `models have names with tags, and can be shown`() async throws {
        let client = TestClient()
        let list = try await client.get("/api/tags")
        #expect(try list.json["models"]?[0]?["name"] == "maker/model:latest")
        #expect(try list.json["models"]?[0]?["modified_at"] == "1970-01-01T00:00:01Z")
        #expect(try list.json["models"]?[0]?["size"] == 4_096)
        let loaded = try await client.get("/api/ps")
        #expect(try loaded.json["models"]?[0]?["context_length"] == 512)
        for name in ["maker/model:latest", "small", "default"] {
            let shown = try await client.post("/api/show", #"{"model":"\#(name)"}"#)
            #expect(try shown.json["capabilities"] == ["completion"])
            #expect(try shown.json["details"]?["format"] == "gguf")
            #expect(try shown.json["model_info"]?["cierzo.context_length"] == 512)
        }
        #expect(try await client.get("/api/version").json["version"]?.stringValue != nil)
        let loading = try await TestClient(isLoaded: false).get("/api/ps")
        #expect(try loading.json["models"] == [])
    }

    @Test(arguments: ["/api/chat", "/api/generate", "/api/show"])
    func `an unknown model is not found`(path: String) async throws {
        let reply = try await TestClient().post(
            path, #"{"model":"x:latest","prompt":"a","messages":[{"role":"user","content":"a"}]}"#)
        #expect(reply.status == 404)
        #expect(reply.text == #"{"error":"model 'x:latest' not found"}"#)
    }

    @Test func `a stream that fails ends with an error`() async throws {
        let engine = ScriptedEngine { _ throws(SubmissionError) in
            ScriptedEngine.events([
                .output(choice: 0, text: "a", tokens: []),
                .finished(choice: 0, reason: .error("broken"), stop: nil),
                .usage(Usage(promptTokens: 1, completionTokens: 1)),
            ])
        }
        #expect(
            try lines(try await chat("", TestClient(engine: engine))).last
                == ["error": "broken"])
    }

    @Test func `embeddings are of texts, or of one by the older name`() async throws {
        let engine = ScriptedEngine { request throws(SubmissionError) in
            ScriptedEngine.events([
                .embedding([0.5, Float(request.promptTokens.count)]),
                .finished(choice: 0, reason: .length, stop: nil),
                .usage(Usage(promptTokens: request.promptTokens.count)),
            ])
        }
        let client = TestClient(
            engine: engine,
            embedding: EmbeddingAbility(
                Pooling(.mean, maxTokenCount: 3), dimension: 2, isEncoder: true))
        let embed = "/api/embed"
        let many = try await client.post(embed, #"{"model":"small:latest","input":["a","abcdef"]}"#)
        #expect(try many.json["model"] == "small:latest")
        // BOS and a; the longer one is cut to three tokens.
        #expect(try many.json["embeddings"] == [[0.5, 2.0], [0.5, 3.0]])
        #expect(try many.json["prompt_eval_count"] == 5)
        #expect(try many.json["total_duration"]?.intValue != nil)
        let one = try await client.post(embed, #"{"model":"small","input":"a"}"#)
        #expect(try one.json["embeddings"] == [[0.5, 2.0]])
        let long = try await client.post(
            embed, #"{"model":"small","input":"abcdef","truncate":false}"#)
        #expect(long.status == 400)
        #expect(try long.json["error"]?.stringValue != nil)
        let older = try await client.post("/api/embeddings", #"{"model":"small","prompt":"a"}"#)
        #expect(older.text == #"{"embedding":[0.5,2.0]}"#)
        for body in [#"{"model":"small"}"#, #"{"model":"small","input":7}"#, #"{"input":"a"}"#] {
            #expect(try await client.post(embed, body).status == 400)
        }
    }
}
