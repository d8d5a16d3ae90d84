// SPDX-License-Identifier: Apache-2.0

import APIs
import AnswerParsing
import Conversation
import Generation
import JSON
import Sampling
import ServingSupport
import Testing
import Tokenization

/// `POST /v1/responses`, answered whole.
@Suite struct ResponseTests {
    private static let tools =
        #""tools":[{"type":"function","name":"f","parameters":{"type":"object"}},"#
        + #"{"type":"custom","name":"c"},{"type":"namespace","name":"crm","description":"Sales.","#
        + #""tools":[{"type":"function","name":"find","description":"Finds."}]}]"#

    private func client(_ text: String, thinks: Bool = false) -> TestClient {
        TestClient(engine: .saying(text), answerFormat: TaggedFormat(thinks: thinks))
    }

    @Test func `a response has all members that both SDKs require`() async throws {
        let reply = try await TestClient().respond()
        #expect(reply.status == 200)
        var response = try #require(try reply.json.objectValue)
        let id = try #require(response["id"]?.stringValue)
        #expect(id.hasPrefix("resp_") && id.utf8.count == 37)
        let name = id.dropFirst(5)
        response["id"] = nil
        let expected = """
            {"object":"response","created_at":7,"status":"completed","completed_at":7,"error":null,
            "incomplete_details":null,"model":"maker/model","output":[{"id":"msg_\(name)0",
            "type":"message","status":"completed","role":"assistant","content":[{
            "type":"output_text","text":"Hé!","annotations":[],"logprobs":[]}]}],
            "usage":{"input_tokens":19,"input_tokens_details":{"cached_tokens":1,
            "cache_write_tokens":0},"output_tokens":5,"output_tokens_details":{
            "reasoning_tokens":0},"total_tokens":24},"background":false,"instructions":null,
            "max_output_tokens":null,"max_tool_calls":null,"metadata":{},
            "parallel_tool_calls":true,"previous_response_id":null,"prompt_cache_key":null,
            "reasoning":{"effort":null,"summary":null},"safety_identifier":null,
            "service_tier":"default","store":false,"temperature":0.25,"text":{"format":{
            "type":"text"},"verbosity":"medium"},"tool_choice":"auto","tools":[],
            "top_logprobs":0,"top_p":1,"truncation":"disabled","user":null,
            "system_fingerprint":"fp"}
            """
        #expect(response.serialized() == expected.split(separator: "\n").joined())
        #expect(try await TestClient().respond(path: "/mistral/v1/responses").status == 200)
    }

    @Test func `every option reaches the engine`() async throws {
        let client = TestClient()
        _ = try await client.respond(
            """
            "max_output_tokens":9,"temperature":0.5,"top_p":0.75,"seed":3,"top_k":40,"min_p":0.25,
            "stop":["a"],"min_tokens":2,"top_logprobs":3
            """)
        let request = try #require(client.engine.requests.first)
        #expect(request.maxTokens == 9)
        #expect(request.minTokens == 2)
        #expect(request.stopStrings == ["a"])
        #expect(request.topLogprobs == 3)
        #expect(
            request.sampling
                == SamplingParameters(temperature: 0.5, topP: 0.75, topK: 40, minP: 0.25, seed: 3))
    }

    @Test func `what was asked is repeated as the SDKs read it`() async throws {
        let reply = try await client("<call f>{}</call>").respond(
            Self.tools
                + """
                ,"instructions":"Be brief.","max_output_tokens":9,"metadata":{"a":"b"},
                "parallel_tool_calls":false,"temperature":1,"top_p":0.5,"user":"u",
                "prompt_cache_key":"k","reasoning":{"effort":"low","summary":"auto"},
                "text":{"verbosity":"low","format":{"type":"json_schema","name":"n",
                "schema":{"type":"object"},"strict":true}},
                "tool_choice":{"type":"function","function":{"name":"f"}}
                """)
        #expect(reply.status == 200)
        let response = try reply.json
        #expect(response["instructions"] == "Be brief.")
        #expect(response["max_output_tokens"] == 9)
        #expect(response["metadata"] == ["a": "b"])
        #expect(response["parallel_tool_calls"] == false)
        #expect(response["temperature"]?.doubleValue == 1)
        #expect(response["reasoning"] == ["effort": "low", "summary": "auto"])
        #expect(response["text"]?["format"]?["schema"] == ["type": "object"])
        #expect(response["text"]?["verbosity"] == "low")
        #expect(response["tool_choice"] == ["type": "function", "name": "f"])
        #expect(response["tools"]?.arrayValue?.count == 3)
        #expect(response["tools"]?[0]?["strict"] == true)
    }

    @Test func `thinking, text and calls are items in their order`() async throws {
        let speech =
            "<think>so</think>Hm<call f>{}</call><call c>any</call><call crm__find>{}</call>"
        let reply = try await client(speech, thinks: true).respond(Self.tools)
        let output = try #require(try reply.json["output"]?.arrayValue)
        #expect(
            output.map { $0["type"] } == [
                "reasoning", "message", "function_call", "custom_tool_call", "function_call",
            ])
        #expect(output[0]["content"] == [["type": "reasoning_text", "text": "so"]])
        #expect(output[0]["summary"] == [])
        #expect(output[0]["encrypted_content"] == nil)
        #expect(output[1]["content"]?[0]?["text"] == "Hm")
        #expect(output[2]["call_id"] == "call00000")
        #expect(output[2]["arguments"] == "{}")
        #expect(output[3]["input"] == "any")
        #expect(output[4]["name"] == "find" && output[4]["namespace"] == "crm")
        #expect(output.allSatisfy { $0["status"] == "completed" })
        #expect(Set(output.compactMap { $0["id"]?.stringValue }).count == 5)
        #expect(try reply.json["status"] == "completed")
        let tokens = try reply.json["usage"]?["output_tokens_details"]?["reasoning_tokens"]
        #expect(tokens?.intValue ?? 0 > 0)
    }

    @Test func `thoughts are summarised and sealed if asked, and can be sent back`() async throws {
        let reply = try await client("<think>so</think>ok", thinks: true).respond(
            #""reasoning":{"summary":"auto"},"include":["reasoning.encrypted_content"]"#)
        let item = try #require(try reply.json["output"]?[0])
        #expect(item["summary"] == [["type": "summary_text", "text": "so"]])
        let sealed = try #require(item["encrypted_content"]?.stringValue)
        let body = """
            {"model":"m","input":[{"role":"user","content":"a"},{"type":"reasoning","summary":[],
            "content":null,"encrypted_content":"\(sealed)"},{"role":"assistant","content":"ok"}]}
            """
        let request = try ResponseRequest(
            #require(try JSONParser.parse(body).objectValue), dialect: .openAI)
        #expect(request.messages[1].extra["reasoning_content"] == "so")
        #expect(request.messages[1].content == "ok")
    }

    @Test func `logprobs cover the text alone`() async throws {
        let include = #""include":["message.output_text.logprobs"],"top_logprobs":1"#
        let model = client("<think>a</think>xy", thinks: true)
        let logprobs = try await model.respond(include).json["output"]?[1]?["content"]?[0]?[
            "logprobs"]
        #expect(logprobs?.arrayValue?.map { $0["token"] } == ["x", "y"])
        #expect(logprobs?[0]?["top_logprobs"]?.arrayValue?.count == 1)
        let greeting = try await TestClient().respond(include)
        let tokens = try greeting.json["output"]?[0]?["content"]?[0]?["logprobs"]?.arrayValue
        #expect(tokens?.compactMap { $0["token_id"] } == [72, 195, 169, 33])
    }

    @Test(arguments: [
        (FinishReason.length, nil), (.contextLength, nil),
        (.repetition, "repetition_detected" as String?),
    ])
    func `an answer that was cut is incomplete`(
        reason: FinishReason, detail: String?
    ) async throws {
        let response = try await TestClient(engine: .ending(with: reason)).respond().json
        #expect(response["status"] == "incomplete")
        #expect(response["incomplete_details"]?["reason"] == "max_output_tokens")
        #expect(response["incomplete_details"]?["stop_reason"]?.stringValue == detail)
        #expect(response["output"]?[0]?["status"] == "incomplete")
        #expect(response["completed_at"] == .null)
    }

    @Test func `thoughts that were cut are the whole answer, and an empty one is a message`()
        async throws
    {
        let engine = ScriptedEngine.saying("<think>so", ending: .length)
        let cut = TestClient(engine: engine, answerFormat: TaggedFormat(thinks: true))
        let output = try await cut.respond().json["output"]?.arrayValue
        #expect(output?.map { $0["type"] } == ["reasoning"])
        #expect(output?[0]["status"] == "incomplete")
        let silent = try await client("<think>so</think>", thinks: true).respond().json["output"]
        #expect(silent?[1]?["content"]?[0]?["text"] == "")
    }

    @Test func `a failure has a status, not a response`() async throws {
        let failed = try await TestClient(engine: .ending(with: .error("NaN"))).respond()
        #expect(failed.status == 500)
        #expect(try failed.json["error"]?["code"] == "internal_error")
    }

    @Test func `input tokens are those of the prompt`() async throws {
        for path in ["/v1/responses/input_tokens", "/mistral/v1/responses/input_tokens"] {
            let reply = try await TestClient().respond(
                #""instructions":"Be brief.","truncation":"disabled""#, path: path)
            #expect(reply.text == #"{"object":"response.input_tokens","input_tokens":36}"#)
        }
        let unnamed = try await TestClient().post(
            "/v1/responses/input_tokens", #"{"input":"Hi"}"#)
        #expect(unnamed.status == 200)
        #expect(try await TestClient().post("/v1/responses", #"{"input":"Hi"}"#).status == 400)
    }

    @Test(arguments: [
        (#""input":null"#, "input"), (#""input":3"#, "input"), (#""input":[]"#, "input"),
        (#""background":true"#, "background"), (#""store":true"#, "store"),
        (#""conversation":"c""#, "conversation"), (#""prompt":{"id":"p"}"#, "prompt"),
        (#""previous_response_id":"resp_1""#, "previous_response_id"),
        (#""truncation":"middle""#, "truncation"), (#""truncation":1"#, "truncation"),
        (#""include":["all"]"#, "include[0]"), (#""include":[1]"#, "include[0]"),
        (#""top_logprobs":21"#, "top_logprobs"), (#""max_tool_calls":0"#, "max_tool_calls"),
        (#""max_output_tokens":0"#, "max_output_tokens"), (#""n":2"#, "n"),
        (#""reasoning":{"effort":"huge"}"#, "reasoning.effort"),
        (#""reasoning":{"summary":"long"}"#, "reasoning.summary"),
        (#""text":{"verbosity":"loud"}"#, "text.verbosity"),
        (#""text":{"format":{"type":"json_schema","name":"n"}}"#, "text.format.schema"),
        (#""text":{"format":{"type":"yaml"}}"#, "text.format.type"),
        (#""metadata":{"a":1}"#, "metadata.a"), (#""messages":[{}]"#, "messages"),
        (#""tools":[{"type":"web_search"}]"#, "tools[0].type"),
        (#""tools":[{"type":"function"}]"#, "tools[0].name"),
        (
            #""tools":[{"type":"function","name":"f","parameters":{"type":"string"}}]"#,
            "tools[0].parameters.type"
        ),
        (
            #""tools":[{"type":"namespace","name":"n","tools":[{"type":"mcp"}]}]"#,
            "tools[0].tools[0].type"
        ),
    ])
    func `what cannot be done is refused by name`(members: String, field: String) async throws {
        let reply = try await TestClient().respond(members)
        #expect(reply.status == 400)
        #expect(try reply.json["error"]?["param"]?.stringValue == field)
        let mistral = try await TestClient().respond(members, path: "/mistral/v1/responses")
        // Mistral allows an answer of no tokens.
        let isAllowed = field == "max_output_tokens"
        #expect(mistral.status == (isAllowed ? 200 : 422))
    }

    @Test func `a form of text that cannot be kept names its pointer`() async throws {
        let schema = #"{"type":"object","properties":{"a":{"type":"string","pattern":"("}}}"#
        let format = #"{"type":"json_schema","name":"n","schema":\#(schema)}"#
        let reply = try await TestClient().respond(#""text":{"format":\#(format)}"#)
        #expect(reply.status == 400)
        #expect(
            try reply.json["error"]?["param"] == "text.format.schema/properties/a/pattern")
        let held = TestClient(answerFormat: TaggedFormat())
        _ = try await held.respond(#""text":{"format":{"type":"json_object"}}"#)
        #expect(held.engine.requests.first?.constraint != nil)
    }

    @Test func `tools that only a maker's servers run are left out for its own client`()
        async throws
    {
        let members = #""tools":[{"type":"web_search"},{"type":"function","name":"f"}]"#
        let body = #"{"model":"default","input":"Hi",\#(members)}"#
        let codex = ["user-agent": "codex_cli_rs/0.98.0 (Debian 12; x86_64) xterm"]
        let reply = try await TestClient().post("/v1/responses", body, codex)
        #expect(try reply.json["tools"]?.arrayValue?.map { $0["type"] } == ["function"])
        let shell = body.replacing("web_search", with: "local_shell")
        #expect(try await TestClient().post("/v1/responses", shell, codex).status == 400)
    }

    @Test func `the oldest turns are left out of what is too long, if the client agrees`()
        async throws
    {
        let turns = (0..<20).map { #"{"role":"user","content":"question number \#($0)"}"# }
        let answers = turns.map { $0 + #",{"role":"assistant","content":"well"}"# }
        let input =
            #""input":[{"role":"system","content":"S"},\#(answers.joined(separator: ",")),"#
            + #"{"role":"user","content":"last"}]"#
        let client = TestClient()
        let refused = try await client.respond(input)
        #expect(refused.status == 400)
        #expect(try refused.json["error"]?["code"] == "context_length_exceeded")
        #expect(try refused.json["error"]?["param"] == "input")
        let reply = try await client.respond(input + #","truncation":"auto""#)
        #expect(reply.status == 200)
        #expect(try reply.json["truncation"] == "auto")
        let tokens = try #require(client.engine.requests.last?.promptTokens)
        let prompt = ByteTokenizer().decode(tokens)
        #expect(
            prompt.hasPrefix("system=S;user=question number ")
                && prompt.hasSuffix("last;assistant="))
        // One turn more would not have fitted.
        #expect(tokens.count < 512 && tokens.count + 40 >= 512)
        // What is too long in itself stays so.
        let long = String(repeating: "a", count: 600)
        #expect(try await client.respond(#""input":"\#(long)","truncation":"auto""#).status == 400)
    }

    @Test func `nothing stored is served`() async throws {
        #expect(try await TestClient().get("/v1/responses/resp_1").status == 501)
    }
}

extension TestClient {
    /// A response to "Hi" with these members besides, which may replace it.
    func respond(_ members: String = "", path: String = "/v1/responses") async throws -> Reply {
        let more = members.isEmpty ? "" : "," + members
        let input = members.hasPrefix(#""input""#) ? "" : #","input":"Hi""#
        return try await post(path, #"{"model":"default"\#(input)\#(more)}"#)
    }
}
