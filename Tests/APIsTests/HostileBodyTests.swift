// SPDX-License-Identifier: Apache-2.0

import APIs
import Generation
import JSON
import ServingSupport
import Testing

/// Bodies that nobody would write by hand; whatever they are, there is an answer.
@Suite struct HostileBodyTests {
    private static let fields = [
        "model", "messages", "prompt", "suffix", "tokens", "max_tokens", "max_completion_tokens",
        "min_tokens", "temperature", "top_p", "top_k", "min_p", "n", "best_of", "seed",
        "random_seed", "stop", "stop_token_ids", "stream", "stream_options", "logit_bias",
        "logprobs", "top_logprobs", "prompt_logprobs", "echo", "tools", "tool_choice",
        "response_format", "user", "metadata", "frequency_penalty", "presence_penalty",
        "repetition_penalty", "ignore_eos", "return_token_ids", "chat_template_kwargs",
        "include_stop_str_in_output", "stop_on_repetition", "parallel_tool_calls", "prediction",
        "safe_prompt",
        "add_generation_prompt", "continue_final_message", "add_special_tokens", "modalities",
        "n_predict", "num_predict", "max_new_tokens", "repeat_penalty", "repeat_last_n", "n_probs",
        "stop_sequences", "return_tokens", "num_ctx", "typical_p", "mirostat", "thinking",
        "function_call", "enable_thinking",
    ]

    private static let values = [
        "null", "true", "false", "0", "1", "-1", "2", "1e18", "-1e18", "9223372036854775807",
        "-9223372036854775808", "1e308", "1e-308", "0.1e-9223372036854775807", "1e-36", "0.5",
        "\"\"", "\"a\"", "\"\\u0000\"",
        "\"default\"", "[]", "{}", "[null]", "[[]]", "[1]", "[-1]", "[260]", "[[1],[2]]",
        "[\"a\",\"\"]", "[1e18]", "{\"0\":1}", "{\"-1\":0}", "{\"include_usage\":true}",
        "{\"type\":\"text\"}", "[{\"role\":\"user\",\"content\":\"x\"}]",
        "[{\"role\":\"assistant\",\"content\":\"\",\"prefix\":true}]",
        "[{\"role\":\"assistant\",\"tool_calls\":[]}]", "[{\"role\":\"user\",\"content\":[]}]",
        "[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}]", "[[[[[[[[1]]]]]]]]",
    ]

    private static let paths = [
        "/v1/chat/completions", "/mistral/v1/chat/completions", "/v1/completions",
        "/v1/fim/completions", "/v1/tokenize", "/v1/detokenize",
        "/v1/chat/completions/input_tokens",
    ]

    private static let base =
        #"{"model":"default","messages":[{"role":"user","content":"a"}],"prompt":"a","tokens":[1]}"#

    @Test(arguments: paths)
    func `any value of any field has an answer`(path: String) async throws {
        let client = TestClient(tokenizer: ByteTokenizer(fillsGaps: true))
        let base = try #require(try JSONParser.parse(Self.base).objectValue)
        for field in Self.fields {
            for value in Self.values {
                var body = base
                body[field] = try JSONParser.parse(value)
                let reply = try await client.post(path, body.serialized())
                let isExpected = [200, 400, 404, 422].contains(reply.status)
                #expect(isExpected, "\(path) \(field): \(value) gave \(reply.status)")
            }
        }
    }

    @Test func `any mixture of fields has an answer`() async throws {
        let client = TestClient()
        var generator = SplitMix(state: 7)
        for _ in 0..<3000 {
            var body = JSONObject()
            body["model"] = "default"
            for _ in 0..<Int.random(in: 1...6, using: &generator) {
                let field = try #require(Self.fields.randomElement(using: &generator))
                let value = try #require(Self.values.randomElement(using: &generator))
                body[field] = try JSONParser.parse(value)
            }
            let path = try #require(Self.paths.randomElement(using: &generator))
            let reply = try await client.post(path, body.serialized())
            let isExpected = [200, 400, 404, 422].contains(reply.status)
            #expect(isExpected, "\(path) \(body.serialized()) gave \(reply.status)")
        }
    }

    private struct SplitMix: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var value = state
            value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
            value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
            return value ^ (value >> 31)
        }
    }
}
