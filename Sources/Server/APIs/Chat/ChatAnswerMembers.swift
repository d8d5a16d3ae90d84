// SPDX-License-Identifier: Apache-2.0

/// What the answers to chats have, and what fills a gap.
enum ChatAnswerMembers {
    private static let thought = FieldKind.object {
        FieldDeclaration("type", .choice(["thinking", "text"]), "What the part is.").required
        FieldDeclaration("text", .string(), "The text.")
        FieldDeclaration(
            "thinking",
            .array(
                of: .object {
                    FieldDeclaration("type", .choice(["text"]), "A text.").required
                    FieldDeclaration("text", .string(), "The text.").required
                }), "What was thought.")
        FieldDeclaration("closed", .boolean, "Whether thinking ended.")
    }

    private static let content = FieldDeclaration(
        "content", .either([.string(), .null, .array(of: thought)]),
        "The text, or with thinking in Mistral's dialect the parts.")

    private static let message = FieldKind.object {
        FieldDeclaration("role", .choice(["assistant"]), "Who speaks.").required
        content.required
        FieldDeclaration("refusal", .null, "Always null.").required
        FieldDeclaration("tool_calls", AnswerMembers.calls.orNull, "The tools that are called.")
            .required
        FieldDeclaration("function_call", AnswerMembers.function, "The same in the older API.")
        FieldDeclaration("reasoning_content", .string(), "What the model thought.")
    }

    private static let reason = FieldKind.choice([
        "stop", "length", "model_length", "tool_calls", "function_call", "error",
    ])

    private static let ends = FieldList {
        FieldDeclaration("stop_reason", .string(), "What else is to be said of the end.")
        FieldDeclaration("token_ids", AnswerMembers.ids, "The generated ids, if asked for.")
        FieldDeclaration("tokens", AnswerMembers.ids, "The same by llama-server's name.")
    }

    private static let tails = FieldList {
        FieldDeclaration("prompt_token_ids", AnswerMembers.ids, "The prompt's ids, if asked for.")
        FieldDeclaration("tokens", AnswerMembers.ids, "The generated ids, if asked for.")
    }

    /// The whole answer.
    static let answer = FieldKind.object {
        AnswerMembers.header("chat.completion")
        FieldDeclaration(
            "choices",
            .array(
                of: .object {
                    FieldDeclaration("index", AnswerMembers.count, "The place.").required
                    FieldDeclaration("message", message, "What the model says.").required
                    FieldDeclaration(
                        "logprobs", AnswerMembers.logprobs.orNull, "Of each token, if asked for."
                    ).required
                    FieldDeclaration("finish_reason", reason, "Why it ended.").required
                    FieldDeclaration(
                        "prompt_logprobs", AnswerMembers.logprobs, "Of each token of the prompt.")
                    ends
                }), "The answers."
        ).required
        FieldDeclaration("usage", AnswerMembers.usage, "The token counts.").required
        tails
    }

    /// The data of an event.
    static let chunk = FieldKind.object {
        AnswerMembers.header("chat.completion.chunk")
        FieldDeclaration(
            "choices",
            .array(
                of: .object {
                    FieldDeclaration("index", AnswerMembers.count, "The place.").required
                    FieldDeclaration("delta", delta, "What is added.").required
                    FieldDeclaration(
                        "logprobs", AnswerMembers.logprobs.orNull, "Of each token, if asked for."
                    ).required
                    FieldDeclaration("finish_reason", reason.orNull, "Why it ended, or null.")
                        .required
                    ends
                }), "What is added to the answers."
        ).required
        FieldDeclaration(
            "usage", AnswerMembers.usage.orNull, "The token counts, where they are told.")
        tails
    }

    private static let delta = FieldKind.object {
        FieldDeclaration("role", .choice(["assistant"]), "Who speaks.")
        content
        FieldDeclaration("reasoning_content", .string(), "What the model thought more.")
        FieldDeclaration("tool_calls", AnswerMembers.calls, "Calls that begin or go on.")
        FieldDeclaration("function_call", AnswerMembers.function, "The same in the older API.")
    }
}

extension EndpointContract {
    /// `POST /v1/chat/completions`.
    static let chat = EndpointContract(
        "Answer a conversation.", takes: ChatFields.list, gives: ChatAnswerMembers.answer,
        streams: ChatAnswerMembers.chunk)
}
