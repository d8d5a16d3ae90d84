// SPDX-License-Identifier: Apache-2.0

extension EndpointContract {
    /// `POST /v1/responses`.
    static let response = EndpointContract(
        "Answer a text or a conversation with items.", takes: ResponseFields.list,
        gives: ResponseAnswers.response,
        streams: .object {
            FieldDeclaration("type", .string(), "The name of the event.").required
            FieldDeclaration("sequence_number", AnswerMembers.count, "Its place.").required
        })

    /// `POST /v1/responses/input_tokens`.
    static let countResponse = EndpointContract(
        "Count the tokens of a request for a response.", takes: ResponseFields.counting,
        gives: .object {
            FieldDeclaration("object", .choice(["response.input_tokens"]), "The kind.").required
            FieldDeclaration("input_tokens", AnswerMembers.count, "How many there are.").required
        })

    /// `GET /v1/responses/{id}`.
    static let storedResponse = EndpointContract(
        "Read a response that is stored.", gives: ResponseAnswers.response
    ).queried(StoredResponseFields.list).needing(.storage)

    /// `DELETE /v1/responses/{id}`.
    static let deletedResponse = EndpointContract(
        "Delete a response that is stored.",
        gives: .object {
            FieldDeclaration("id", .string(), "The response.").required
            FieldDeclaration("object", .choice(["response"]), "The kind.").required
            FieldDeclaration("deleted", .boolean, "Always true.").required
        }
    ).needing(.storage)

    /// `GET /v1/responses/{id}/input_items`.
    static let responseInput = EndpointContract(
        "List what a stored response was asked.",
        gives: .object {
            FieldDeclaration("object", .choice(["list"]), "The kind.").required
            FieldDeclaration("data", .array(of: .any), "The items.").required
            FieldDeclaration("first_id", .string(), "The first one's identity.").required
            FieldDeclaration("last_id", .string(), "The last one's identity.").required
            FieldDeclaration("has_more", .boolean, "Whether more follow.").required
        }
    ).queried(InputItemFields.list).needing(.storage)

    /// `POST /v1/responses/{id}/cancel`.
    static let cancelledResponse = EndpointContract(
        "Cancel a response in the background, of which there are none.",
        gives: ResponseAnswers.response
    ).needing(.storage)
}

/// The members of a response.
private enum ResponseAnswers {
    static let response = FieldKind.object {
        FieldDeclaration("id", .string(), "The identity.").required
        FieldDeclaration("object", .choice(["response"]), "The kind.").required
        FieldDeclaration("created_at", AnswerMembers.count, "Unix time in seconds.").required
        FieldDeclaration("completed_at", AnswerMembers.count.orNull, "When it ended.").required
        FieldDeclaration(
            "status", .choice(["completed", "incomplete", "failed", "in_progress"]),
            "How far it has come."
        ).required
        FieldList {
            FieldDeclaration("error", FieldKind.map(of: .any).orNull, "Why it failed.").required
            FieldDeclaration(
                "incomplete_details", FieldKind.map(of: .any).orNull, "Why it was cut."
            ).required
            FieldDeclaration("model", .string(), "The model that answers.").required
            FieldDeclaration("system_fingerprint", .string(), "The build and the weights.").required
            FieldDeclaration("output", .array(of: .map(of: .any)), "The items.").required
            FieldDeclaration("usage", FieldKind.map(of: .any).orNull, "The tokens.").required
        }
        repeated
    }

    /// What is repeated of the request.
    private static let repeated =
        [
            "background", "instructions", "max_output_tokens", "max_tool_calls", "metadata",
            "parallel_tool_calls", "previous_response_id", "prompt_cache_key", "reasoning",
            "safety_identifier", "service_tier", "store", "temperature", "text", "tool_choice",
            "tools", "top_logprobs", "top_p", "truncation", "user",
        ].map { FieldDeclaration($0, .any, "What the request said of it, or what held.").required }
        + [
            FieldDeclaration("prompt_cache_retention", .any, "What the request said of it."),
            AnswerMembers.cacheDiagnostics,
        ]
}
