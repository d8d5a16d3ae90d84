// SPDX-License-Identifier: Apache-2.0

import JSON

/// The fields of Mistral's own API, which refuses all others.
enum MistralSchema {
    private static let shared: Set<String> = [
        "model", "temperature", "top_p", "max_tokens", "min_tokens", "stop", "random_seed",
        "stream", "metadata", "prompt_cache_key",
    ]

    private static let chat = shared.union([
        "messages", "response_format", "tools", "tool_choice", "presence_penalty",
        "frequency_penalty", "n", "prediction", "parallel_tool_calls", "prompt_mode",
        "reasoning_effort", "safe_prompt", "guardrails", "service_tier", "logprobs",
        "top_logprobs", "prompt_logprobs", "top_prompt_logprobs", "top_k", "repetition_penalty",
    ])

    private static let fim = shared.union(["prompt", "suffix"])

    static func checkChat(_ body: JSONObject) throws(FieldError) { try check(body, chat) }

    static func checkFIM(_ body: JSONObject) throws(FieldError) { try check(body, fim) }

    private static func check(_ body: JSONObject, _ known: Set<String>) throws(FieldError) {
        for key in body.keys where !known.contains(key) { throw .unknownField(FieldPath(key)) }
    }
}
