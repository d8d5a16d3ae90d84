// SPDX-License-Identifier: Apache-2.0

import JSON

/// The fields of `POST /v1/chat/completions`.
package enum ChatFields {
    static let model = Field.string(
        "model", maxBytes: 1024, "Which model is asked; 'default' for the first."
    ).example("default").required
    static let messages = Field.array(
        "messages", of: .object(MessageFields.list), minCount: 1,
        maxCount: { $0.limits.maxMessages },
        "The conversation so far."
    ).example(
        [["role": "user", "content": "Hi"]],
        [
            ["role": "user", "content": [["type": "text", "text": "Hi"]]],
            [
                "role": "assistant",
                "content": [
                    ["type": "thinking", "thinking": [["type": "text", "text": "Hm."]]],
                    ["type": "reasoning", "reasoning": "Hm."],
                    ["type": "refusal", "refusal": "No."],
                ],
            ],
            ["role": "user", "content": "Why?"],
        ]
    ).required

    // MARK: Log probabilities

    static let logprobs = Field.boolean(
        "logprobs", "Whether the log probability of each token is told."
    ).defaulting(to: false)
    static let topLogprobs = Field.integer(
        "top_logprobs", in: 0...20, "How many alternatives of each token are told with it."
    ).beside(["logprobs": true])
    // llama.cpp's name for both; 0 means none.
    static let probabilityCount = Field.integer(
        "n_probs", in: 0...20, "llama-server's name of logprobs and top_logprobs together."
    ).defaulting(to: 0)
    static let promptLogprobs = Field.boolean(
        "prompt_logprobs", "Whether the same is told of the prompt's tokens."
    ).defaulting(to: false)
    static let topPromptLogprobs = Field.integer(
        "top_prompt_logprobs", in: 0...20, "How many alternatives of each of them."
    ).beside(["prompt_logprobs": true])

    // MARK: How the conversation is rendered

    static let addsGenerationPrompt = Field.boolean(
        "add_generation_prompt", "Whether the prompt ends where an answer begins.")
    static let continuesFinalMessage = Field.boolean(
        "continue_final_message", "Whether the answer continues the last message."
    ).defaulting(to: false)
    static let safePrompt = Field.boolean(
        "safe_prompt", "Whether Mistral's text about safety stands before the conversation."
    ).defaulting(to: false)

    // MARK: What is not done

    static let refused: [FieldDeclaration] =
        ["audio", "web_search_options", "moderation", "guardrails"].map {
            .refused($0, reason: "not supported by this server")
        } + [
            .refused("store", reason: "this server stores nothing; leave it out or false"),
            .refused("echo", reason: "not supported for chat; use /v1/completions"),
            .refused(
                "best_of", neutral: [1, false, 0, "", [], [:]],
                reason: "not supported for chat; use n"),
            .refused(
                "add_special_tokens", reason: "not read here; the chat format has its own BOS"),
            .refused("suffix", reason: "not supported for chat"),
        ]

    /// All of them.
    package static let list = FieldList {
        model
        messages
        ToolFields.list
        GenerationFields.list(leastMaxTokens: { $0.dialect.leastChatTokens })
        FieldList {
            logprobs
            topLogprobs
            SamplerFields.logprobTokenIDs.beside(["logprobs": true])
            probabilityCount
            promptLogprobs
            topPromptLogprobs
        }
        FieldList {
            addsGenerationPrompt
            continuesFinalMessage
            safePrompt
            TemplateArguments.list
        }
        HintFields.list
        refused
    }
}
