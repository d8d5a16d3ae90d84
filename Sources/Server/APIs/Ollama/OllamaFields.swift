// SPDX-License-Identifier: Apache-2.0

import JSON

/// The fields of Ollama's own API, and the members of its answers.
enum OllamaFields {
    private static let efforts = ["none", "minimal", "low", "medium", "high", "xhigh", "max"]

    /// What a picture shall look like.
    static let pictureFields = ["width", "height", "steps"]
    static let textOnly = "this model writes text only"

    /// Those that a chat and a completion share.
    private static let shared = FieldList {
        FieldDeclaration("model", .string(maxBytes: 1024), "Which model is asked.")
            .example("default").required
        FieldDeclaration("name", .string(maxBytes: 1024), "The same by its older name.")
            .example("default")
        FieldDeclaration("stream", .boolean, "Whether the answer comes in lines; it does.")
        FieldDeclaration(
            "format", .either([.values(["json"]), .map(of: .any)]), "JSON, or a schema.")
        FieldDeclaration(
            "think", .either([.boolean, .choice(efforts)]), "Whether the model thinks.")
        FieldDeclaration("logprobs", .boolean, "Whether log probabilities are told.")
        FieldDeclaration("top_logprobs", .integer(in: 0...20), "How many alternatives with each.")
        FieldDeclaration("keep_alive", .either([.string(), .number]), "Taken; the operator says.")
        FieldDeclaration.refused("images", reason: "this model takes text only")
        FieldDeclaration("options", .object(options), "How to generate.").example([:])
    }

    private static let options = FieldList {
        GenerationFields.list(leastMaxTokens: { $0.dialect.leastChatTokens }).declarations
            .filter { !["stream", "n", "num_ctx"].contains($0.name) }
        FieldDeclaration(
            "num_ctx", .integer(in: 0...GenerationOptions.maxTokenCount),
            "Taken; there is as much context as the model has."
        ).peers("n_ctx")
        FieldDeclaration("stream", .any, "Taken; whether there is a stream is said beside options.")
        FieldDeclaration("n", .values([1]), "An answer here is one.").peers("n_cmpl")
    }

    /// `POST /api/chat`.
    static let chat = FieldList {
        shared
        FieldDeclaration(
            "messages", .array(of: .object(message), maxCount: { $0.limits.maxMessages }),
            "The conversation so far."
        ).example([["role": "user", "content": "Hi"]])
        ToolFields.list
    }

    private static let message = FieldList {
        MessageFields.list.declarations.filter { $0.name != "prefix" }
        FieldDeclaration("prefix", .any, "Taken; not read.")
        FieldDeclaration("tool_name", .string(maxBytes: 256), "Which tool a result is of.")
        FieldDeclaration.refused("images", reason: "this model takes text only")
    }

    /// `POST /api/generate`.
    static let generate = FieldList {
        shared
        FieldDeclaration("prompt", .string(), "What is continued or answered.")
        FieldDeclaration("suffix", .string(), "The text after a gap.").beside(["prompt": "a"])
        FieldDeclaration("system", .string(), "What the model is told before.")
        FieldDeclaration("raw", .boolean, "Whether the prompt is a whole one already.")
        FieldDeclaration.refused("template", reason: "templates of clients are not accepted")
        pictureFields.map { FieldDeclaration.refused($0, reason: textOnly) }
        FieldDeclaration(
            "context", .array(of: .integer(in: 0...GenerationOptions.maxTokenCount)),
            "The ids of the conversation so far.")
    }

    /// `POST /api/show`.
    static let show = FieldList {
        FieldDeclaration("model", .string(maxBytes: 1024), "Which model is shown.")
            .example("default").required
        FieldDeclaration("name", .string(maxBytes: 1024), "The same by its older name.")
            .example("default")
        FieldDeclaration("verbose", .boolean, "Taken; there is no more.")
    }

    private static let ignored = ["options", "keep_alive"].map {
        FieldDeclaration.ignored($0, reason: "embeddings are computed in one way")
    }

    /// `POST /api/embed`.
    static let embed = FieldList {
        EmbeddingFields.list.declarations.map { $0.name == "model" ? $0.required : $0 }
        ignored
    }

    /// `POST /api/embeddings`.
    static let embedOne = FieldList {
        FieldDeclaration("model", .string(maxBytes: 1024), "Which model embeds.")
            .example("default").required
        FieldDeclaration("prompt", .string(), "The text.").example("a").required
        ignored
    }

    // MARK: Answers

    private static let said = FieldList {
        FieldDeclaration("thinking", .string(), "What the model thought.")
        FieldDeclaration("tool_calls", .array(of: .map(of: .any)), "The tools that are called.")
    }

    private static let ends = FieldList {
        FieldDeclaration("model", .string(), "The model, as the client calls it.").required
        FieldDeclaration("created_at", .string(), "When it was asked.").required
        FieldDeclaration("done", .boolean, "Whether this ends the answer.").required
        FieldDeclaration("done_reason", .choice(["stop", "length", "load"]), "Why it ended.")
        FieldDeclaration("context", AnswerMembers.ids, "The ids of the conversation.")
        FieldDeclaration("logprobs", .array(of: .map(of: .any)), "Of each token, if asked for.")
        [
            "total_duration", "load_duration", "prompt_eval_count", "prompt_eval_duration",
            "eval_count", "eval_duration",
        ].map { FieldDeclaration($0, AnswerMembers.count, "A count, or nanoseconds.") }
    }

    /// A line of a chat's answer, or all of it.
    static let chatAnswer = FieldKind.object {
        ends
        FieldDeclaration(
            "message",
            .object {
                FieldDeclaration("role", .choice(["assistant"]), "Who speaks.").required
                FieldDeclaration("content", .string(), "The text.").required
                said
            }, "What is said."
        ).required
    }

    /// A line of a completion, or all of it.
    static let completion = FieldKind.object {
        ends
        FieldDeclaration("response", .string(), "The text.").required
        said
    }

    static let models = FieldKind.object {
        FieldDeclaration("models", .array(of: .map(of: .any)), "A description of each.").required
    }
}

extension EndpointContract {
    private static func lines(
        _ summary: String, takes fields: FieldList, gives line: FieldKind
    ) -> EndpointContract {
        var contract = EndpointContract(summary, takes: fields, gives: line, streams: line)
        contract.streamType = "application/x-ndjson"
        return contract
    }

    static let ollamaChat = lines(
        "Answer a conversation (Ollama).", takes: OllamaFields.chat,
        gives: OllamaFields.chatAnswer)
    static let ollamaGenerate = lines(
        "Continue or answer a text (Ollama).", takes: OllamaFields.generate,
        gives: OllamaFields.completion)
    static let ollamaEmbed = EndpointContract(
        "Make vectors of texts (Ollama).", takes: OllamaFields.embed,
        gives: .object {
            FieldDeclaration("model", .string(), "The model, as the client calls it.").required
            FieldDeclaration("embeddings", .array(of: .any), "A vector for each.").required
            FieldDeclaration("total_duration", AnswerMembers.count, "In nanoseconds.").required
            FieldDeclaration("load_duration", AnswerMembers.count, "Always 0.").required
            FieldDeclaration("prompt_eval_count", AnswerMembers.count, "The tokens.").required
        })
    static let ollamaEmbedOne = EndpointContract(
        "Make a vector of a text (Ollama).", takes: OllamaFields.embedOne,
        gives: .object {
            FieldDeclaration("embedding", .array(of: .number), "The vector.").required
        })
    static let ollamaModels = EndpointContract(
        "List the models (Ollama).", gives: OllamaFields.models)
    static let ollamaShow = EndpointContract(
        "Describe a model (Ollama).", takes: OllamaFields.show, gives: .map(of: .any))
    static let ollamaVersion = EndpointContract(
        "The version of the API (Ollama).", gives: .map(of: .string()))
}
