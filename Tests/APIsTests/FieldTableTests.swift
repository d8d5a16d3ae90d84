// SPDX-License-Identifier: Apache-2.0

import APIs
import JSON
import Testing

/// One field with a wrong value and where the error must point.
struct WrongField: Sendable, CustomTestStringConvertible {
    let field: String
    let value: String
    let path: String

    init(_ field: String, _ value: String, at path: String? = nil) {
        self.field = field
        self.value = value
        self.path = path ?? field
    }

    var testDescription: String { "\(field): \(value)" }

    /// The same field with many values.
    static func all(_ field: String, _ values: String...) -> [WrongField] {
        values.map { WrongField(field, $0) }
    }

    static let wrongTypes = ["\"1\"", "true", "{}", "[]"]

    /// A whole number's field with everything that it is not.
    static func integer(_ field: String, _ others: String...) -> [WrongField] {
        (wrongTypes + ["1.5", "1e18", "\"NaN\""] + others).map { WrongField(field, $0) }
    }

    /// A number's field with everything that it is not.
    static func number(_ field: String, _ others: String...) -> [WrongField] {
        (wrongTypes + ["1e18", "-1e18", "\"NaN\"", "\"Infinity\""] + others)
            .map { WrongField(field, $0) }
    }

    static func bool(_ field: String) -> [WrongField] {
        all(field, "0", "1", "\"true\"", "{}", "[]")
    }

    static let shared: [WrongField] =
        integer("max_tokens", "-2") + integer("max_completion_tokens", "-2")
        + integer("n_predict", "-3") + integer("num_predict", "-3")
        + integer("max_new_tokens", "-2") + integer("min_new_tokens", "-1")
        + integer("n_probs", "-1", "21") + integer("num_ctx", "-1")
        + integer("min_tokens", "-1") + integer("n", "0", "-1", "129", "1000000")
        + integer("top_k", "-2") + number("temperature", "-0.01", "2.01")
        + number("top_p", "-0.01", "1.01") + number("min_p", "-0.01", "1.01")
        + number("frequency_penalty", "-2.01", "2.01")
        + number("presence_penalty", "-2.01", "2.01")
        + number("repetition_penalty", "0", "-1", "101", "1e-36", "0.009")
        + number("repeat_penalty", "0", "-1", "101", "1e-36")
        + all("seed", "\"1\"", "true", "1.5", "1e19", "[]")
        + all("random_seed", "-2", "\"1\"", "true", "1.5")
        + bool("stream") + bool("ignore_eos") + bool("return_token_ids")
        + bool("include_stop_str_in_output") + bool("return_tokens")
        + bool("stop_on_repetition")
        + all("stop", "1", "true", "{}") + all("stop_sequences", "1", "{}")
        + [
            WrongField("stop", "[\"a\", 1]", at: "stop[1]"),
            WrongField("stopping_strings", "[\"a\", null]", at: "stopping_strings[1]"),
            WrongField("stop", array(of: "\"a\"", count: 257)),
            WrongField("stop", "\"" + String(repeating: "a", count: 1025) + "\""),
            WrongField("stop_token_ids", "5"),
            WrongField("stop_token_ids", "[-1]", at: "stop_token_ids[0]"),
            WrongField("stop_token_ids", "[1e18]", at: "stop_token_ids[0]"),
            WrongField("logit_bias", "[]"),
            WrongField("logit_bias", "{\"a\": 1}", at: "logit_bias.a"),
            WrongField("logit_bias", "{\"-1\": 1}", at: "logit_bias.-1"),
            WrongField("logit_bias", "{\"7\": 100.5}", at: "logit_bias.7"),
            WrongField("logit_bias", "{\"7\": \"1\"}", at: "logit_bias.7"),
            WrongField("stream_options", "{\"include_usage\": true}"),
            WrongField("stream_options", "true"),
            WrongField(
                "stream_options", "{\"include_usage\": 1}", at: "stream_options.include_usage"),
            WrongField("metadata", "[]"), WrongField("user", "{}"),
            WrongField("model", "null"), WrongField("model", "3"),
            WrongField("use_beam_search", "3"),
            WrongField("cache_salt", "1"), WrongField("cache_salt", "[]"),
            WrongField("max_time", "\"1\""), WrongField("max_time", "0"),
            WrongField("max_time", "-1"), WrongField("max_time", "1e18"),
            WrongField("priority", "-1"), WrongField("priority", "1.5"),
            WrongField("priority", "\"high\""), WrongField("priority", "1e18"),
            WrongField("truncate_prompt_tokens", "5"),
            WrongField("response_format", "\"json\""),
            WrongField("response_format", "{}", at: "response_format.type"),
            WrongField(
                "response_format", "{\"type\": \"json_schema\", \"json_schema\": {}}",
                at: "response_format.json_schema.name"),
            WrongField("response_format", "{\"type\": \"xml\"}", at: "response_format.type"),
        ]

    static let chat: [WrongField] =
        shared + integer("top_logprobs", "-1", "21", "5") + bool("logprobs")
        + bool("prompt_logprobs") + bool("add_generation_prompt")
        + bool("continue_final_message") + bool("safe_prompt") + bool("parallel_tool_calls")
        + all("max_tokens", "0") + all("max_completion_tokens", "0")
        + all("messages", "null", "[]", "{}", "\"hello\"")
        + [
            WrongField("messages", "[1]", at: "messages[0]"),
            WrongField("messages", "[{}]", at: "messages[0].role"),
            WrongField("messages", message("\"role\": \"wizard\""), at: "messages[0].role"),
            WrongField("messages", message("\"role\": \"function\""), at: "messages[0].name"),
            WrongField("messages", message("\"role\": \"user\""), at: "messages[0].content"),
            WrongField(
                "messages", message("\"role\": \"user\", \"content\": 1"),
                at: "messages[0].content"),
            WrongField("messages", parts("1"), at: "messages[0].content[0]"),
            WrongField("messages", parts("{}"), at: "messages[0].content[0].type"),
            WrongField(
                "messages", parts("{\"type\": \"text\"}"), at: "messages[0].content[0].text"),
            WrongField(
                "messages",
                parts(
                    "{\"type\":\"text\",\"text\":\"a\"},{\"type\":\"image_url\",\"image_url\":\"u\"}"
                ),
                at: "messages[0].content[1]"),
            WrongField(
                "messages", parts("{\"type\": \"input_audio\"}"), at: "messages[0].content[0]"),
            WrongField(
                "messages", message("\"role\":\"user\",\"content\":\"a\",\"prefix\":true"),
                at: "messages[0].prefix"),
            WrongField(
                "messages",
                "[{\"role\":\"assistant\",\"content\":\"a\",\"prefix\":true},"
                    + "{\"role\":\"user\",\"content\":\"b\"}]",
                at: "messages[0].prefix"),
            WrongField(
                "messages", message("\"role\":\"tool\",\"content\":\"1\""),
                at: "messages[0].tool_call_id"),
            WrongField("messages", call("{}"), at: "messages[0].tool_calls[0].function"),
            WrongField(
                "messages", call("{\"function\":{\"name\":\"a b\"}}"),
                at: "messages[0].tool_calls[0].function.name"),
            WrongField(
                "messages", call("{\"function\":{\"name\":\"f\",\"arguments\":[]}}"),
                at: "messages[0].tool_calls[0].function.arguments"),
            WrongField("tools", "{}"),
            WrongField("tools", "[{\"type\":\"web_search\"}]", at: "tools[0].type"),
            WrongField("tools", "[{\"type\":\"function\"}]", at: "tools[0].function"),
            WrongField(
                "tools", "[{\"type\":\"function\",\"function\":{\"name\":\"\"}}]",
                at: "tools[0].function.name"),
            WrongField(
                "tools",
                "[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"parameters\":1}}]",
                at: "tools[0].function.parameters"),
            WrongField("tool_choice", "\"required\""), WrongField("tool_choice", "\"any\""),
            WrongField("tool_choice", "\"maybe\""), WrongField("tool_choice", "1"),
            WrongField("tool_choice", "{\"type\":\"function\",\"function\":{\"name\":\"f\"}}"),
            WrongField("functions", "[{}]", at: "functions[0].name"),
            WrongField("function_call", "{\"name\":\"f\"}"),
            WrongField("audio", "{\"voice\":\"a\"}"), WrongField("store", "true"),
            WrongField("guardrails", "[{}]"), WrongField("prompt_mode", "\"fast\""),
            WrongField("modalities", "[\"text\",\"audio\"]", at: "modalities[1]"),
            WrongField("reasoning_effort", "\"huge\""), WrongField("echo", "true"),
            WrongField("chat_template", "\"{{ 1 }}\""), WrongField("chat_template_kwargs", "[]"),
            WrongField(
                "chat_template_kwargs", "{\"messages\":[]}", at: "chat_template_kwargs.messages"),
        ]

    static let completion: [WrongField] =
        shared + integer("logprobs", "-1", "21") + integer("best_of", "0", "-1", "21")
        + bool("echo") + all("suffix", "1") + bool("add_special_tokens")
        + all("prompt", "null", "1", "{}", "[]", "true")
        + [
            WrongField("prompt", "[[]]", at: "prompt[0]"),
            WrongField("prompt", "[1, \"a\"]", at: "prompt[1]"),
            WrongField("prompt", "[\"a\", 1]", at: "prompt[1]"),
            WrongField("prompt", "[[1], \"a\"]", at: "prompt[1]"),
            WrongField("prompt", "[1, -1]", at: "prompt[1]"),
            WrongField("prompt", "[1, 1.5]", at: "prompt[1]"),
            WrongField("prompt", "[1, 1e18]", at: "prompt[1]"),
            WrongField("prompt", "[[1, 2147483648]]", at: "prompt[0][1]"),
            WrongField("prompt", array(of: "\"a\"", count: 257)),
        ]

    private static func array(of element: String, count: Int) -> String {
        "[" + Array(repeating: element, count: count).joined(separator: ",") + "]"
    }

    private static func message(_ members: String) -> String { "[{\(members)}]" }

    private static func parts(_ parts: String) -> String {
        message("\"role\": \"user\", \"content\": [\(parts)]")
    }

    private static func call(_ call: String) -> String {
        message("\"role\": \"assistant\", \"tool_calls\": [\(call)]")
    }
}

/// A request body with one member replaced or added.
func body(_ text: String, _ field: String, _ value: String) throws -> JSONObject {
    var object = try #require(try JSONParser.parse(text).objectValue)
    object[field] = try JSONParser.parse(value)
    return object
}

@Suite struct FieldTableTests {
    static let chat = #"{"model":"default","messages":[{"role":"user","content":"Hi"}]}"#
    static let completion = #"{"model":"default","prompt":"Hi"}"#

    @Test(arguments: WrongField.chat)
    func `a wrong chat field is an error that names it`(wrong: WrongField) throws {
        let body = try body(Self.chat, wrong.field, wrong.value)
        let error = #expect(throws: FieldError.self) {
            try ChatCompletionRequest(body, dialect: .openAI)
        }
        #expect(error?.path?.description == wrong.path)
        #expect(APIError.invalidRequest(try #require(error)).status(in: .openAI) == 400)
        #expect(APIError.invalidRequest(try #require(error)).status(in: .mistral) == 422)
    }

    @Test(arguments: WrongField.completion)
    func `a wrong completion field is an error that names it`(wrong: WrongField) throws {
        let body = try body(Self.completion, wrong.field, wrong.value)
        let error = #expect(throws: FieldError.self) {
            try CompletionRequest(body, dialect: .openAI)
        }
        #expect(error?.path?.description == wrong.path)
    }

    @Test(arguments: [
        WrongField("temperature", "1.51"), WrongField("top_p", "0"), WrongField("prefix", "1"),
    ])
    func `Mistral's narrower ranges hold in its dialect`(wrong: WrongField) throws {
        let body = try body(Self.chat, wrong.field, wrong.value)
        let limits = RequestLimits(isStrictMistral: true)
        let error = #expect(throws: FieldError.self) {
            try ChatCompletionRequest(body, dialect: .mistral, limits: limits)
        }
        #expect(error?.path?.description == wrong.path)
    }

    @Test(arguments: [
        "max_tokens", "max_completion_tokens", "min_tokens", "temperature", "top_p", "top_k",
        "min_p", "n", "seed", "random_seed", "stop", "stream", "stream_options", "logit_bias",
        "logprobs", "top_logprobs", "tools", "tool_choice", "response_format", "user", "metadata",
        "frequency_penalty", "presence_penalty", "repetition_penalty", "ignore_eos",
        "return_token_ids", "stop_token_ids", "chat_template_kwargs", "parallel_tool_calls",
    ])
    func `null is the same as absent`(field: String) throws {
        let plain = try #require(try JSONParser.parse(Self.chat).objectValue)
        let withNull = try body(Self.chat, field, "null")
        #expect(
            try ChatCompletionRequest(withNull, dialect: .openAI)
                == ChatCompletionRequest(plain, dialect: .openAI))
    }

    @Test func `unknown fields are ignored unless Mistral is strict`() throws {
        let body = try body(Self.chat, "frobnicate", "1")
        _ = try ChatCompletionRequest(body, dialect: .openAI)
        _ = try ChatCompletionRequest(body, dialect: .mistral)
        #expect(throws: FieldError.unknownField("frobnicate")) {
            try ChatCompletionRequest(
                body, dialect: .mistral, limits: RequestLimits(isStrictMistral: true))
        }
    }
}
