// SPDX-License-Identifier: Apache-2.0

/// What the answers of Anthropic's Messages API have.
enum MessagesAnswers {
    private static let usage = FieldKind.object {
        FieldDeclaration("input_tokens", AnswerMembers.count, "Computed tokens of the prompt.")
            .required
        FieldDeclaration(
            "cache_creation_input_tokens", AnswerMembers.count, "Those that were kept besides."
        ).required
        FieldDeclaration(
            "cache_read_input_tokens", AnswerMembers.count, "Those that were found in the cache."
        ).required
        FieldDeclaration(
            "cache_creation",
            .object {
                FieldDeclaration("ephemeral_5m_input_tokens", AnswerMembers.count, "All.").required
                FieldDeclaration("ephemeral_1h_input_tokens", AnswerMembers.count, "None.").required
            }, "Those that were kept."
        ).required
        FieldDeclaration("output_tokens", AnswerMembers.count, "The tokens of the answer.")
            .required
        FieldDeclaration(
            "output_tokens_details",
            .object {
                FieldDeclaration("thinking_tokens", AnswerMembers.count, "Those of thinking.")
                    .required
            }, "More of them."
        ).required
        FieldDeclaration("server_tool_use", .null, "Always null.").required
        FieldDeclaration("service_tier", .choice(["standard"]), "There is one.").required
        AnswerMembers.cacheDiagnostics
    }

    private static let block = FieldKind.object {
        FieldDeclaration("type", .choice(["text", "thinking", "tool_use"]), "What it is.").required
        FieldDeclaration("text", .string(), "The text.")
        FieldDeclaration("citations", .null, "Always null.")
        FieldDeclaration("thinking", .string(), "What the model thought.")
        FieldDeclaration("signature", .string(), "What comes back with it.")
        FieldDeclaration("id", .string(), "The identity of a call.")
        FieldDeclaration("name", .string(), "The tool that is called.")
        FieldDeclaration("input", .map(of: .any), "Its arguments.")
    }

    private static let reason = FieldKind.choice([
        "end_turn", "max_tokens", "stop_sequence", "tool_use", "model_context_window_exceeded",
    ])

    private static let end = FieldList {
        FieldDeclaration("stop_reason", reason.orNull, "Why it ended.").required
        FieldDeclaration("stop_sequence", FieldKind.string().orNull, "What ended it.").required
        FieldDeclaration("stop_details", .null, "Always null.").required
        FieldDeclaration("container", .null, "Always null.").required
    }

    private static let edits = FieldDeclaration(
        "context_management",
        .object { FieldDeclaration("applied_edits", .array(of: .any), "Always none.").required },
        "What was left out of the context, for whoever asks.")

    /// A whole message.
    static let message = FieldKind.object {
        FieldDeclaration("id", .string(), "The identity of the message.").required
        FieldDeclaration("type", .choice(["message"]), "The kind of the answer.").required
        FieldDeclaration("role", .choice(["assistant"]), "Who speaks.").required
        FieldDeclaration("model", .string(), "The model that answers.").required
        FieldDeclaration("content", .array(of: block), "What it says.").required
        end
        FieldDeclaration("usage", usage, "The token counts.").required
        edits
    }

    /// The data of an event.
    static let event = FieldKind.object {
        FieldDeclaration(
            "type",
            .choice([
                "message_start", "ping", "content_block_start", "content_block_delta",
                "content_block_stop", "message_delta", "message_stop", "error",
            ]), "The kind of the event."
        ).required
        FieldDeclaration("message", message, "The message that begins.")
        FieldDeclaration("index", AnswerMembers.count, "The place of a block.")
        FieldDeclaration("content_block", block, "The block that begins.")
        FieldDeclaration("delta", .map(of: .any), "What is added.")
        FieldDeclaration("usage", usage, "The token counts.")
        edits
        FieldDeclaration("error", .map(of: .string()), "What went wrong.")
        FieldDeclaration("request_id", FieldKind.string().orNull, "The request's identity.")
    }
}

extension EndpointContract {
    /// `POST /v1/messages`.
    static let messages = EndpointContract(
        "Answer a conversation, as Anthropic's API does.", takes: MessagesFields.list,
        gives: MessagesAnswers.message, streams: MessagesAnswers.event)

    /// What clients tell of themselves.
    static let clientEvents = EndpointContract(
        "Taken; nobody reads it.", takes: FieldList {}, gives: .map(of: .any))

    /// `POST /v1/messages/count_tokens`.
    static let countMessageTokens = EndpointContract(
        "Count the tokens of a conversation, as Anthropic's API does.",
        takes: MessagesFields.counting,
        gives: .object {
            FieldDeclaration("input_tokens", AnswerMembers.count, "How many there are.").required
            FieldDeclaration(
                "context_management",
                .object {
                    FieldDeclaration("original_input_tokens", AnswerMembers.count, "The same.")
                        .required
                }, "What is left of the context, for whoever asks.")
        })
}
