// SPDX-License-Identifier: Apache-2.0

import JSON

/// The fields of `POST /v1/fim/completions`.
package enum FIMFields {
    static let model = ChatFields.model
    static let prompt = Field.string("prompt", "The text before the gap.")
        .example("def f(").required
    static let suffix = Field.string("suffix", "The text after the gap.").defaulting(to: "")

    static let refused: [FieldDeclaration] =
        [
            "tools", "logprobs", "n_probs", "top_logprobs", "prompt_logprobs", "messages", "echo",
            "logprob_token_ids",
        ].map { .refused($0, reason: reason) } + [
            .refused("best_of", neutral: [1, false, 0, "", [], [:]], reason: reason),
            .refused(
                "tool_choice", neutral: ["auto", "none", false, 0, "", [], [:]], reason: reason),
        ]
    static let reason = "not a field of fill-in-the-middle requests"

    /// All of them.
    package static let list = FieldList {
        model
        prompt
        suffix
        GenerationFields.list(
            leastMaxTokens: { _ in 0 }, output: OutputFields.refused(reason: reason))
        HintFields.list
        refused
    }
}

extension EndpointContract {
    /// `POST /v1/fim/completions`.
    static let fim = EndpointContract(
        "Fill the gap between a prompt and a suffix.", takes: FIMFields.list,
        gives: ChatAnswerMembers.answer, streams: ChatAnswerMembers.chunk)
}
