// SPDX-License-Identifier: Apache-2.0

import APIs
import JSON
import Testing

/// Fields of `/v1/responses` with values that they may not have.
@Suite struct ResponseFieldTests {
    private static let wrong: [WrongField] =
        WrongField.integer("max_output_tokens", "-2")
        + WrongField.integer("top_logprobs", "-1", "21")
        + WrongField.integer("max_tool_calls", "0", "-1") + WrongField.integer("top_k", "-2")
        + WrongField.number("temperature", "-0.01", "2.01")
        + WrongField.number("top_p", "-0.01", "1.01") + WrongField.bool("stream")
        + WrongField.bool("parallel_tool_calls")
        + WrongField.all("instructions", "1", "true", "[\"a\"]", "{}")
        + WrongField.all("previous_response_id", "1", "{}", "\"resp_1\"")
        + WrongField.all("truncation", "1", "\"none\"", "[]")
        + WrongField.all("user", "1", "{}") + WrongField.all("safety_identifier", "1", "[]")
        + WrongField.all("prompt_cache_key", "1", "{}")
        + WrongField.all("prompt_cache_retention", "1", "\"1h\"")
        + WrongField.all("service_tier", "1", "{}") + WrongField.all("metadata", "1", "\"a\"", "[]")
        + WrongField.all("include", "1", "\"a\"", "{}") + WrongField.all("text", "1", "\"a\"", "[]")
        + WrongField.all("reasoning", "1", "\"low\"", "[]")
        + WrongField.all("tools", "1", "{}", "\"a\"")
        + WrongField.all("tool_choice", "1", "[]", "\"some\"", "\"required\"")
        + WrongField.all("input", "1", "true", "{}") + WrongField.all("model", "1", "{}", "[]")
        + [
            WrongField("metadata", "{\"a\":[]}", at: "metadata.a"),
            WrongField("text", "{\"format\":1}", at: "text.format"),
            WrongField("text", "{\"format\":{}}", at: "text.format.type"),
            WrongField("text", "{\"verbosity\":1}", at: "text.verbosity"),
            WrongField("reasoning", "{\"effort\":1}", at: "reasoning.effort"),
            WrongField("reasoning", "{\"summary\":true}", at: "reasoning.summary"),
            WrongField(
                "stream_options", "{\"include_obfuscation\":1}",
                at: "stream_options.include_obfuscation"),
        ]

    @Test(arguments: wrong)
    func `a wrong value is an error that names its field`(field: WrongField) async throws {
        var body: JSONObject = ["model": "default", "input": "Hi"]
        body[field.field] = try JSONParser.parse(field.value)
        let reply = try await TestClient().post("/v1/responses", body.serialized())
        #expect(reply.status == 400)
        #expect(try reply.json["error"]?["param"]?.stringValue == field.path)
        let mistral = try await TestClient().post("/mistral/v1/responses", body.serialized())
        #expect(mistral.status == 422)
        #expect(try mistral.json["detail"]?[0]?["loc"]?[0] == "body")
    }

    private static let fields = [
        "input", "instructions", "previous_response_id", "store", "background", "conversation",
        "prompt", "max_output_tokens", "include", "text", "reasoning", "tools", "tool_choice",
        "parallel_tool_calls", "metadata", "truncation", "top_logprobs", "max_tool_calls",
        "stream", "stream_options", "user", "service_tier", "n", "seed", "stop", "messages",
        "context_management", "prompt_cache_key", "chat_template_kwargs", "response_format",
    ]

    private static let values = [
        "null", "true", "false", "0", "1", "-1", "1e18", "-9223372036854775808", "0.5", "\"\"",
        "\"a\"", "\"auto\"", "\"none\"", "\"required\"", "[]", "{}", "[null]", "[[]]", "[1]",
        "[{}]", "[{\"type\":\"message\"}]", "[{\"role\":\"user\",\"content\":[]}]",
        "[{\"role\":\"assistant\",\"content\":\"x\"}]", "[{\"type\":\"reasoning\"}]",
        "[{\"type\":\"reasoning\",\"summary\":[],\"encrypted_content\":\"cierzo1.!\"}]",
        "[{\"type\":\"function_call\",\"call_id\":\"\",\"name\":\"f\",\"arguments\":\"{\"}]",
        "[{\"type\":\"function_call_output\",\"call_id\":\"c\",\"output\":[]}]",
        "[{\"type\":\"item_reference\",\"id\":\"\"}]", "{\"type\":\"function\",\"name\":\"f\"}",
        "{\"type\":\"allowed_tools\",\"mode\":\"auto\",\"tools\":[]}",
        "[{\"type\":\"function\",\"name\":\"f\"}]", "[{\"type\":\"custom\",\"name\":\"c\"}]",
        "[{\"type\":\"namespace\",\"name\":\"n\",\"tools\":[{\"name\":\"f\"}]}]",
        "[{\"type\":\"namespace\",\"name\":\"n\",\"tools\":[{\"type\":\"namespace\"}]}]",
        "{\"format\":{\"type\":\"json_object\"}}", "{\"effort\":\"none\",\"summary\":\"auto\"}",
        "[\"message.output_text.logprobs\",\"reasoning.encrypted_content\"]", "{\"a\":\"b\"}",
    ]

    @Test(arguments: ["/v1/responses", "/mistral/v1/responses", "/v1/responses/input_tokens"])
    func `any values of any two fields have an answer`(path: String) async throws {
        let client = TestClient()
        for (place, field) in Self.fields.enumerated() {
            for (index, value) in Self.values.enumerated() {
                var body: JSONObject = ["model": "default", "input": "Hi"]
                body[field] = try JSONParser.parse(value)
                let other = Self.fields[(place + index) % Self.fields.count]
                let beside = Self.values[(place * 7 + index * 3) % Self.values.count]
                if other != field { body[other] = try JSONParser.parse(beside) }
                let reply = try await client.post(path, body.serialized())
                let isExpected = [200, 400, 422].contains(reply.status)
                #expect(isExpected, "\(body.serialized()) gave \(reply.status)")
            }
        }
    }
}
