// SPDX-License-Identifier: Apache-2.0

import JSON

/// The fields of `POST /v1/decisions`.
package enum DecisionFields {
    /// The kinds of the items of an input.
    static let itemTypes = [
        "message", "function_call", "function_call_output", "custom_tool_call",
        "custom_tool_call_output",
    ]

    /// Who speaks in an input.
    static let roles = ["user", "assistant", "system", "developer"]

    static let input = Field.value(
        "input",
        .either([
            .array(of: .object(item), minCount: 1, maxCount: { $0.limits.maxMessages }), .string(),
        ]), "What the questions are about: a text, or a conversation."
    ).example(
        [["role": "user", "content": "It rains."]], "It rains.",
        [
            [
                "type": "message", "role": "user",
                "content": [
                    [
                        "type": "input_text", "text": "It rains.",
                        "prompt_cache_breakpoint": ["mode": "explicit"],
                    ],
                    ["type": "input_json", "data": ["mm": 3]],
                ],
            ],
            ["type": "function_call", "call_id": "a", "name": "look", "arguments": "{}"],
            ["type": "function_call_output", "call_id": "a", "output": "wet"],
            ["type": "custom_tool_call", "call_id": "b", "name": "feel", "input": "air"],
            ["type": "custom_tool_call_output", "call_id": "b", "output": "wet"],
            ["role": "assistant", "content": [["type": "refusal", "refusal": "No."]]],
        ]
    ).required
    static let questions = Field.array(
        "questions", of: .object(question), minCount: 1,
        maxCount: { _ in DecisionQuestion.mostQuestions }, "What is asked about the input."
    ).example(
        [["type": "predicate", "instructions": "It rains."]],
        [
            [
                "type": "choice", "name": "what", "instructions": "What is it?",
                "choices": [["value": "rain"], ["value": true, "description": "something"]],
            ],
            [
                "type": "score",
                "instructions": [
                    ["type": "input_text", "text": "How much?"],
                    ["type": "input_json", "data": [["mm": 3]]],
                ],
                "levels": [["label": "none"], ["label": "much", "description": "a lot"]],
            ],
        ]
    ).required
    static let safetyIdentifier = Field.string(
        "safety_identifier", maxBytes: 1_024, "Who asks, in the client's own words.")
    static let stream = FieldDeclaration.refused(
        "stream", reason: "decisions come all at once; leave it out")

    static let joint = FieldDeclaration.refused(
        "joint", reason: "each question is answered by itself; leave it out")

    /// All of them.
    package static let list = FieldList {
        ChatFields.model
        input
        questions
        safetyIdentifier
        CacheFields.list
        GenerationFields.returnsTokenIDs
        GenerationFields.priority
        GenerationFields.cacheSalt
        GenerationFields.timeLimit
        stream
        joint
    }

    private static let item = FieldList {
        FieldDeclaration("type", .choice(itemTypes), "What it is; a message where it is left out.")
        FieldDeclaration("role", .choice(roles), "Who speaks.").required
        FieldDeclaration(
            "content", texts(["input_text", "input_json", "output_text", "refusal"]),
            "What is said."
        ).example([["type": "input_text", "text": "It rains."]]).required
        FieldDeclaration("call_id", .string(maxBytes: 256), "The identity of a call.")
        FieldDeclaration("name", .string(), "The tool that is called.")
        FieldDeclaration("arguments", .string(), "The arguments of a call, as JSON.")
        FieldDeclaration("input", .string(), "The input of a custom tool's call.")
        FieldDeclaration(
            "output", .either([.string(), .array(of: .any)]), "What a call has given.")
    }

    private static let question = FieldList {
        FieldDeclaration("type", .choice(DecisionQuestion.types), "What is asked for.").required
        FieldDeclaration(
            "instructions", texts(["input_text", "input_json"]), "What is asked."
        ).example([["type": "input_text", "text": "It rains."]]).required
        FieldDeclaration("name", .string(maxBytes: 1_024), "What the client calls it.")
        FieldDeclaration(
            "choices",
            .array(
                of: .object {
                    FieldDeclaration(
                        "value", .either([.string(), .boolean]), "The option, unlike all others."
                    ).required
                    description
                }, minCount: 2, maxCount: { _ in DecisionQuestion.mostOptions }),
            "What to choose from."
        ).example([["value": "rain"], ["value": "snow"]]).beside(["type": "choice"])
        FieldDeclaration(
            "levels",
            .array(
                of: .object {
                    FieldDeclaration(
                        "label", .string(maxBytes: DecisionText.maxBytes), "The level's name."
                    ).required
                    description
                }, minCount: 2, maxCount: { _ in DecisionQuestion.mostOptions }),
            "The levels, the least first."
        ).example([["label": "none"], ["label": "much"]]).beside(["type": "score"])
    }

    private static let description = FieldDeclaration(
        "description", .string(maxBytes: DecisionText.maxBytes), "What it means.")

    /// A text, or parts of some types.
    private static func texts(_ types: [String]) -> FieldKind {
        .either([
            .array(
                of: .object {
                    FieldDeclaration("type", .choice(types), "What it is.").required
                    FieldDeclaration("text", .string(), "The text.")
                    if types.contains("refusal") {
                        FieldDeclaration("refusal", .string(), "The text of a refusal.")
                    }
                    if types.contains("input_json") {
                        FieldDeclaration(
                            "data", .either([.map(of: .any), .array(of: .map(of: .any))]),
                            "An object, or several.")
                    }
                    CacheFields.breakpoint
                }, maxCount: { $0.limits.maxContentParts }), .string(),
        ])
    }
}

extension EndpointContract {
    /// `POST /v1/decisions`.
    static let decisions = EndpointContract(
        "Answer typed questions about one input by the probabilities of their labels.",
        takes: DecisionFields.list,
        gives: .object {
            FieldDeclaration("model", .string(), "The model that answers.").required
            FieldDeclaration(
                "answers", .array(of: .object(DecisionAnswerMembers.answer)),
                "An answer to each question."
            ).required
            FieldDeclaration("usage", DecisionAnswerMembers.usage, "The token counts.").required
            AnswerMembers.cacheDiagnostics
        })
}

/// What answers to decisions consist of.
private enum DecisionAnswerMembers {
    static let share = FieldKind.number(in: 0...1)

    static let answer = FieldList {
        FieldDeclaration(
            "type", .choice(DecisionQuestion.types + ["refusal"]), "The question's type."
        ).required
        FieldDeclaration("name", FieldKind.string().orNull, "The question's name.").required
        FieldDeclaration("probability", share, "How likely a predicate is true.")
        FieldDeclaration("choice", .either([.string(), .boolean]), "The most likely option.")
        FieldDeclaration("score", .number, "The mean of the levels' numbers.")
        FieldDeclaration(
            "probabilities",
            .array(
                of: .object {
                    FieldDeclaration(
                        "value", .either([.string(), .boolean, AnswerMembers.count]),
                        "The option, or the level's number."
                    ).required
                    FieldDeclaration("label", .string(), "The level's name.")
                    FieldDeclaration("probability", share, "How likely it is.").required
                }), "The options or levels, in their order; they add up to 1.")
        FieldDeclaration(
            "confidence", share, "The best label's part of all that the model might have said.")
        FieldDeclaration(
            "label_mass", share, "All labels' part of all that the model might have said."
        ).required
        FieldDeclaration("prompt_token_ids", AnswerMembers.ids, "What the model has read.")
        FieldDeclaration(
            "labels",
            .array(
                of: .object {
                    FieldDeclaration("label", .string(), "The label.").required
                    FieldDeclaration("token_ids", AnswerMembers.ids, "Its ids.").required
                    FieldDeclaration("logprob", .number, "How likely they are.").required
                }), "What the answer is made of.")
    }

    static let usage = FieldKind.object {
        FieldDeclaration("input_tokens", AnswerMembers.count, "The tokens of all prompts.")
            .required
        FieldDeclaration(
            "input_tokens_details",
            .object {
                FieldDeclaration("cached_tokens", AnswerMembers.count, "Those that were found.")
                    .required
                FieldDeclaration(
                    "cache_write_tokens", AnswerMembers.count, "Those that others will find."
                ).required
            }, "More of them."
        ).required
        FieldDeclaration("output_tokens", AnswerMembers.count, "Always 0.").required
        FieldDeclaration(
            "output_tokens_details",
            .object {
                FieldDeclaration("reasoning_tokens", AnswerMembers.count, "Always 0.").required
            }, "More of them."
        ).required
        FieldDeclaration("total_tokens", AnswerMembers.count, "All together.").required
    }
}
