// SPDX-License-Identifier: Apache-2.0

import JSON

/// The fields of `POST /v1/completions`, and the members of its answers.
package enum CompletionFields {
    static let model = ChatFields.model
    static let prompt = FieldDeclaration(
        "prompt",
        .either([
            .string(), .array(of: .string(), minCount: 1, maxCount: { $0.limits.maxPrompts }),
            ids,
            .array(of: ids, minCount: 1, maxCount: { $0.limits.maxPrompts }),
        ]), "What is continued: a text, ids of tokens, or several of either."
    ).example("Once upon a time", ["a", "b"], [1, 2], [[1], [2]]).required
    private static let ids = FieldKind.array(
        of: .integer(in: 0...GenerationOptions.maxTokenCount), minCount: 1, maxCount: { _ in nil })

    static let bestOf = Field.integer(
        "best_of", within: { 1...Swift.max(1, Swift.min(20, $0.limits.maxChoices)) },
        "How many answers are generated, of which the best n are given.")
    static let logprobs = FieldDeclaration(
        "logprobs", .either([.integer(in: 0...20), .values([false])]),
        "How many alternatives of each token are told with its log probability.")
    static let probabilityCount = ChatFields.probabilityCount
    static let echoes = Field.boolean("echo", "Whether the prompt is a part of the answer.")
        .defaulting(to: false)
    static let suffix = Field.string("suffix", "The text after the gap that is to be filled.")
    static let addsSpecialTokens = Field.boolean(
        "add_special_tokens", "Whether a text gets the vocabulary's BOS in front."
    ).defaulting(to: true)

    static let refused: [FieldDeclaration] = [
        .refused("prompt_logprobs", reason: "not supported; use echo with logprobs"),
        .refused("top_logprobs", reason: "not read here; use logprobs"),
        .refused("tools", reason: "not read here; use /v1/chat/completions"),
        .refused("functions", reason: "not read here; use /v1/chat/completions"),
    ]

    /// All of them.
    package static let list = FieldList {
        model
        prompt
        GenerationFields.list(leastMaxTokens: { _ in 0 })
        FieldList {
            bestOf
            logprobs
            SamplerFields.logprobTokenIDs.beside(["logprobs": 1])
            probabilityCount
            echoes
            suffix
            addsSpecialTokens
        }
        HintFields.list
        refused
    }

    private static let reason = FieldKind.choice(["stop", "length", "error"])

    private static let probabilities = FieldKind.object {
        FieldDeclaration("tokens", .array(of: .string()), "The texts.").required
        FieldDeclaration(
            "token_logprobs", .array(of: FieldKind.number.orNull), "Their log probabilities."
        ).required
        FieldDeclaration(
            "top_logprobs", .array(of: FieldKind.map(of: .number).orNull), "The alternatives."
        ).required
        FieldDeclaration("text_offset", AnswerMembers.ids, "Where each begins.").required
    }

    /// The answer, and each event of a stream.
    static let answer = answer(ending: reason, isChunk: false)
    static let chunk = answer(ending: reason.orNull, isChunk: true)

    private static func answer(ending reason: FieldKind, isChunk: Bool) -> FieldKind {
        let usage = FieldDeclaration(
            "usage", isChunk ? AnswerMembers.usage.orNull : AnswerMembers.usage,
            "The token counts.")
        return .object {
            AnswerMembers.header("text_completion")
            FieldDeclaration(
                "choices",
                .array(
                    of: .object {
                        FieldDeclaration("index", AnswerMembers.count, "The place.").required
                        FieldDeclaration("text", .string(), "The text.").required
                        FieldDeclaration(
                            "logprobs", probabilities.orNull, "Of each token, if asked for."
                        ).required
                        FieldDeclaration("finish_reason", reason, "Why it ended.").required
                        FieldDeclaration("stop_reason", .string(), "More of the end.")
                        FieldDeclaration("token_ids", AnswerMembers.ids, "The generated ids.")
                        FieldDeclaration("tokens", AnswerMembers.ids, "The same.")
                        FieldDeclaration(
                            "prompt_token_ids", AnswerMembers.ids, "The ids of its prompt.")
                    }), "The continuations."
            ).required
            isChunk ? usage : usage.required
            FieldDeclaration("prompt_token_ids", AnswerMembers.ids, "The first prompt's ids.")
            FieldDeclaration("tokens", AnswerMembers.ids, "The first choice's ids.")
        }
    }
}

extension EndpointContract {
    /// `POST /v1/completions`.
    static let completion = EndpointContract(
        "Continue a text.", takes: CompletionFields.list, gives: CompletionFields.answer,
        streams: CompletionFields.chunk)
}
