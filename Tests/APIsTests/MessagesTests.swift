// SPDX-License-Identifier: Apache-2.0

import APIs
import AnswerParsing
import Conversation
import Generation
import HTTP
import HTTPTypes
import JSON
import Sampling
import Serving
import ServingSupport
import Testing

extension TestClient {
    /// A request of Anthropic's API with one message and these members besides.
    func message(_ members: String = "", path: String = "/v1/messages") async throws -> Reply {
        let more = members.isEmpty ? "" : "," + members
        return try await post(
            path,
            #"{"model":"default","max_tokens":9,"messages":[{"role":"user","content":"Hi"}]\#(more)}"#
        )
    }
}

/// Requests of Anthropic's API, and whole messages.
@Suite struct MessagesTests {
    private static let tools =
        #""tools":[{"name":"f","input_schema":{"type":"object"}},{"name":"g","input_schema":{}}]"#

    private func read(_ messages: String, _ members: String = "") throws -> MessagesRequest {
        let more = members.isEmpty ? "" : "," + members
        let body = try JSONParser.parse(
            #"{"model":"m","max_tokens":9,"messages":\#(messages)\#(more)}"#)
        return try MessagesRequest(try #require(body.objectValue))
    }

    /// What is wrong with a request.
    private func problem(_ members: String, _ messages: String? = nil) -> String {
        do {
            _ = try read(messages ?? #"[{"role":"user","content":"Hi"}]"#, members)
            return "nothing"
        } catch {
            return "\(error)"
        }
    }

    private func lines(_ messages: [Message]) -> [String] {
        messages.map { message in
            let calls = message.toolCalls.map { " \($0.name)(\($0.arguments))#\($0.id ?? "")" }
            return "\(message.role): \(message.parts.joined(separator: "|"))\(calls.joined())"
                + (message.toolCallID.map { " #\($0)" } ?? "")
                + (message.thinking.map { " (\($0))" } ?? "") + (message.isPrefix ? " ..." : "")
        }
    }

    // MARK: Whole messages

    @Test func `a message has its text, its end and its token counts`() async throws {
        let reply = try await TestClient().message()
        #expect(reply.status == 200)
        #expect(reply.field("x-api-dialect") == "anthropic")
        #expect(reply.field("request-id") == reply.field("x-request-id"))
        let id = try #require(try reply.json["id"]?.stringValue)
        #expect(id.hasPrefix("msg_"))
        #expect(
            try reply.stable
                == #"{"id":"ID","type":"message","role":"assistant","model":"maker/model","#
                + #""content":[{"type":"text","text":"Hé!","citations":null}],"#
                + #""stop_reason":"end_turn","stop_sequence":null,"stop_details":null,"#
                + #""container":null,"usage":{"input_tokens":18,"cache_creation_input_tokens":0,"#
                + #""cache_read_input_tokens":1,"cache_creation":{"ephemeral_5m_input_tokens":0,"#
                + #""ephemeral_1h_input_tokens":0},"output_tokens":5,"#
                + #""output_tokens_details":{"thinking_tokens":0},"server_tool_use":null,"#
                + #""service_tier":"standard"}}"#)
    }

    @Test(arguments: [
        (FinishReason.stop, MatchedStop.string("~"), "stop_sequence", JSONValue.string("~")),
        (.stop, .token(ByteTokenizer.eos), "end_turn", .null),
        (.length, .token(0), "max_tokens", .null),
        (.repetition, .token(0), "max_tokens", .null),
        (.contextLength, .token(0), "model_context_window_exceeded", .null),
    ])
    func `the end of an answer has Anthropic's name`(
        reason: FinishReason, stop: MatchedStop, name: String, sequence: JSONValue
    ) async throws {
        let client = TestClient(engine: .saying("a", ending: reason, stop: stop))
        let reply = try await client.message()
        #expect(try reply.json["stop_reason"] == .string(name))
        #expect(try reply.json["stop_sequence"] == sequence)
    }

    @Test func `blocks keep the order of the answer, and inputs are objects`() async throws {
        let speech = #"<think>so</think>One<call f>{"a": [1]}</call>two<call g>{}</call>"#
        let client = TestClient(engine: .saying(speech), answerFormat: TaggedFormat(thinks: true))
        let reply = try await client.message(Self.tools)
        let blocks = try #require(try reply.json["content"]?.arrayValue)
        #expect(
            blocks.compactMap { $0["type"]?.stringValue } == [
                "thinking", "text", "tool_use", "text", "tool_use",
            ])
        #expect(blocks[0]["thinking"] == "so")
        #expect(blocks[0]["signature"]?.stringValue?.isEmpty == false)
        #expect(blocks[1]["text"] == "One" && blocks[3]["text"] == "two")
        #expect(blocks[2]["name"] == "f" && blocks[2]["input"] == ["a": [1]])
        #expect(blocks[2]["id"] == "call00000")
        #expect(blocks[4]["input"] == [:])
        #expect(try reply.json["stop_reason"] == "tool_use")
    }

    @Test func `a call that is cut short has an input all the same`() async throws {
        let client = TestClient(
            engine: .saying(#"<call f>{"a": [1"#, ending: .length), answerFormat: TaggedFormat())
        let reply = try await client.message(Self.tools)
        #expect(try reply.json["content"]?[0]?["input"] == [:])
        #expect(try reply.json["stop_reason"] == "max_tokens")
    }

    @Test func `thinking may be told of by its signature alone`() async throws {
        let client = TestClient(
            engine: .saying("<think>so</think>a"), answerFormat: TaggedFormat(thinks: true))
        let reply = try await client.message(
            #""thinking":{"type":"adaptive","display":"omitted"}"#)
        #expect(try reply.json["content"]?[0]?["thinking"] == "")
        #expect(try reply.json["content"]?[1]?["text"] == "a")
    }

    @Test func `counting tells how long the prompt is, without a limit of tokens`() async throws {
        let client = TestClient()
        let body = #"{"model":"small","messages":[{"role":"user","content":"Hi"}]}"#
        let reply = try await client.post("/v1/messages/count_tokens?beta=true", body)
        #expect(reply.text == #"{"input_tokens":19}"#)
        #expect(client.engine.requests.isEmpty)
        #expect(try await client.post("/v1/messages", body).status == 400)
    }

    @Test func `an answer of no tokens only fills the cache`() async throws {
        let reply = try await TestClient().post(
            "/v1/messages",
            #"{"model":"small","max_tokens":0,"messages":[{"role":"user","content":"Hi"}]}"#)
        #expect(try reply.json["content"] == [])
        #expect(try reply.json["stop_reason"] == "max_tokens")
    }

    @Test func `what is set reaches the engine`() async throws {
        let client = TestClient()
        _ = try await client.message(
            #""temperature":0.5,"top_p":0.9,"top_k":7,"stop_sequences":["x","y"],"seed":3"#)
        let request = try #require(client.engine.requests.first)
        #expect(request.maxTokens == 9)
        #expect(request.sampling.temperature == 0.5)
        #expect(request.sampling.topP == 0.9)
        #expect(request.sampling.topK == 7)
        #expect(request.sampling.seed == 3)
        #expect(request.stopStrings == ["x", "y"])
    }

    // MARK: Conversations

    @Test func `results of tools come before what else a turn says`() throws {
        let request = try read(
            #"""
            [{"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]},
             {"role":"assistant","content":[{"type":"thinking","thinking":"t","signature":"s"},
              {"type":"redacted_thinking","data":"x"},{"type":"text","text":"c"},
              {"type":"tool_use","id":"1","name":"f","input":{"k":1}},
              {"type":"tool_use","id":"2","name":"g","input":{}}]},
             {"role":"user","content":[{"type":"text","text":"d","cache_control":{"type":"ephemeral"}},
              {"type":"tool_result","tool_use_id":"2","content":[{"type":"text","text":"r"},
               {"type":"search_result","title":"T","source":"S","content":[{"type":"text","text":"q"}]}]},
              {"type":"tool_result","tool_use_id":"1","is_error":true,"content":"no"}]}]
            """#, #""system":[{"type":"text","text":"s"},{"type":"text","text":"u"}]"#)
        #expect(
            lines(request.messages) == [
                "system: s|u", "user: a|b", #"assistant: c f({"k":1})#1 g({})#2 (t)"#,
                "tool: r|T\nS\nq #2", "tool: Error: no #1", "user: d",
            ])
    }

    @Test func `an empty result is one, and an error that says so is not told twice`() throws {
        let call =
            #"{"role":"assistant","content":[{"type":"tool_use","id":"1","name":"f","input":{}}]}"#
        func results(_ block: String) throws -> [String] {
            try lines(
                read(
                    #"[\#(call),{"role":"user","content":[{"type":"tool_result","tool_use_id":"1"\#(block)}]}]"#
                ).messages)
        }
        #expect(try results("").last == "tool:  #1")
        #expect(try results(#","content":[]"#).last == "tool:  #1")
        #expect(
            try results(#","is_error":true,"content":"Error: x""#).last == "tool: Error: x #1")
    }

    @Test func `a last message of the assistant goes on`() async throws {
        let client = TestClient()
        let messages =
            #"[{"role":"user","content":"Hi"},{"role":"assistant","content":"The best is ("}]"#
        let reply = try await client.post(
            "/v1/messages", #"{"model":"small","max_tokens":4,"messages":\#(messages)}"#)
        #expect(try reply.json["content"]?[0]?["text"] == "Hé!")
        let request = try #require(client.engine.requests.first)
        #expect(request.continuesText)
        let prompt = String(
            decoding: request.promptTokens.dropFirst().map { UInt8($0) }, as: UTF8.self)
        #expect(prompt == "user=Hi;assistant=The best is (")
        let empty = try read(#"[{"role":"user","content":"a"},{"role":"assistant","content":""}]"#)
        #expect(lines(empty.messages) == ["user: a"])
        #expect(empty.prompt.addsGenerationPrompt)
    }

    @Test func `a document of plain text is read, and a message of the system in between`() throws {
        let request = try read(
            #"""
            [{"role":"user","content":[{"type":"document","title":"T","source":
              {"type":"text","media_type":"text/plain","data":"D"}},{"type":"text","text":"a"}]},
             {"role":"system","content":"now"}]
            """#)
        #expect(lines(request.messages) == ["user: T\nD|a", "system: now"])
    }

    @Test(arguments: [
        (
            #"[{"role":"user","content":[{"type":"text","text":"a"},{"type":"image","source":{}}]}]"#,
            "messages[0].content[1].type: blocks of type 'image'"
        ),
        (
            #"[{"role":"user","content":[{"type":"document","source":{"type":"base64"}}]}]"#,
            "messages[0].content[0].source.type: documents from a source of type 'base64'"
        ),
        (
            #"[{"role":"assistant","content":[{"type":"server_tool_use"}]}]"#,
            "messages[0].content[0].type: blocks of type 'server_tool_use'"
        ),
        (
            #"[{"role":"user","content":[{"type":"tool_result","tool_use_id":"9"}]}]"#,
            "messages[0].content[0].tool_use_id: expected the id of a tool_use block"
        ),
        (
            #"[{"role":"user","content":"a"},{"role":"assistant","content":[{"type":"tool_use","id":"1","name":"f","input":{}}]}]"#,
            "messages[1]: expected a message of the user after it"
        ),
        (
            #"[{"role":"assistant","content":[{"type":"tool_use","id":"1","name":"f","input":"{}"}]}]"#,
            "messages[0].content[0].input: expected an object"
        ),
        (#"[{"role":"tool","content":"a"}]"#, "messages[0].role: expected one of"),
        (#"[{"role":"user"}]"#, "messages[0].content: field required"),
        (#"[{"role":"user","content":7}]"#, "messages[0].content: expected a string or an array"),
        (
            #"[{"role":"user","content":[{"text":"a"}]}]"#,
            "messages[0].content[0].type: field required"
        ),
        ("[]", "messages: expected at least one message"),
        (
            #"[{"role":"user","content":[{"type":"text","text":"a","cache_control":{"type":"x"}}]}]"#,
            "messages[0].content[0].cache_control.type: expected one of"
        ),
    ])
    func `what cannot be read is named by its place`(messages: String, beginning: String) {
        #expect(problem("", messages).hasPrefix(beginning), "\(problem("", messages))")
    }

    // MARK: Tools, thinking, forms

    @Test func `tools have their schemas, and Anthropic's own of clients have known ones`() throws {
        let request = try read(
            #"[{"role":"user","content":"a"}]"#,
            #"""
            "tools":[{"type":"custom","name":"f","description":"d","strict":true,
              "input_schema":{"type":"object","properties":{"a":{"type":"integer"}}},
              "input_examples":[{"a":1}],"cache_control":{"type":"ephemeral","ttl":"1h"}},
             {"type":"bash_20250124","name":"bash"},
             {"type":"text_editor_20250728","name":"str_replace_based_edit_tool"},
             {"type":"text_editor_20250124","name":"str_replace_editor"},
             {"type":"memory_20250818","name":"memory"}],
            "tool_choice":{"type":"auto","disable_parallel_tool_use":true}
            """#)
        #expect(
            request.calls.tools.map(\.name) == [
                "f", "bash", "str_replace_based_edit_tool", "str_replace_editor", "memory",
            ])
        #expect(!request.calls.allowsParallelCalls)
        #expect(request.calls.choice == .auto(allowed: nil))
        #expect(
            request.calls.definitions[0].serialized()
                == #"{"type":"function","function":{"name":"f","description":"d\n\nExamples of its "#
                + #"input:\n{\"a\":1}","parameters":{"type":"object","properties":{"a":"#
                + #"{"type":"integer"}}}}}"#)
        let editor = request.calls.definitions[2]["function"]?["parameters"]
        #expect(editor?["properties"]?["insert_text"] != nil)
        #expect(editor?["properties"]?["command"]?["enum"]?.arrayValue?.count == 4)
    }

    @Test(arguments: [
        ("auto", ToolChoice.auto(allowed: nil), true), ("none", .none, true),
        ("any", .required(allowed: nil), true),
        (#"tool","name":"g"#, .required(allowed: ["g"]), false),
    ])
    func `a choice of tools is one of four`(
        choice: String, expected: ToolChoice, isParallel: Bool
    ) throws {
        let request = try read(
            #"[{"role":"user","content":"a"}]"#,
            Self.tools + #","tool_choice":{"type":"\#(choice)"}"#)
        #expect(request.calls.choice == expected)
        #expect(request.calls.allowsParallelCalls == isParallel)
        #expect(request.calls.tools.isEmpty == (expected == .none))
    }

    @Test(arguments: [
        (
            #""tools":[{"type":"web_search_20250305","name":"web_search"}]"#,
            "tools[0].type: tools of type 'web_search_20250305' are not supported"
        ),
        (#""tools":[{"type":"computer_20250124","name":"computer"}]"#, "tools[0].type: "),
        (#""tools":[{"name":"f"}]"#, "tools[0].input_schema: field required"),
        (
            #""tools":[{"name":"f","input_schema":{"type":"array"}}]"#,
            "tools[0].input_schema.type: expected 'object'"
        ),
        (#""tools":[{"name":"a b","input_schema":{}}]"#, "tools[0].name: expected 1 to 128"),
        (
            #""tools":[{"name":"f","input_schema":{}},{"name":"f","input_schema":{}}]"#,
            "tools[1].name: expected a name that no other tool has"
        ),
        (#""tool_choice":{"type":"any"}"#, "tool_choice: expected type 'auto' or 'none'"),
        (Self.tools + #","tool_choice":{"type":"tool","name":"h"}"#, "tool_choice.name: expected"),
        (Self.tools + #","tool_choice":"auto""#, "tool_choice: expected an object"),
        (#""temperature":1.5"#, "temperature: expected a number from 0 to 1"),
        (#""top_p":-1"#, "top_p: expected"), (#""top_k":1.5"#, "top_k: expected"),
        (#""max_tokens":-1e9"#, "max_tokens: expected"),
        (#""max_tokens":null"#, "max_tokens: field"),
        (#""stop_sequences":[1]"#, "stop_sequences[0]: expected a string"),
        (#""thinking":{"type":"enabled"}"#, "thinking.budget_tokens: field required"),
        (
            #""thinking":{"type":"enabled","budget_tokens":9}"#,
            "thinking.budget_tokens: expected less than max_tokens (9)"
        ),
        (#""thinking":{"type":"enabled","budget_tokens":0}"#, "thinking.budget_tokens: expected"),
        (#""thinking":{"type":"always"}"#, "thinking.type: expected one of"),
        (#""thinking":true"#, "thinking: expected an object"),
        (#""output_config":{"effort":"huge"}"#, "output_config.effort: expected one of"),
        (
            #""output_config":{"format":{"type":"json_schema"}}"#,
            "output_config.format.schema: field required"
        ),
        (#""system":7"#, "system: expected a string or an array"),
        (#""system":[{"type":"image"}]"#, "system[0].type: blocks of type 'image'"),
        (#""service_tier":"gold""#, "service_tier: expected one of"),
        (#""mcp_servers":[{}]"#, "mcp_servers: not supported"),
        (#""container":"c""#, "container: not supported"), (#""n":2"#, "n: an answer here"),
        (#""logprobs":true"#, "logprobs: not told here"), (#""speed":"fast""#, "speed: "),
        (#""metadata":{"user_id":7}"#, "metadata.user_id: expected a string"),
        (
            #""context_management":{"edits":[{"type":"compact_20260112"}]}"#,
            "context_management.edits[0]: this server compacts no conversations"
        ),
    ])
    func `a wrong field is named`(members: String, beginning: String) {
        #expect(problem(members).hasPrefix(beginning), "\(problem(members))")
    }

    @Test(
        arguments: [
            ("", false, nil, [:]),
            (#""thinking":{"type":"disabled"}"#, false, nil, [:]),
            (
                #""thinking":{"type":"enabled","budget_tokens":5}"#, true, 5,
                ["reasoning_effort": "low"]
            ),
            (#""thinking":{"type":"adaptive"}"#, true, nil, ["reasoning_effort": "high"]),
            (
                #""thinking":{"type":"adaptive"},"output_config":{"effort":"max"}"#, true, nil,
                ["reasoning_effort": "max"]
            ),
        ] as [(String, Bool, Int?, JSONObject)])
    func `the model thinks where it is asked to`(
        members: String, isAllowed: Bool, budget: Int?, arguments: JSONObject
    ) throws {
        let request = try read(#"[{"role":"user","content":"a"}]"#, members)
        #expect(request.options.thinking.isAllowed == isAllowed)
        #expect(request.question.plan.allowsThinking == isAllowed)
        #expect(request.question.thinkingBudget == budget)
        var expected = arguments
        expected["enable_thinking"] = .bool(isAllowed)
        #expect(request.templateArguments == expected)
    }

    @Test(arguments: ["output_config\":{\"format", "output_format"])
    func `an answer may be held to a schema`(place: String) throws {
        let schema = #"{"type":"json_schema","schema":{"type":"object"}}"#
        let end = place == "output_format" ? "" : "}"
        let request = try read(
            #"[{"role":"user","content":"a"}]"#, #""\#(place)":\#(schema)\#(end)"#)
        #expect(request.question.plan.output != nil)
        #expect(request.options.output?.path.description.hasSuffix(".schema") == true)
        #expect(
            problem(
                #""\#(place)":\#(schema)\#(end)"#,
                #"[{"role":"user","content":"a"},{"role":"assistant","content":"{"}]"#
            ).contains("not together with a last message of the assistant"))
    }

    @Test func `edits of a context are told to be none`() async throws {
        let reply = try await TestClient().message(
            #""context_management":{"edits":[{"type":"clear_thinking_20251015","keep":"all"}]}"#)
        #expect(try reply.json["context_management"] == ["applied_edits": []])
    }

    // MARK: The billing line

    private static let billing =
        "x-anthropic-billing-header: cc_version=2.1.100.7b4; cc_entrypoint=cli; cch=eb6c6;"

    @Test(arguments: [
        billing, billing + "\n", "x-anthropic-billing-header: cc_version=2.1.84; cch=00000",
    ])
    func `a block that is Claude Code's billing line alone is not for the model`(
        line: String
    ) throws {
        let block = JSONValue.string(line).serialized()
        let request = try read(
            #"[{"role":"user","content":"a"}]"#,
            #""system":[{"type":"text","text":\#(block)},{"type":"text","text":"You are."}]"#)
        #expect(lines(request.messages) == ["system: You are.", "user: a"])
        let alone = try read(#"[{"role":"user","content":"a"}]"#, #""system":\#(block)"#)
        #expect(lines(alone.messages) == ["user: a"])
    }

    @Test(arguments: [
        billing + "\nYou are.", "See " + billing, billing + " and more", billing + " cch = 1;",
        "x-anthropic-billing-header:", "x-anthropic-billing-header: is a header",
    ])
    func `a text that only resembles the billing line is the model's`(text: String) throws {
        let block = JSONValue.string(text).serialized()
        let request = try read(
            #"[{"role":"user","content":"a"}]"#, #""system":[{"type":"text","text":\#(block)}]"#)
        #expect(request.messages.first?.parts == [text])
        // Nor is it looked for in what anybody else says.
        let quoted = try read(
            #"[{"role":"user","content":\#(JSONValue.string(Self.billing).serialized())}]"#)
        #expect(quoted.messages.first?.parts == [Self.billing])
    }

    // MARK: Errors

    @Test func `errors are in Anthropic's shape, whatever they are of`() async throws {
        let client = TestClient(.init(keys: APIKeys(["secret"])))
        let key = ["x-api-key": "secret"]
        func error(_ reply: Reply, _ status: Int, _ type: String) throws {
            #expect(reply.status == status)
            #expect(try reply.json["type"] == "error")
            #expect(try reply.json["error"]?["type"] == .string(type))
            #expect(try reply.json["request_id"] == reply.field("request-id").map { .string($0) })
        }
        try error(try await client.message(), 401, "authentication_error")
        try error(try await client.post("/v1/messages", "{", key), 400, "invalid_request_error")
        try error(try await client.get("/v1/messages", key), 405, "invalid_request_error")
        try error(
            try await client.post(
                "/v1/messages",
                #"{"model":"x","max_tokens":1,"messages":[{"role":"user","content":"a"}]}"#, key),
            404, "not_found_error")
        let long = String(repeating: "a", count: 600)
        let full = try await client.post(
            "/v1/messages",
            #"{"model":"small","max_tokens":1,"messages":[{"role":"user","content":"\#(long)"}]}"#,
            key)
        try error(full, 400, "invalid_request_error")
        #expect(
            try full.json["error"]?["message"]?.stringValue?.hasPrefix("prompt is too long: ")
                == true)
        let head = TestClient.request(.post, "/v1/messages", "", [:]).head
        let unread = client.server.refusal(.contentTooLarge, "no", head)
        guard case .bytes(let bytes) = unread.body else {
            Issue.record("the refusal has no body")
            return
        }
        #expect(try JSONParser.parse(bytes)["error"]?["type"] == "request_too_large")
    }

    @Test func `an overloaded server says so with Anthropic's status`() async throws {
        let engine = ScriptedEngine { _ throws(SubmissionError) in
            throw .overloaded(retryAfter: .seconds(3))
        }
        let reply = try await TestClient(engine: engine).message()
        #expect(reply.status == 529)
        #expect(reply.field("retry-after") == "3")
        #expect(try reply.json["error"]?["type"] == "overloaded_error")
    }

    @Test func `models are shown as Anthropic's client reads them`() async throws {
        let client = TestClient()
        let fields = ["anthropic-version": "2023-06-01", "x-stainless-lang": "python"]
        let list = try await client.get("/v1/models?limit=20", fields)
        #expect(try list.json["has_more"] == false)
        #expect(try list.json["first_id"] == "maker/model")
        #expect(try list.json["last_id"] == "maker/model")
        let card = try #require(try list.json["data"]?[0])
        #expect(card["type"] == "model" && card["lifecycle"] == "active")
        #expect(card["display_name"] == "maker/model")
        #expect(card["created_at"] == "1970-01-01T00:00:01Z")
        #expect(card["max_input_tokens"] == 512)
        #expect(try await client.get("/v1/models/small", fields).json == card)
        let missing = try await client.get("/v1/models/x", fields)
        #expect(missing.status == 404)
        #expect(try missing.json["error"]?["type"] == "not_found_error")
        #expect(try await client.get("/v1/models").json["object"] == "list")
    }
}
