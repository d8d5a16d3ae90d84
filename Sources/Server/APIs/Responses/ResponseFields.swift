// SPDX-License-Identifier: Apache-2.0

import JSON

/// The fields of `POST /v1/responses`, and of counting the tokens of one.
package enum ResponseFields {
    static let model = Field.string(
        "model", maxBytes: 1024, "Which model is asked; 'default' for the first."
    ).example("default")
    private static let input = FieldDeclaration(
        "input", .any, "A text, or the items of a conversation: messages, calls and reasoning."
    ).example(
        "Hi",
        [
            ["role": "user", "content": [["type": "input_text", "text": "Hi"]]],
            [
                "type": "reasoning", "summary": [],
                "content": [["type": "reasoning_text", "text": "Hm."]],
            ],
            ["type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"],
            ["type": "function_call_output", "call_id": "c", "output": "1"],
        ]
    ).required
    static let instructions = Field.string("instructions", "What stands before the conversation.")
    static let previousResponse = Field.string(
        "previous_response_id", maxBytes: 256, "The stored response that the conversation goes on."
    ).example("")
    private static let store = FieldDeclaration(
        "store", .any, "Whether the response is kept; an error where nothing is stored."
    ).example(false)
    static let truncation = Field.choice(
        "truncation", of: ["auto", "disabled"],
        "Whether the oldest turns of a conversation that is too long are left out.")

    // MARK: The answer's form

    static let verbosity = Field.choice(
        "verbosity", of: ["low", "medium", "high"], "Taken; models here know no degrees of it.")
    static let text = Field.object(
        "text",
        of: FieldList {
            FieldDeclaration("format", .any, "The form of the text.")
                .example(["type": "json_object"])
            verbosity
        }, "What the text must look like.")
    static let effort = Field.choice(
        "effort", of: ["none", "minimal", "low", "medium", "high", "xhigh", "max"],
        "How much the model thinks, where its chat template knows degrees; none turns it off.")
    private static let styles = ["auto", "concise", "detailed"]
    static let summary = Field.choice(
        "summary", of: styles, "Whether thoughts are repeated as a summary.")
    static let formerSummary = Field.choice(
        "generate_summary", of: styles, "The former name of summary.")
    static let reasoning = Field.object(
        "reasoning",
        of: FieldList {
            effort
            summary
            formerSummary
        }, "How the model thinks, and what is told of it.")
    private static let tools: JSONValue = [["type": "function", "name": "f"]]

    // MARK: What is told

    static let logprobsInclude = "message.output_text.logprobs"
    static let thinkingInclude = "reasoning.encrypted_content"

    /// What can be included in an answer; all others belong to tools that a server runs itself.
    static let includes = [
        logprobsInclude, thinkingInclude, "file_search_call.results", "web_search_call.results",
        "web_search_call.action.sources", "message.input_image.image_url",
        "computer_call_output.output.image_url", "code_interpreter_call.outputs",
    ]
    static let include = Field.array(
        "include", of: .choice(includes), maxCount: { _ in 64 }, "What is told besides.")
    static let topLogprobs = Field.integer(
        "top_logprobs", in: 0...20, "How many alternatives of each token are told with it.")
    static let maxToolCalls = Field.integer(
        "max_tool_calls", in: 1...GenerationOptions.maxTokenCount,
        "Taken; it limits tools that a server runs itself, of which there are none.")
    static let metadata = Field.map("metadata", of: .string(), "What the answer repeats.")
    private static let hints = ["user", "safety_identifier", "service_tier"]
        .map { Field.string($0, maxBytes: 4096, "Taken; it changes no answer.") }

    /// Checks the types of fields that do not change the answer.
    static func checkHints(_ fields: FieldReader) throws(FieldError) {
        for hint in hints { _ = try fields.read(hint) }
        _ = try fields.read(maxToolCalls)
    }

    // MARK: What is not done

    private static let chat = "not supported here; use /v1/chat/completions"
    private static let completions = "not supported here; use /v1/completions"
    private static let refusals: [(name: String, reason: String)] = [
        ("background", "an answer is only computed while its client waits; send false"),
        ("background_options", "an answer is only computed while its client waits; leave it out"),
        ("conversation", "this server keeps no conversations; send all items in input"),
        ("prompt", "there are no stored prompts; send instructions and input"),
        ("context_management", "nothing is compacted here; leave it out"),
        ("moderation", "not supported by this server"),
        ("guardrails", "not supported by this server"),
        ("access_programs", "not supported by this server"),
        ("image", "this model takes text only"),
        ("personality", "not supported here; use instructions"),
        ("enable_response_messages", "not supported; leave it out"),
        ("previous_input_messages", "not read; use input"),
        ("messages", "not read; use input"),
        ("functions", "not read; use tools"),
        ("function_call", "not read; use tool_choice"),
        ("logprobs", "not read; use include: ['message.output_text.logprobs'] and top_logprobs"),
        ("n_probs", "not read; use top_logprobs"),
        ("prompt_logprobs", chat),
        ("logprob_token_ids", chat),
        ("continue_final_message", chat),
        ("safe_prompt", "not supported here; use instructions"),
        ("echo", completions),
        ("suffix", completions),
        ("add_special_tokens", "not read here; the chat format has its own BOS"),
    ]
    private static let one = "a response has one answer; send 1, or ask again"
    private static let flags =
        ["return_token_ids", "return_tokens"].map {
            FieldDeclaration.refused($0, neutral: [false], reason: chat)
        } + [FieldDeclaration.refused("add_generation_prompt", neutral: [true], reason: chat)]
    private static let counts = ["n", "n_cmpl", "best_of"].map {
        FieldDeclaration.refused($0, neutral: [1], reason: one)
    }

    /// Fields that ask for what cannot be done here.
    static let refused: [FieldDeclaration] =
        refusals.map { FieldDeclaration.refused($0.name, reason: $0.reason) } + flags + counts

    private static let own = FieldList {
        input
        instructions
        previousResponse
        store
        truncation
        FieldList {
            text
            reasoning
            FieldDeclaration("tools", .any, "The tools that the model may call.").example(tools)
            FieldDeclaration("tool_choice", .any, "Whether tools are called, or which.")
                .example("auto", ["type": "function", "name": "f"]).beside(["tools": tools])
            ToolFields.allowsParallelCalls
        }
        FieldList {
            include
            topLogprobs
            maxToolCalls
            metadata
            hints.map(\.declaration)
        }
        TemplateArguments.list
        refused
    }

    /// Those of all generating endpoints that mean the same here.
    private static let shared: [FieldDeclaration] = {
        let names = Set(own.names)
        return GenerationFields.list(leastMaxTokens: { $0.dialect.leastChatTokens }).declarations
            .filter { Set($0.names).isDisjoint(with: names) }
    }()

    /// All of them.
    package static let list = FieldList {
        model.required
        own
        shared
    }

    /// Those of counting, which need not name a model.
    package static let counting = FieldList {
        model
        own
        shared
    }
}
