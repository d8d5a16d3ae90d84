// SPDX-License-Identifier: Apache-2.0

import APIs
import AnswerParsing
import Generation
import JSON
import Recognition
import ServingSupport
import Testing
import Tokenization

/// Calls of tools and thinking as both dialects write them.
@Suite struct ToolCallTests {
    private static let tools =
        #""tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object"}}},"#
        + #"{"type":"custom","custom":{"name":"c"}}]"#
    private static let mistral = "/mistral/v1/chat/completions"
    private static let speech = #"Hm<call f>{"a": 1}</call><call f>{}</call>"#

    private func client(_ engine: ScriptedEngine) -> TestClient {
        TestClient(engine: engine, answerFormat: TaggedFormat())
    }

    private func message(_ reply: Reply, _ choice: Int = 0) throws -> JSONValue {
        try #require(try reply.json["choices"]?[choice]?["message"])
    }

    private func chunks(_ reply: Reply) throws -> [JSONValue] {
        try reply.events.dropLast().map { try JSONParser.parse($0) }
    }

    private func deltas(_ reply: Reply, _ index: Int = 0) throws -> [JSONValue] {
        try chunks(reply).compactMap { chunk in
            guard let choice = chunk["choices"]?[0], choice["index"]?.intValue == index else {
                return nil
            }
            return choice["delta"]
        }
    }

    @Test func `OpenAI's calls stand beside text that is null where there is none`() async throws {
        let reply = try await client(.saying(#"<call f>{"a": 1}</call>"#)).chat(Self.tools)
        #expect(
            try message(reply).serialized()
                == #"{"role":"assistant","content":null,"refusal":null,"tool_calls":[{"id":"#
                + #""call00000","type":"function","function":{"name":"f","arguments":"{\"a\": 1}"},"#
                + #""index":0}]}"#)
        #expect(try reply.json["choices"]?[0]?["finish_reason"] == "tool_calls")
        let both = try await client(.saying(Self.speech)).chat(Self.tools)
        #expect(try message(both)["content"] == "Hm")
        #expect(try message(both)["tool_calls"]?.arrayValue?.count == 2)
        #expect(try message(both)["tool_calls"]?[1]?["index"] == 1)
    }

    @Test func `Mistral's text beside calls is empty`() async throws {
        let reply = try await client(.saying("<call f>{}</call>")).chat(
            Self.tools, path: Self.mistral)
        #expect(try message(reply)["content"] == "")
        #expect(try message(reply)["tool_calls"]?[0]?["function"]?["arguments"] == "{}")
        #expect(try reply.json["choices"]?[0]?["finish_reason"] == "tool_calls")
    }

    @Test func `an OpenAI stream names a tool first, then adds to its arguments`() async throws {
        let reply = try await client(.saying("Hm<call f>{}</call>")).chat(
            Self.tools + #","stream":true"#)
        #expect(
            try deltas(reply).map { $0.serialized() } == [
                #"{"role":"assistant","content":""}"#, #"{"content":"H"}"#, #"{"content":"m"}"#,
                #"{"tool_calls":[{"index":0,"id":"call00000","type":"function","#
                    + #""function":{"name":"f","arguments":""}}]}"#,
                #"{"tool_calls":[{"index":0,"function":{"arguments":"{"}}]}"#,
                #"{"tool_calls":[{"index":0,"function":{"arguments":"}"}}]}"#, "{}",
            ])
        #expect(try chunks(reply).last?["choices"]?[0]?["finish_reason"] == "tool_calls")
    }

    @Test func `a Mistral stream has each call in one piece`() async throws {
        let reply = try await client(.saying(Self.speech)).chat(
            Self.tools + #","stream":true"#, path: Self.mistral)
        #expect(
            try deltas(reply).dropFirst(3).map { $0.serialized() } == [
                #"{"content":"","tool_calls":[{"index":0,"id":"call00000","type":"function","#
                    + #""function":{"name":"f","arguments":"{\"a\": 1}"}}]}"#,
                #"{"content":"","tool_calls":[{"index":1,"id":"call00001","type":"function","#
                    + #""function":{"name":"f","arguments":"{}"}}]}"#, #"{"content":""}"#,
            ])
        let end = try #require(try chunks(reply).last)
        #expect(end["choices"]?[0]?["finish_reason"] == "tool_calls")
        #expect(end["usage"]?["prompt_tokens"] == 1)
    }

    @Test(arguments: ["/v1/chat/completions", mistral])
    func `a stream says what the whole answer says, for every choice`(path: String) async throws {
        let texts = [Self.speech, "Hi", "<think>so</think>ok<call c>1 + 1</call>"]
        let engine = ScriptedEngine.saying(texts[0], texts[1], texts[2])
        let whole = try await client(engine).chat(Self.tools + #","n":3"#, path: path)
        let stream = try await client(engine).chat(
            Self.tools + #","n":3,"stream":true"#, path: path)
        for index in texts.indices {
            let message = try message(whole, index)
            var text = ""
            var thinking = ""
            var inputs: [Int: String] = [:]
            for delta in try deltas(stream, index) {
                text += delta["content"]?.stringValue ?? ""
                thinking += delta["reasoning_content"]?.stringValue ?? ""
                thinking += delta["content"]?[0]?["thinking"]?[0]?["text"]?.stringValue ?? ""
                for call in delta["tool_calls"]?.arrayValue ?? [] {
                    let place = try #require(call["index"]?.intValue)
                    inputs[place, default: ""] +=
                        call["function"]?["arguments"]?.stringValue
                        ?? call["custom"]?["input"]?.stringValue ?? ""
                }
            }
            let parts = message["content"]?.arrayValue
            #expect(text == parts?.last?["text"]?.stringValue ?? message["content"]?.stringValue)
            #expect(
                thinking == parts?.first?["thinking"]?[0]?["text"]?.stringValue
                    ?? message["reasoning_content"]?.stringValue ?? "")
            let calls = message["tool_calls"]?.arrayValue ?? []
            #expect(inputs.count == calls.count)
            for (place, call) in calls.enumerated() {
                #expect(
                    inputs[place] == call["function"]?["arguments"]?.stringValue
                        ?? call["custom"]?["input"]?.stringValue)
            }
        }
        let reasons = try whole.json["choices"]?.arrayValue?.map { $0["finish_reason"] }
        #expect(reasons == ["tool_calls", "stop", "tool_calls"])
    }

    @Test func `a custom tool's call has an input`() async throws {
        let engine = ScriptedEngine.saying("<call c>1</call>")
        let whole = try await client(engine).chat(Self.tools)
        #expect(
            try message(whole)["tool_calls"]?.serialized()
                == #"[{"id":"call00000","type":"custom","custom":{"name":"c","input":"1"},"#
                + #""index":0}]"#)
        let stream = try await client(engine).chat(Self.tools + #","stream":true"#)
        #expect(
            try deltas(stream).dropFirst().map { $0.serialized() } == [
                #"{"tool_calls":[{"index":0,"id":"call00000","type":"custom","#
                    + #""custom":{"name":"c","input":""}}]}"#,
                #"{"tool_calls":[{"index":0,"custom":{"input":"1"}}]}"#, "{}",
            ])
    }

    @Test func `OpenAI's older functions are called in their own way`() async throws {
        let functions = #""functions":[{"name":"f"}],"function_call":"auto""#
        let engine = ScriptedEngine.saying("<call f>{}</call>")
        let whole = try await client(engine).chat(functions)
        #expect(try message(whole)["function_call"] == ["name": "f", "arguments": "{}"])
        #expect(try message(whole)["tool_calls"] == .null)
        #expect(try whole.json["choices"]?[0]?["finish_reason"] == "function_call")
        let stream = try await client(engine).chat(functions + #","stream":true"#)
        #expect(
            try deltas(stream).dropFirst().map { $0.serialized() } == [
                #"{"function_call":{"name":"f","arguments":""}}"#,
                #"{"function_call":{"arguments":"{"}}"#, #"{"function_call":{"arguments":"}"}}"#,
                "{}",
            ])
        #expect(try chunks(stream).last?["choices"]?[0]?["finish_reason"] == "function_call")
    }

    @Test func `thinking stands beside OpenAI's text and within Mistral's`() async throws {
        let engine = ScriptedEngine.saying("<think>so</think>ok")
        let openAI = try await client(engine).chat(Self.tools)
        #expect(
            try message(openAI).serialized()
                == #"{"role":"assistant","content":"ok","refusal":null,"tool_calls":null,"#
                + #""reasoning_content":"so"}"#)
        let usage = try openAI.json["usage"]?["completion_tokens_details"]
        #expect(try #require(usage?["reasoning_tokens"]?.intValue) >= 0)
        let mistral = try await client(engine).chat(Self.tools, path: Self.mistral)
        #expect(
            try message(mistral)["content"] == [
                [
                    "type": "thinking", "thinking": [["type": "text", "text": "so"]],
                    "closed": true,
                ], ["type": "text", "text": "ok"],
            ])
        let stream = try await client(engine).chat(
            Self.tools + #","stream":true"#, path: Self.mistral)
        #expect(
            try deltas(stream).dropFirst().map { $0.serialized() } == [
                #"{"content":[{"type":"thinking","thinking":[{"type":"text","text":"s"}]}]}"#,
                #"{"content":[{"type":"thinking","thinking":[{"type":"text","text":"o"}]}]}"#,
                #"{"content":"o"}"#, #"{"content":"k"}"#, #"{"content":""}"#,
            ])
    }

    @Test func `thinking tokens are counted as OpenAI does`() async throws {
        let reply = try await client(.saying("<think>so</think>ok")).chat(
            Self.tools + #","stream":true"#)
        let counts = try chunks(reply).last?["usage"]?["completion_tokens_details"]
        #expect(counts?["reasoning_tokens"] == 10)
    }

    @Test func `a client that says any speaks Mistral's dialect`() async throws {
        let reply = try await client(.saying("<call f>{}</call>")).chat(
            Self.tools + #","tool_choice":"any""#)
        #expect(reply.field("x-api-dialect") == "mistral")
        #expect(try message(reply)["content"] == "")
    }

    @Test func `a call that was cut off ends by length`() async throws {
        let engine = ScriptedEngine.saying(#"<call f>{"a"#, ending: .length)
        let reply = try await client(engine).chat(Self.tools)
        #expect(try reply.json["choices"]?[0]?["finish_reason"] == "length")
        #expect(try message(reply)["tool_calls"]?[0]?["function"]?["arguments"] == #"{"a"#)
        let stream = try await client(engine).chat(
            Self.tools + #","stream":true"#, path: Self.mistral)
        #expect(stream.text.contains(#"\"a""#))
        #expect(try chunks(stream).last?["choices"]?[0]?["finish_reason"] == "length")
    }

    @Test func `a client's stop within a call is no call to wait for`() async throws {
        let engine = ScriptedEngine.saying(#"<call f>{"a"#, stop: .string("b"))
        let reply = try await client(engine).chat(Self.tools + #","stop":"b""#)
        #expect(try reply.json["choices"]?[0]?["finish_reason"] == "stop")
    }

    @Test func `an answer that had to call a tool and did not has failed`() async throws {
        let members = Self.tools + #","tool_choice":"auto""#
        #expect(try await client(.saying("Hi")).chat(members).status == 200)
        let model = TestClient(engine: .saying("Hi"), answerFormat: UnheldFormat())
        let forced = Self.tools + #","tool_choice":"required""#
        #expect(try await model.chat(forced).status == 500)
        let stream = try await model.chat(forced + #","stream":true"#)
        #expect(stream.text.contains(#""error""#))
        #expect(!stream.text.contains("finish_reason\":\"stop"))
        let mistral = try await model.chat(forced + #","stream":true"#, path: Self.mistral)
        #expect(mistral.text.contains(#""finish_reason":"error""#))
    }

    @Test func `ids and log probabilities of calls come with their pieces`() async throws {
        let engine = ScriptedEngine.saying("<call f>{}</call>")
        let members = Self.tools + #","logprobs":true,"return_token_ids":true"#
        let whole = try await client(engine).chat(members)
        #expect(try whole.json["choices"]?[0]?["token_ids"]?.arrayValue?.count == 17)
        let logprobs = try whole.json["choices"]?[0]?["logprobs"]?["content"]?.arrayValue
        #expect(logprobs?.count == 17)
        for path in ["/v1/chat/completions", Self.mistral] {
            let stream = try await client(engine).chat(members + #","stream":true"#, path: path)
            let ids = try chunks(stream).flatMap {
                $0["choices"]?[0]?["token_ids"]?.arrayValue ?? []
            }
            #expect(ids.count == 17)
        }
    }

    @Test func `a model that thinks is read without tools, too`() async throws {
        let model = TestClient(
            engine: .saying("<think>so</think>ok"), answerFormat: TaggedFormat(thinks: true))
        let reply = try await model.chat(#""thinking_token_budget":7,"reasoning_effort":"low""#)
        #expect(try message(reply)["reasoning_content"] == "so")
        #expect(try message(reply)["content"] == "ok")
        let budget = try #require(model.engine.requests.first?.thinkingBudget)
        #expect(budget.tokenLimit == 7)
        #expect(ByteTokenizer().decode(budget.closeTokens) == "</think>")
        #expect(!budget.startsOpen)
    }

    @Test func `what cannot be kept to is an error that names the pointer`() async throws {
        let schema = #"{"type":"object","properties":{"a":{"type":"string","pattern":"("}}}"#
        let tool = #"{"type":"function","function":{"name":"h","parameters":\#(schema)}}"#
        for (members, field) in [
            (
                #""response_format":{"type":"json_schema","json_schema":{"name":"a","schema":"#
                    + schema + "}}", "response_format.json_schema.schema"
            ),
            (#""guided_json":\#(schema)"#, "guided_json"),
            (
                Self.tools.dropLast() + "," + tool + #"],"tool_choice":"required""#,
                "tools[2].function.parameters"
            ),
        ] {
            let reply = try await client(.saying("a")).chat(members)
            #expect(reply.status == 400)
            let parameter = try reply.json["error"]?["param"]?.stringValue
            #expect(parameter == field + "/properties/a/pattern")
            let message = try reply.json["error"]?["message"]?.stringValue
            #expect(message?.contains("/properties/a/pattern") == true)
            let mistral = try await client(.saying("a")).chat(members, path: Self.mistral)
            #expect(mistral.status == 422)
            let place = try mistral.json["detail"]?[0]?["loc"]?.arrayValue?.last
            #expect(place == "/properties/a/pattern")
        }
    }

    @Test func `a form reaches the engine as a constraint`() async throws {
        let model = client(.saying("a"))
        _ = try await model.chat(#""guided_regex":"a+","n":2"#)
        _ = try await model.complete(#""guided_choice":["a","b"]"#)
        _ = try await model.chat()
        #expect(model.engine.requests.map { $0.constraint != nil } == [true, true, false])
        let wrong = try await model.chat(#""guided_regex":"(""#)
        #expect(wrong.status == 400)
        #expect(try wrong.json["error"]?["param"] == "guided_regex")
    }

    @Test func `without tools the text is not read`() async throws {
        let reply = try await client(.saying("<call f>{}</call>")).chat()
        #expect(try message(reply)["content"] == "<call f>{}</call>")
    }
}

/// Reads as the tagged format does and holds answers to nothing.
private struct UnheldFormat: AnswerFormat {
    let name = "unheld"

    func structure(for plan: AnswerPlan, tokenizer: any Tokenizer) -> Structure? { nil }

    func reader(for plan: AnswerPlan, tokenizer: any Tokenizer) -> any AnswerReader {
        TaggedFormat().reader(for: plan, tokenizer: tokenizer)
    }
}
