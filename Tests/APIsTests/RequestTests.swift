// SPDX-License-Identifier: Apache-2.0

import APIs
import Conversation
import Generation
import JSON
import Sampling
import Serving
import Testing

@Suite struct RequestTests {
    private func chat(_ text: String, _ dialect: Dialect = .openAI) throws -> ChatCompletionRequest
    {
        try ChatCompletionRequest(
            #require(try JSONParser.parse(text).objectValue), dialect: dialect)
    }

    private func completion(_ text: String) throws -> CompletionRequest {
        try CompletionRequest(#require(try JSONParser.parse(text).objectValue), dialect: .openAI)
    }

    @Test func `every chat option is read`() throws {
        let request = try chat(
            """
            {"model":"m","messages":[{"role":"developer","content":"Be brief."},
            {"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]}],
            "max_tokens":5,"max_completion_tokens":7.0,"min_tokens":2,"temperature":0.5,
            "top_p":0.9,"top_k":40,"min_p":0.05,"frequency_penalty":1,"presence_penalty":-1,
            "repetition_penalty":1.1,"logit_bias":{"5":-100},"seed":-3,"stop":["a","b"],
            "stop_token_ids":[7],"ignore_eos":true,"include_stop_str_in_output":true,"n":3,"stop_on_repetition":false,
            "return_token_ids":true,"stream":true,"stream_options":{"include_usage":true},
            "logprobs":true,"top_logprobs":20,"chat_template_kwargs":{"enable_thinking":false},
            "reasoning_effort":"low"}
            """)
        let question = request.options.question
        #expect(question.temperature == 0.5)
        #expect(question.stopTokenIDs == [7])
        #expect(question.neededContext == nil)
        #expect(question.prompts.isEmpty)
        let generation = question.generation
        #expect(
            generation.sampling
                == SamplingParameters(
                    topP: 0.9, topK: 40, minP: 0.05, frequencyPenalty: 1, presencePenalty: -1,
                    repetitionPenalty: 1.1, logitBias: [5: -100], seed: UInt64(bitPattern: -3)))
        #expect(generation.maxTokens == 7)
        #expect(generation.minTokens == 2)
        #expect(generation.stopStrings == ["a", "b"])
        #expect(generation.ignoresEOS)
        #expect(generation.includesStopString)
        #expect(!generation.stopsOnRepetition)
        #expect(generation.choiceCount == 3)
        #expect(generation.priority == 0)
        #expect(generation.cacheScope == "")
        #expect(generation.timeLimit == nil)
        #expect(request.options.returnsTokenIDs)
        #expect(!request.options.returnsTokens)
        #expect(request.options.streams)
        #expect(request.options.includesUsage == true)
        #expect(!request.options.tellsUsageContinuously)
        #expect(request.topLogprobs == 20)
        #expect(
            request.messages == [
                Message(.developer, "Be brief."), Message(role: .user, parts: ["a", "b"]),
            ])
        #expect(
            request.templateArguments == ["enable_thinking": false, "reasoning_effort": "low"])
    }

    @Test(arguments: ["0", "-1"])
    func `top_k of nothing means every token`(value: String) throws {
        let request = try completion(#"{"model":"m","prompt":"a","top_k":\#(value)}"#)
        #expect(request.options.question.generation.sampling.topK == nil)
    }

    @Test func `random_seed is a seed and a prefix continues the last message`() throws {
        let request = try chat(
            """
            {"model":"m","random_seed":5,"messages":[{"role":"user","content":"Hi"},
            {"role":"assistant","content":"The","prefix":true}]}
            """, .mistral)
        #expect(request.options.question.generation.sampling.seed == 5)
        #expect(request.continuesFinalMessage)
        #expect(!request.addsGenerationPrompt)
    }

    @Test func `safe_prompt puts its system message first`() throws {
        let request = try chat(
            #"{"model":"m","safe_prompt":true,"messages":[{"role":"user","content":"Hi"}]}"#)
        #expect(request.messages.first == Message(.system, ChatCompletionRequest.safePrompt))
        #expect(request.messages.count == 2)
    }

    @Test func `tools keep their key order and vanish when none may be called`() throws {
        let tools = #"[{"type":"function","function":{"name":"f","parameters":{"z":1,"a":2}}}]"#
        let messages = #""model":"m","messages":[{"role":"user","content":"Hi"}]"#
        let offered = try chat("{\(messages),\"tools\":\(tools)}")
        #expect(JSONValue.array(offered.tools).serialized() == tools)
        let refused = try chat("{\(messages),\"tools\":\(tools),\"tool_choice\":\"none\"}")
        #expect(refused.tools.isEmpty)
    }

    @Test func `tool calls and their results are read in both spellings of arguments`() throws {
        let request = try chat(
            """
            {"model":"m","messages":[{"role":"user","content":"Hi"},
            {"role":"assistant","content":null,"tool_calls":[
              {"id":"a","type":"function","function":{"name":"f","arguments":"{}"}},
              {"id":"null","function":{"name":"g","arguments":{"x":1}}}]},
            {"role":"tool","tool_call_id":"a","name":"f","content":"1"}]}
            """)
        #expect(
            request.messages[1].toolCalls == [
                .init(id: "a", name: "f", arguments: "{}"),
                .init(id: nil, name: "g", arguments: #"{"x":1}"#),
            ])
        #expect(request.messages[2].toolCallID == "a")
    }

    @Test(arguments: [
        (#""abc""#, [CompletionRequest.Prompt.text("abc")]),
        (#"["a","b"]"#, [.text("a"), .text("b")]),
        ("[1,2,3]", [.tokens([1, 2, 3])]),
        ("[[1],[2,3]]", [.tokens([1]), .tokens([2, 3])]),
    ])
    func `a prompt is text or ids, one or many`(
        value: String, prompts: [CompletionRequest.Prompt]
    ) throws {
        #expect(try completion(#"{"model":"m","prompt":\#(value)}"#).prompts == prompts)
    }

    @Test func `a completion generates 16 tokens unless told otherwise`() throws {
        #expect(
            try completion(#"{"model":"m","prompt":"a"}"#).options.question.generation.maxTokens
                == 16)
        let scoring = try completion(
            #"{"model":"m","prompt":"a","max_tokens":0,"echo":true,"logprobs":5}"#)
        #expect(scoring.options.question.generation.maxTokens == 0)
        #expect(scoring.echoes)
        #expect(scoring.topLogprobs == 5)
    }

    @Test func `best_of must cover n and cannot be streamed`() throws {
        #expect(throws: FieldError.self) {
            try completion(#"{"model":"m","prompt":"a","n":3,"best_of":2}"#)
        }
        #expect(throws: FieldError.self) {
            try completion(#"{"model":"m","prompt":"a","best_of":2,"stream":true}"#)
        }
        #expect(try completion(#"{"model":"m","prompt":"a","n":3}"#).bestOf == 3)
    }

    @Test func `prompts times choices are bounded`() throws {
        let prompts = Array(repeating: "\"a\"", count: 20).joined(separator: ",")
        #expect(throws: FieldError.self) {
            try completion(#"{"model":"m","prompt":[\#(prompts)],"n":13}"#)
        }
        _ = try completion(#"{"model":"m","prompt":[\#(prompts)],"n":12}"#)
    }

    @Test func `both spellings of tokenize requests are read`() throws {
        let vllm: JSONObject = ["prompt": "a", "add_special_tokens": false]
        #expect(
            try TokenizeRequest(vllm).input
                == .text("a", addsSpecialTokens: false, parsesSpecialTokens: true))
        let llama: JSONObject = ["content": "a", "with_pieces": true, "parse_special": false]
        let request = try TokenizeRequest(llama)
        #expect(
            request.input == .text("a", addsSpecialTokens: false, parsesSpecialTokens: false))
        #expect(request.pairsPieces)
        #expect(throws: FieldError.missing("prompt")) { try TokenizeRequest([:]) }
        #expect(throws: FieldError.self) {
            try TokenizeRequest([
                "messages": [["role": "user", "content": "a"]], "parse_special": true,
            ])
        }
    }

    @Test func `detokenize takes an array of ids`() throws {
        #expect(try DetokenizeRequest(["tokens": [1, 2]]).tokens == [1, 2])
        #expect(try !DetokenizeRequest(["tokens": [1]]).skipsSpecialTokens)
        #expect(throws: FieldError.missing("tokens")) { try DetokenizeRequest([:]) }
        #expect(throws: FieldError.self) { try DetokenizeRequest(["tokens": [1, -2]]) }
    }

    @Test func `a body hints at Mistral by its own fields`() {
        #expect(Dialect.spoken(in: ["random_seed": 1])?.rawValue == "mistral")
        #expect(
            Dialect.spoken(in: ["messages": [["role": "assistant", "prefix": true]]])?.rawValue
                == "mistral")
        #expect(Dialect.spoken(in: ["messages": [["role": "user"]], "seed": 1]) == nil)
    }
}
