// SPDX-License-Identifier: Apache-2.0

import JSON

/// The fields of Anthropic's Messages API.
package enum MessagesFields {
    static let roles = ["user", "assistant", "system"]

    /// The blocks that can be read, of whoever speaks.
    static let blockTypes = [
        "text", "tool_result", "search_result", "document", "thinking", "redacted_thinking",
        "tool_use",
    ]
    static let efforts = ["low", "medium", "high", "xhigh", "max"]
    static let thinkingTypes = ["enabled", "adaptive", "between_tools", "disabled"]
    static let displays = ["summarized", "omitted"]
    static let choices = ["auto", "any", "tool", "none"]
    static let serviceTiers = ["auto", "standard_only"]
    static let names = ["inference_geo", "user_profile_id", "workspace_id"]
    static let unbilled = ["billing_policy", "fallback_credit_token"]
    static let refused = ["container", "mcp_servers", "fallbacks", "thread", "compaction"]
    static let untold = [
        "logprobs", "top_logprobs", "prompt_logprobs", "n_probs", "logprob_token_ids", "best_of",
    ]

    /// Names of `max_tokens` elsewhere, which is required here.
    static let lengths = [
        "max_completion_tokens", "max_new_tokens", "max_output_tokens", "max_tokens_to_sample",
        "n_predict", "num_predict",
    ]

    /// Names that mean something else here than to ``GenerationOptions``.
    static let own = [
        "messages", "system", "thinking", "tools", "tool_choice", "metadata", "output_config",
        "output_format", "cache_control", "context_management", "container", "diagnostics",
    ]

    /// Those of `POST /v1/messages`.
    package static let list = list(isGenerating: true)

    /// Those of `POST /v1/messages/count_tokens`, which needs no limit of tokens.
    package static let counting = list(isGenerating: false)

    private static func list(isGenerating: Bool) -> FieldList {
        FieldList {
            ChatFields.model
            conversation
            tools
            answers
            hints
            generation(isGenerating: isGenerating)
        }
    }

    // MARK: The conversation

    private static let cacheControl = FieldDeclaration(
        "cache_control",
        .object {
            FieldDeclaration("type", .choice(["ephemeral"]), "The kind.").required
            FieldDeclaration("ttl", .choice(["5m", "1h"]), "Taken; memory decides.")
        }, "Taken; every prompt is cached as a whole."
    ).example(["type": "ephemeral"])

    /// Blocks of a text.
    private static let texts = FieldList {
        FieldDeclaration("type", .choice(["text"]), "What it is.").required
        FieldDeclaration("text", .string(), "The text.").required
        cacheControl
    }

    private static let document = FieldList {
        FieldDeclaration("type", .choice(["text", "content"]), "How it is given.").required
        FieldDeclaration("data", .string(), "The text.").required
        FieldDeclaration(
            "content", .either([.string(), .array(of: .object(texts))]), "The same as blocks."
        ).example([["type": "text", "text": "a"]], "a").beside(["type": "content"])
    }

    private static let blocks = FieldList {
        FieldDeclaration("type", .choice(blockTypes), "What it is.")
            .example("text").required
        FieldDeclaration("text", .string(), "The text of a text.").required
        cacheControl
        FieldDeclaration("is_error", .boolean, "Whether a tool has failed.")
        FieldDeclaration("title", .string(), "The title of a document or a finding.")
            .beside(["type": "search_result"])
        FieldDeclaration("context", .string(), "What a document is about.")
        FieldDeclaration(
            "source", .either([.object(document), .string()]),
            "A document, or where a finding is from."
        ).example(["type": "text", "data": "a"]).beside(["type": "document"])
        FieldDeclaration(
            "content", .either([.string(), .array(of: .object(texts))]),
            "What was found, or what a tool returned."
        ).example([["type": "text", "text": "a"]], "a").beside(["type": "search_result"])
        FieldDeclaration("tool_use_id", .string(maxBytes: 256), "Which call a result answers.")
        FieldDeclaration("thinking", .string(), "What the model thought.")
        FieldDeclaration("signature", .string(), "Taken; nothing is proven.")
        FieldDeclaration("data", .string(), "Taken; what only its maker can read.")
        FieldDeclaration("id", .string(maxBytes: 256), "The identity of a call.")
        FieldDeclaration("name", .string(), "The tool that is called.")
        FieldDeclaration("input", .map(of: .any), "The arguments of a call.")
    }

    private static let conversation = FieldList {
        FieldDeclaration(
            "messages",
            .array(
                of: .object {
                    FieldDeclaration("role", .choice(roles), "Who speaks.").required
                    FieldDeclaration(
                        "content",
                        .either([
                            .string(),
                            .array(of: .object(blocks), maxCount: { $0.limits.maxContentParts }),
                        ]), "What is said."
                    ).example("Hi").required
                }, maxCount: { $0.limits.maxMessages }), "The conversation so far."
        ).example([["role": "user", "content": "Hi"]], everyBlock, everyRole).required
        FieldDeclaration(
            "system", .either([.string(), .array(of: .object(texts))]),
            "What the model is told first."
        ).example([["type": "text", "text": "a"]], "a")
    }

    private static let everyBlock: JSONValue = [
        ["role": "user", "content": "Hi"],
        [
            "role": "assistant",
            "content": [
                ["type": "thinking", "thinking": "Hm.", "signature": "s"],
                ["type": "redacted_thinking", "data": "x"],
                ["type": "tool_use", "id": "1", "name": "f", "input": [:]],
            ],
        ],
        [
            "role": "user",
            "content": [
                ["type": "tool_result", "tool_use_id": "1", "content": "a"],
                [
                    "type": "document", "source": ["type": "text", "data": "a"], "title": "T",
                    "context": "C",
                ],
            ],
        ],
    ]
    private static let everyRole: JSONValue = [
        ["role": "user", "content": "Hi"], ["role": "system", "content": "a"],
        ["role": "assistant", "content": "b"],
    ]

    // MARK: Tools

    private static let someTools: JSONValue = [
        ["name": "f", "input_schema": ["type": "object"]]
    ]
    private static let ownTools: JSONValue = [
        ["type": "bash_20250124", "name": "bash"],
        ["type": "text_editor_20250728", "name": "edit"],
        ["type": "memory_20250818", "name": "memory"],
    ]

    private static let tools = FieldList {
        FieldDeclaration(
            "tools",
            .array(
                of: .object {
                    FieldDeclaration("type", .string(), "'custom', or a tool of Anthropic's.")
                        .example("custom")
                    FieldDeclaration("name", .string(), "The name.").example("f").required
                    FieldDeclaration("description", .string(), "What it does.")
                    FieldDeclaration("input_schema", .map(of: .any), "A schema of its input.")
                        .example(["type": "object"])
                    FieldDeclaration("input_examples", .array(of: .map(of: .any)), "Inputs.")
                        .example([["a": 1]])
                    FieldDeclaration("strict", .boolean, "Taken; inputs are always kept to it.")
                    FieldDeclaration("defer_loading", .boolean, "Taken; all tools are shown.")
                    FieldDeclaration(
                        "eager_input_streaming", .boolean, "Taken; inputs are always streamed.")
                    FieldDeclaration(
                        "allowed_callers", .array(of: .string()), "Who calls it; 'direct' must."
                    ).example(["direct"])
                    cacheControl
                }, maxCount: { $0.limits.maxTools }), "The tools that the model may call."
        ).example(someTools, ownTools)
        FieldDeclaration(
            "tool_choice",
            .object {
                FieldDeclaration("type", .choice(choices), "Whether tools are called.")
                    .example("auto").required
                FieldDeclaration("name", .string(), "Which of them.").example("f")
                    .beside(["type": "tool"])
                FieldDeclaration(
                    "disable_parallel_tool_use", .boolean, "Whether there is one call at most.")
            }, "Whether tools are called, or which."
        ).example(["type": "auto"], ["type": "any"]).beside(["tools": someTools])
    }

    // MARK: Answers

    private static let format = FieldKind.object {
        FieldDeclaration("type", .choice(["json_schema"]), "The kind.").required
        FieldDeclaration("schema", .map(of: .any), "The schema.").example(["type": "object"])
            .required
    }

    private static let answers = FieldList {
        FieldDeclaration(
            "thinking",
            .either([
                .object {
                    FieldDeclaration("type", .choice(["enabled"]), "The model thinks.")
                        .beside(["budget_tokens": 1]).required
                    FieldDeclaration(
                        "budget_tokens", .integer(in: 1...GenerationOptions.maxTokenCount),
                        "The most tokens of it; fewer than max_tokens."
                    ).beside(["type": "enabled"]).required
                },
                .object {
                    FieldDeclaration(
                        "type", .choice(thinkingTypes.filter { $0 != "enabled" }),
                        "Whether the model thinks."
                    ).required
                    FieldDeclaration("display", .choice(displays), "Whether it is told.")
                },
            ]), "Whether the model thinks before it answers; it does not where this is left out."
        ).example(["type": "adaptive"], ["type": "disabled"])
        FieldDeclaration(
            "output_config",
            .object {
                FieldDeclaration("effort", .choice(efforts), "How much the model thinks.")
                FieldDeclaration("format", format, "What the text that answers must look like.")
                    .example(["type": "json_schema", "schema": ["type": "object"]])
            }, "How the model answers."
        ).example(["effort": "low"])
        FieldDeclaration("output_format", format, "output_config.format, where the beta had it.")
            .example(["type": "json_schema", "schema": ["type": "object"]])
    }

    private static let hints = FieldList {
        cacheControl
        FieldDeclaration(
            "metadata",
            .object { FieldDeclaration("user_id", .string(maxBytes: 4096), "Who asks.") },
            "Taken; kept nowhere."
        ).example(["user_id": "u"])
        FieldDeclaration("service_tier", .choice(serviceTiers), "Taken; there is one.")
        FieldDeclaration("speed", .choice(["standard"]), "Taken; there is one.")
        names.map { FieldDeclaration($0, .string(maxBytes: 4096), "Taken; changes nothing.") }
        FieldDeclaration("diagnostics", .map(of: .any), "Taken; changes nothing.")
        unbilled.map { FieldDeclaration.ignored($0, reason: "nothing is billed here") }
        FieldDeclaration(
            "context_management",
            .object {
                FieldDeclaration(
                    "edits",
                    .array(
                        of: .object { FieldDeclaration("type", .string(), "The kind.").required },
                        maxCount: { _ in 64 }),
                    "What is left out of a long context: nothing ever is."
                ).example([["type": "clear_thinking_20251015"]])
            }, "How a context that grows is kept short."
        ).example(["edits": []])
        refused.map {
            FieldDeclaration.refused($0, reason: "not supported by this server; leave it out")
        }
        lengths.map {
            FieldDeclaration.refused($0, neutral: [-1], reason: "not read here; use max_tokens")
        }
        untold.map {
            FieldDeclaration.refused(
                $0, neutral: [1, false, 0, "", [], [:]],
                reason: "not told here; use /v1/chat/completions")
        }
    }

    /// What all generating endpoints share.
    private static func generation(isGenerating: Bool) -> [FieldDeclaration] {
        let shared = GenerationFields.list { $0.dialect.leastChatTokens }.declarations
        let mine = Set(
            (conversation.declarations + tools.declarations + answers.declarations
                + hints.declarations).map(\.name))
        return (shared + TemplateArguments.list.declarations).filter { !mine.contains($0.name) }
            .map { declaration in
                guard isGenerating, declaration.name == "max_tokens" else { return declaration }
                return declaration.example(16).required
            }
    }
}
