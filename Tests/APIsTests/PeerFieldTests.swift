// SPDX-License-Identifier: Apache-2.0

import APIs
import Conversation
import Generation
import JSON
import Sampling
import Serving
import Testing

/// Fields of llama.cpp, Ollama, vLLM and others: read, taken at their neutral value, or refused.
@Suite struct PeerFieldTests {
    private static let bodies = [FieldTableTests.chat, FieldTableTests.completion]

    private func chat(_ members: String, _ dialect: Dialect = .openAI) throws -> GenerationRequest {
        let body = #"{"model":"m","messages":[{"role":"user","content":"Hi"}],\#(members)}"#
        return try ChatCompletionRequest(
            #require(try JSONParser.parse(body).objectValue), dialect: dialect
        ).options.question.generation
    }

    private func completion(_ members: String) throws -> CompletionRequest {
        try CompletionRequest(
            #require(
                try JSONParser.parse(#"{"model":"m","prompt":"a",\#(members)}"#).objectValue),
            dialect: .openAI)
    }

    @Test(arguments: [
        "max_tokens", "max_completion_tokens", "n_predict", "num_predict", "max_new_tokens",
        "max_output_tokens", "max_tokens_to_sample",
    ])
    func `the most tokens go by many names, and -1 is no limit`(name: String) throws {
        #expect(try chat("\"\(name)\":3").maxTokens == 3)
        #expect(try completion("\"\(name)\":3").options.question.generation.maxTokens == 3)
        #expect(try chat("\"\(name)\":-1").maxTokens == nil)
        #expect(try completion("\"\(name)\":-1").options.question.generation.maxTokens == nil)
        #expect(try chat("\"\(name)\":-1", .mistral).maxTokens == nil)
    }

    @Test func `null is no limit where leaving max_tokens out is 16`() throws {
        #expect(try completion(#""max_tokens":null"#).options.question.generation.maxTokens == nil)
        #expect(
            try completion(#""max_tokens":null,"n_predict":3"#).options.question.generation
                .maxTokens == 3)
        #expect(try completion(#""n_predict":-2"#).options.question.generation.maxTokens == nil)
        #expect(try completion(#""min_tokens":20"#).options.question.generation.maxTokens == 20)
    }

    @Test(arguments: ["repetition_penalty", "repeat_penalty", "rep_pen"])
    func `a repetition penalty goes by three names`(name: String) throws {
        #expect(try chat("\"\(name)\":1.5").sampling.repetitionPenalty == 1.5)
    }

    @Test func `the names of one field must agree`() throws {
        #expect(try chat(#""max_tokens":5,"n_predict":5"#).maxTokens == 5)
        #expect(try chat(#""max_tokens":5,"n_predict":-1"#).maxTokens == 5)
        #expect(try chat(#""max_tokens":-1,"n_predict":5"#).maxTokens == 5)
        #expect(
            try chat(#""repetition_penalty":1,"repeat_penalty":1.5"#).sampling.repetitionPenalty
                == 1.5)
        for members in [
            #""max_tokens":5,"n_predict":6"#, #""repetition_penalty":1.25,"repeat_penalty":1.5"#,
            #""n":2,"n_cmpl":3"#, #""logprobs":true,"top_logprobs":2,"n_probs":3"#,
        ] {
            #expect(throws: FieldError.self) { try chat(members) }
        }
        #expect(throws: FieldError.self) { try completion(#""logprobs":2,"n_probs":3"#) }
    }

    @Test(arguments: ["seed", "random_seed", "sampler_seed"])
    func `a seed of -1 is a new one each time`(name: String) throws {
        #expect(try chat("\"\(name)\":-1").sampling.seed == nil)
        #expect(try chat("\"\(name)\":7").sampling.seed == 7)
    }

    @Test func `another negative seed stays one`() throws {
        #expect(try chat(#""seed":-2"#).sampling.seed == UInt64(bitPattern: -2))
    }

    @Test func `stop strings of all names end a choice, empty and equal ones dropped`() throws {
        let options = try chat(
            #""stop":["a","","e\u0301"],"stop_sequences":["a","b"],"stopping_strings":["é"]"#)
        #expect(
            options.stopStrings.map { Array($0.utf8) } == [
                [97], [101, 204, 129], [98], [195, 169],
            ])
        #expect(try chat(#""stop":"""#).stopStrings.isEmpty)
        let many = (0..<256).map { "\"\($0)\"" }.joined(separator: ",")
        #expect(try chat("\"stop\":[\(many)]").stopStrings.count == 256)
        #expect(throws: FieldError.self) {
            try chat("\"stop\":[\(many)],\"stop_sequences\":[\"x\"]")
        }
    }

    @Test func `n_probs asks for log probabilities`() throws {
        #expect(try completion(#""n_probs":3"#).topLogprobs == 3)
        #expect(try completion(#""n_probs":0"#).topLogprobs == nil)
        #expect(try completion(#""logprobs":20"#).topLogprobs == 20)
        #expect(try completion(#""logprobs":false"#).topLogprobs == nil)
        let body = try body(FieldTableTests.chat, "n_probs", "4")
        #expect(try ChatCompletionRequest(body, dialect: .openAI).topLogprobs == 4)
    }

    @Test(arguments: [
        WrongField("tfs_z", "0.5"), WrongField("top_a", "0.1"),
        WrongField("sampler_order", "[6,0,1]"), WrongField("t_max_predict_ms", "100"),
        WrongField("num_beams", "2"), WrongField("do_sample", "false"),
        WrongField("no_repeat_ngram_size", "3"), WrongField("guidance_scale", "1.5"),
        WrongField("max_length", "20"), WrongField("min_length", "2"),
        WrongField("options", "{\"num_predict\": 3}"), WrongField("extra_body", "{\"top_k\": 1}"),
        WrongField("system", "\"Be brief.\""), WrongField("images", "[\"a\"]"),
        WrongField("thinking", "{\"type\": \"enabled\"}"), WrongField("think", "true"),
        WrongField("reasoning", "{\"effort\": \"high\"}"), WrongField("format", "\"json\""),
        WrongField("truncate", "5"), WrongField("context", "[1, 2]"),
        WrongField("skip_special_tokens", "false"), WrongField("banned_strings", "[\"a\"]"),
        WrongField("stop_regex", "\"a+\""), WrongField("structural_tag", "\"a\""),
        WrongField("ebnf", "\"root ::= 1\""), WrongField("lora", "[{\"id\": 0}]"),
        WrongField("num_ctx", "-5"), WrongField("return_tokens_as_token_ids", "true"),
    ])
    func `what would change the answer is refused by name`(wrong: WrongField) throws {
        for text in Self.bodies {
            let body = try body(text, wrong.field, wrong.value)
            let error = #expect(throws: FieldError.self) {
                if text == FieldTableTests.chat {
                    _ = try ChatCompletionRequest(body, dialect: .mistral)
                } else {
                    _ = try CompletionRequest(body, dialect: .openAI)
                }
            }
            #expect(error?.path?.description == wrong.path)
        }
    }

    @Test(arguments: [
        #""typical_p":1,"tfs_z":1.0,"top_a":0,"mirostat":0,"mirostat_tau":5,"mirostat_eta":0.1"#,
        #""dry_multiplier":0,"dry_base":1.75,"dry_sequence_breakers":["a"],"xtc_probability":0.0"#,
        #""dynatemp_range":0,"dynatemp_exponent":1,"top_n_sigma":-1,"samplers":[],"min_keep":0"#,
        #""t_max_predict_ms":-1,"repeat_last_n":64,"penalize_nl":false,"repeat_penalty":1.0"#,
        #""cache_prompt":true,"id_slot":-1,"n_keep":4,"n_discard":0,"timings_per_token":true"#,
        #""options":{},"thinking":{"type":"disabled"},"think":false,"format":"","system":"""#,
        #""num_ctx":4096,"keep_alive":"5m","num_thread":8,"num_gpu":0,"do_sample":true"#,
        #""skip_special_tokens":true,"spaces_between_special_tokens":true,"detokenize":true"#,
        #""reasoning":{"effort":"none"},"extra_body":{},"lora":[],"images":[],"truncate":null"#,
        #""tools":[],"tool_choice":"none","functions":[],"stop":null,"logit_bias":{},"user":null"#,
        #""tool_choice":"auto","metadata":{},"stream_options":null,"n":null,"seed":null"#,
        #""stream_options":{},"response_format":{"type":"text"},"parallel_tool_calls":false"#,
        #""stream_options":{"include_usage":false},"modalities":["text"],"store":false"#,
        #""service_tier":"auto","best_of":1,"echo":false,"suffix":null,"logprobs":null,"stop":[]"#,
    ])
    func `what changes nothing is taken`(members: String) throws {
        for text in Self.bodies {
            var object = try #require(try JSONParser.parse(text).objectValue)
            let more = try #require(try JSONParser.parse("{\(members)}").objectValue)
            for key in more.keys { object[key] = more[key] }
            if text == FieldTableTests.chat {
                _ = try ChatCompletionRequest(object, dialect: .openAI)
                _ = try ChatCompletionRequest(object, dialect: .mistral)
            } else {
                _ = try CompletionRequest(object, dialect: .openAI)
            }
        }
    }

    @Test(arguments: [
        #""function_call":"none","functions":[]"#, #""function_call":"auto""#,
        #""tool_choice":{"type":"auto"}"#, #""tool_choice":{"type":"none"}"#,
        #""function_call":null,"audio":null,"prompt_mode":null,"guardrails":[]"#,
    ])
    func `a chat that calls nothing is taken`(members: String) throws {
        _ = try chat(members)
    }

    @Test func `filling a gap takes what asks for nothing, and nothing else`() throws {
        func fim(_ members: String) throws -> FIMCompletionRequest {
            try FIMCompletionRequest(
                #require(
                    try JSONParser.parse(#"{"model":"m","prompt":"a",\#(members)}"#).objectValue),
                dialect: .mistral)
        }
        _ = try fim(
            #""tools":[],"tool_choice":"none","response_format":{"type":"text"},"best_of":1,"#
                + #""logprobs":false,"messages":null,"suffix":null,"max_tokens":-1"#)
        for members in [
            #""tools":[{}]"#, #""tool_choice":"any""#, #""response_format":{"type":"json_object"}"#,
            #""best_of":2"#, #""echo":true"#, #""top_a":1"#, #""logprob_token_ids":[1]"#,
        ] {
            #expect(throws: FieldError.self) { try fim(members) }
        }
    }

    @Test func `what SillyTavern sends to a server that it does not know is taken`() throws {
        let request = try completion(
            """
            "max_new_tokens":300,"max_tokens":300,"temperature":0.7,"top_p":0.5,"typical_p":1,
            "typical":1,"sampler_seed":-1,"min_p":0,"repetition_penalty":1.2,"frequency_penalty":0,
            "presence_penalty":0,"top_k":40,"skew":0,"min_tokens":0,"length_penalty":1,
            "early_stopping":false,"add_bos_token":true,"dynamic_temperature":false,
            "dynatemp_low":1,"dynatemp_high":1,"dynatemp_range":0,"dynatemp_exponent":1,
            "smoothing_factor":0,"smoothing_curve":1,"dry_allowed_length":2,"dry_multiplier":0,
            "dry_base":1.75,"dry_sequence_breakers":"[]","dry_penalty_last_n":0,"stop":["\\nYou:"],
            "stopping_strings":["\\nYou:"],"truncation_length":2048,"ban_eos_token":false,
            "skip_special_tokens":true,"include_reasoning":true,"top_a":0,"tfs":1,
            "mirostat_mode":0,"mirostat_tau":5,"mirostat_eta":0.1,"custom_token_bans":"",
            "banned_strings":[],"xtc_threshold":0.1,"xtc_probability":0,"nsigma":0,"rep_pen":1.2,
            "top_n_sigma":0,"min_keep":0,"repetition_penalty_range":0,"no_repeat_ngram_size":0,
            "encoder_repetition_penalty":1,"penalty_alpha":0,"temperature_last":false,
            "do_sample":true,"seed":-1,"guidance_scale":1,"negative_prompt":"",
            "grammar_string":"","json_schema":{},"repeat_penalty":1.2,"n_predict":300,
            "num_predict":300,"num_ctx":2048,"mirostat":0,"ignore_eos":false,"stream":true
            """)
        #expect(request.options.question.generation.maxTokens == 300)
        #expect(request.options.question.generation.sampling.repetitionPenalty == 1.2)
        #expect(request.options.question.generation.stopStrings == ["\nYou:"])
        #expect(request.options.question.generation.sampling.seed == nil)
    }

    @Test func `penalties that spare line breaks are refused`() throws {
        #expect(throws: FieldError.self) {
            try chat(#""presence_penalty":1,"penalize_nl":false"#)
        }
        #expect(
            try chat(#""repeat_penalty":1.1,"repeat_last_n":-1,"penalize_nl":true"#)
                .sampling.repetitionPenalty == 1.1)
    }

    @Test func `a switch for thinking reaches the template`() throws {
        let body = try body(FieldTableTests.chat, "enable_thinking", "false")
        let request = try ChatCompletionRequest(body, dialect: .openAI)
        #expect(request.templateArguments == ["enable_thinking": false])
    }
}

/// Histories as clients keep them.
@Suite struct HistoryTests {
    private func messages(_ last: String, _ dialect: Dialect = .openAI) throws -> [Message] {
        let body = #"{"model":"m","messages":[{"role":"user","content":"Hi"},\#(last)]}"#
        return try ChatCompletionRequest(
            #require(try JSONParser.parse(body).objectValue), dialect: dialect
        ).messages
    }

    @Test(arguments: [#""content":"""#, #""content":[]"#, #""content":null"#, #""name":"f""#])
    func `a tool that returned nothing has answered`(content: String) throws {
        let message = try messages(#"{"role":"tool","tool_call_id":"a",\#(content)}"#)[1]
        #expect(message.parts == [""])
        #expect(message.content == "")
    }

    @Test(arguments: [
        #"{"role":"assistant","content":""}"#, #"{"role":"assistant","content":[]}"#,
        #"{"role":"assistant","content":null,"tool_calls":null}"#,
        #"{"role":"assistant","tool_calls":[],"function_call":null,"audio":null,"refusal":null}"#,
        #"{"role":"user","content":[],"name":"a","tool_calls":[],"annotations":[]}"#,
        #"{"role":"assistant","content":[{"type":"thinking","thinking":"hm"}]}"#,
        #"{"role":"assistant","content":[{"type":"reference","reference_ids":[1]}]}"#,
        #"{"role":"assistant","content":[{"type":"reasoning","reasoning":"hm"}]}"#,
    ])
    func `an empty text is a text`(message: String) throws {
        #expect(try messages(message)[1].parts == [""])
    }

    @Test(arguments: Dialect.allCases)
    func `thinking parts of an answer are its reasoning`(dialect: Dialect) throws {
        let message = try messages(
            """
            {"role":"assistant","content":[{"type":"thinking","thinking":[
            {"type":"text","text":"h"},{"type":"text","text":"m"}],"closed":true},
            {"type":"text","text":"Hello"},{"type":"redacted_thinking","data":"x"}]}
            """, dialect)[1]
        #expect(message.parts == ["Hello"])
        #expect(message.extra == ["reasoning_content": "hm"])
    }

    @Test func `a field of reasoning wins over a part`() throws {
        let message = try messages(
            """
            {"role":"assistant","reasoning_content":"a","content":[{"type":"thinking",
            "thinking":"b"},{"type":"text","text":"Hello"}]}
            """)[1]
        #expect(message.extra == ["reasoning_content": "a"])
    }

    @Test func `texts go by the names of both of OpenAI's APIs, or by none`() throws {
        let message = try messages(
            """
            {"role":"user","content":["a",{"type":"input_text","text":"b"},
            {"type":"output_text","text":"c","annotations":[]}]}
            """)[1]
        #expect(message.parts == ["a", "b", "c"])
    }

    @Test(arguments: [
        #"{"role":"user","content":null}"#, #"{"role":"system"}"#,
        #"{"role":"user","content":[{"type":"thinking","thinking":"a"}]}"#,
        #"{"role":"assistant","content":[{"type":"thinking","thinking":1}]}"#,
        #"{"role":"assistant","content":[{"type":"thinking","thinking":["a"]}]}"#,
        #"{"role":"assistant","content":[],"prefix":true}"#,
    ])
    func `what has no meaning is still refused`(message: String) throws {
        #expect(throws: FieldError.self) { try messages(message) }
    }
}
