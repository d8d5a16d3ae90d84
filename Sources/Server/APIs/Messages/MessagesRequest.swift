// SPDX-License-Identifier: Apache-2.0

import AnswerParsing
package import Conversation
import Generation
package import JSON
import Recognition
package import Serving

/// The body of `POST /v1/messages`, and of counting its tokens.
package struct MessagesRequest: Hashable, Sendable {
    /// Which model is asked.
    package var model: String

    /// The conversation, its system message first; never empty.
    package var messages: [Message]

    /// The tools that the model may call.
    package var calls: ToolFields

    /// How to generate.
    package var options: GenerationOptions

    /// Whether thinking is told of by a signature alone.
    package var omitsThinking = false

    /// Whether a client wants to know what was cut from its context, which nothing ever is.
    package var asksForEdits = false

    /// Variables for the chat template.
    package var templateArguments: JSONObject
}

extension MessagesRequest {
    /// Reads and checks the body.
    ///
    /// Beside Anthropic's fields, those that all generating endpoints share may be there (`seed`,
    /// `min_p`, `structured_outputs` and so on).
    ///
    /// - Parameters:
    ///   - body: the body.
    ///   - limits: how much may be asked for.
    ///   - generates: whether an answer is wanted, which must have a limit.
    /// - Throws: `FieldError`, which names the field.
    package init(
        _ body: JSONObject, limits: RequestLimits = .init(), generates: Bool = true
    ) throws(FieldError) {
        let fields = FieldReader(body)
        model = try fields.require("model", fields.string("model", maxCharacters: 1024))
        if generates { _ = try fields.require("max_tokens", fields.value("max_tokens")) }
        messages = try MessagesContent.read(fields, limits: limits)
        calls = try MessagesTools.read(fields, limits: limits)
        var shared = body
        for name in MessagesFields.own { shared[name] = nil }
        options = try GenerationOptions(
            FieldReader(shared), dialect: .anthropic, limits: limits,
            leastMaxTokens: Dialect.anthropic.leastChatTokens)
        templateArguments = try TemplateArguments.read(FieldReader(shared))
        try readOutput(fields)
        try readThinking(fields)
        try checkHints(fields)
        try refuseUnsupported(fields)
        if let output = options.output, messages.last?.isPrefix == true {
            throw .unsupported(
                output.path,
                reason: "not together with a last message of the assistant, which is a part of the "
                    + "answer")
        }
    }

    /// What the answer's text must look like, in the place for it or where it was in the beta.
    private mutating func readOutput(_ fields: FieldReader) throws(FieldError) {
        let config = try fields.object("output_config")
        for format in [
            try config?.object("format"), try fields.object("output_format"),
        ].compactMap({ $0 }) {
            _ = try format.require("type", format.string("type", oneOf: ["json_schema"]))
            let schema = try format.require("schema", format.object("schema"))
            let output = RequestedOutput(
                structure: .schema(.object(schema.object)), path: schema.path)
            if let known = options.output, known.structure != output.structure {
                throw .invalid(
                    schema.path, expected: "nothing here, for \(known.path) says something else")
            }
            options.output = options.output ?? output
        }
        if let effort = try config?.string("effort", oneOf: MessagesFields.efforts) {
            setArgument("reasoning_effort", .string(effort))
        }
    }

    /// Whether the model thinks, which it does only if it is asked to.
    private mutating func readThinking(_ fields: FieldReader) throws(FieldError) {
        let thinking = try fields.object("thinking")
        let type = try thinking.map { (thinking) throws(FieldError) in
            try thinking.require(
                "type", thinking.string("type", oneOf: MessagesFields.thinkingTypes))
        }
        omitsThinking =
            try thinking?.string("display", oneOf: MessagesFields.displays) == "omitted"
        // Who asks for it by another server's name wants it, too.
        if thinking == nil, templateArguments["enable_thinking"] == true { return }
        guard let thinking, let type, type != "disabled" else {
            setArgument("enable_thinking", false)
            options.thinking = ThinkingFields(isAllowed: false)
            return
        }
        var effort = "high"
        if type == "enabled" {
            let budget = try thinking.require(
                "budget_tokens",
                thinking.integer("budget_tokens", in: 1...GenerationOptions.maxTokenCount))
            if let limit = options.question.generation.maxTokens, budget >= limit {
                throw .invalid(
                    thinking.path.appending("budget_tokens"),
                    expected: "less than max_tokens (\(limit))")
            }
            options.thinking = ThinkingFields(isAllowed: true, budget: budget)
            effort = budget < 4096 ? "low" : budget < 16_384 ? "medium" : "high"
        }
        setArgument("enable_thinking", true)
        setArgument("reasoning_effort", .string(effort))
    }

    /// Gives the template a variable that the client has not given it by itself.
    private mutating func setArgument(_ name: String, _ value: JSONValue) {
        if !templateArguments.contains(name) { templateArguments[name] = value }
    }

    /// Checks the types of fields that do not change the answer.
    private mutating func checkHints(_ fields: FieldReader) throws(FieldError) {
        try Self.checkCacheControl(fields)
        if let metadata = try fields.object("metadata") {
            _ = try metadata.string("user_id", maxCharacters: 4096)
        }
        _ = try fields.string("service_tier", oneOf: MessagesFields.serviceTiers)
        for name in MessagesFields.names {
            _ = try fields.string(name, maxCharacters: 4096)
        }
        _ = try fields.object("diagnostics")
        guard let management = try fields.object("context_management") else { return }
        asksForEdits = true
        for (value, path) in try management.array("edits", maxCount: 64) ?? [] {
            let edit = try FieldReader(value, at: path)
            let type = try edit.require("type", edit.string("type"))
            // The others begin where a context is nearly full; prompts here are never cut.
            if type.hasPrefix("compact") {
                throw .unsupported(path, reason: "this server compacts no conversations")
            }
        }
    }

    private func refuseUnsupported(_ fields: FieldReader) throws(FieldError) {
        for name in MessagesFields.refused {
            try fields.refuse(name, reason: "not supported by this server; leave it out")
        }
        _ = try fields.string("speed", oneOf: ["standard"])
        if options.choiceCount != 1 {
            throw .unsupported(
                fields.path.appending("n"), reason: "an answer here is one message; leave it out")
        }
        for name in MessagesFields.lengths where ![nil, -1].contains(fields.value(name)) {
            throw .unsupported(fields.path.appending(name), reason: "not read here; use max_tokens")
        }
        for name in MessagesFields.untold
        where fields.value(name)?.doubleValue != 1 {
            try fields.refuse(name, reason: "not told here; use /v1/chat/completions")
        }
    }

    /// Checks where a client wants its prompt to be cached; all of each prompt is.
    static func checkCacheControl(_ fields: FieldReader) throws(FieldError) {
        guard let control = try fields.object("cache_control") else { return }
        _ = try control.require("type", control.string("type", oneOf: ["ephemeral"]))
        _ = try control.string("ttl", oneOf: ["5m", "1h"])
    }

    /// What is asked.
    package var question: Question {
        var question = options.asking([.chat(prompt)])
        question.plan.tools = calls.tools
        question.plan.choice = calls.choice
        question.plan.allowsParallelCalls = calls.allowsParallelCalls
        question.plan.allowsThinking = options.thinking.isAllowed
        question.generation.continuesText = prompt.continuesFinalMessage
        return question
    }

    /// The conversation.
    package var prompt: ChatPrompt {
        let continues = messages.last?.isPrefix ?? false
        return ChatPrompt(
            messages: messages, tools: calls.definitions, addsGenerationPrompt: !continues,
            continuesFinalMessage: continues, templateArguments: templateArguments)
    }

    /// Where its parts stand in the body.
    var questionFields: QuestionFields {
        QuestionFields(
            prompt: "messages", output: options.output?.path, tools: calls.inputPaths)
    }
}
