// SPDX-License-Identifier: Apache-2.0

/// Members that the answers of several families have.
package enum AnswerMembers {
    /// What an answer begins with.
    ///
    /// - Parameter object: what the kind of the answer is called.
    /// - Returns: identity, kind, time, model and build.
    static func header(_ object: String) -> [FieldDeclaration] {
        [
            FieldDeclaration("id", .string(), "The identity of the answer.").required,
            FieldDeclaration("object", .choice([object]), "The kind of the answer.").required,
            FieldDeclaration("created", .integer(in: 0...Int.max), "Unix time in seconds.")
                .required,
            FieldDeclaration("model", .string(), "The model that answers.").required,
            FieldDeclaration("system_fingerprint", .string(), "The build and the weights.")
                .required,
        ]
    }

    static let count = FieldKind.integer(in: 0...Int.max)
    static let ids = FieldKind.array(of: count)

    /// The token counts.
    static let usage = FieldKind.object {
        FieldDeclaration("prompt_tokens", count, "The tokens of the prompts.").required
        FieldDeclaration("completion_tokens", count, "The tokens of all choices.").required
        FieldDeclaration("total_tokens", count, "Both together.").required
        FieldDeclaration(
            "prompt_tokens_details",
            .object {
                FieldDeclaration(
                    "cached_tokens", count, "Those that were not computed again."
                ).required
                FieldDeclaration(
                    "cache_write_tokens", count, "Those that others will find."
                ).required
            }, "More of the prompts' tokens."
        ).required
        cacheDiagnostics
        FieldDeclaration(
            "completion_tokens_details",
            .object {
                FieldDeclaration(
                    "reasoning_tokens", count, "Those that the model thought with."
                ).required
                FieldDeclaration(
                    "accepted_prediction_tokens", count, "Those that a prediction had right.")
                FieldDeclaration(
                    "rejected_prediction_tokens", count, "Those that it was tried for in vain.")
            }, "More of the choices' tokens."
        ).required
    }

    /// Why not more of a prompt was found in the cache, where a request asks.
    static let cacheDiagnostics = FieldDeclaration(
        "prompt_cache_diagnostics",
        .object {
            FieldDeclaration(
                "type", .choice(["cache_hit", "cache_miss", "unavailable"]),
                "Whether all was found; else whether the input has changed, or why else not."
            )
            .required
            FieldDeclaration(
                "reason",
                .choice([
                    "input_changed", "evicted", "cache_salt_changed", "other_client", "not_seen",
                ]), "Why it was not.")
            FieldDeclaration(
                "first_different_token", count, "The first token that was not found as expected.")
            FieldDeclaration("cached_tokens", count, "The tokens that were found.").required
            FieldDeclaration("cache_missed_tokens", count, "The others.").required
        }, "Why not more of the prompt was found in the cache.")

    private static let probability: [FieldDeclaration] = [
        FieldDeclaration("token", .string(), "The token's text.").required,
        FieldDeclaration("logprob", .number, "The logarithm of its probability.").required,
        FieldDeclaration("bytes", .array(of: .integer(in: 0...255)), "Its exact bytes.").required,
        FieldDeclaration("token_id", count, "Its id.").required,
    ]

    /// A chat choice's log probabilities.
    static let logprobs = FieldKind.object {
        FieldDeclaration(
            "content",
            .array(
                of: .object {
                    probability
                    FieldDeclaration(
                        "top_logprobs", .array(of: .object { probability }),
                        "The most probable tokens in the same place."
                    ).required
                }), "A token each."
        ).required
        FieldDeclaration("refusal", .null, "Always null.").required
    }

    /// Calls of tools, or parts of them.
    static let calls = FieldKind.array(
        of: .object {
            FieldDeclaration("index", count, "The place among the calls.").required
            FieldDeclaration("id", .string(), "The identity of the call.")
            FieldDeclaration("type", .choice(["function", "custom"]), "The kind of the tool.")
            FieldDeclaration("function", function, "The function and its arguments.")
            FieldDeclaration(
                "custom",
                .object {
                    FieldDeclaration("name", .string(), "The tool.")
                    FieldDeclaration("input", .string(), "Its input.").required
                }, "The custom tool and its input.")
        })

    /// A function that is called.
    static let function = FieldKind.object {
        FieldDeclaration("name", .string(), "The function.")
        FieldDeclaration("arguments", .string(), "JSON text.").required
    }
}
