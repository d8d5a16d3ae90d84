// SPDX-License-Identifier: Apache-2.0

import AnswerParsing
package import Conversation
package import JSON
package import Serving

/// The body of `POST /v1/responses`, and of counting its tokens.
package struct ResponseRequest: Hashable, Sendable {
    /// Which model is asked; nil for the default one.
    package var model: String?

    /// The conversation, the instructions first; never empty.
    package var messages: [Message]

    /// The tools that the model may call.
    package var calls: ToolFields

    /// How to generate.
    package var options: GenerationOptions

    /// Log probabilities of the text: nil for none, else how many alternatives.
    package var topLogprobs: Int?

    /// Whether items of thoughts carry them for the client to send back.
    package var sealsThinking = false

    /// Whether thoughts are told as a summary, too.
    package var summarizesThinking = false

    /// Whether the oldest turns may be left out of a conversation that is too long.
    package var truncates: Bool

    /// Variables for the chat template.
    package var templateArguments: JSONObject

    /// What the response repeats of the request.
    package var settings: ResponseSettings

    /// All items that the model answers, those of earlier responses first.
    package var items: [JSONValue]

    /// Whether the response is to be kept.
    package var isStored = false
}

extension ResponseRequest {
    /// Reads and checks the body.
    ///
    /// - Parameters:
    ///   - body: the body.
    ///   - dialect: whose ranges hold.
    ///   - limits: how much may be asked for.
    ///   - agent: how the client calls itself.
    /// - Throws: `FieldError`, which names the field.
    package init(
        _ body: JSONObject, dialect: Dialect, limits: RequestLimits = .init(), agent: String = ""
    ) throws(FieldError) {
        try self.init(body, dialect: dialect, limits: limits, agent: agent, storage: nil)
    }

    /// Reads and checks the body, which may refer to what is stored.
    init(
        _ body: JSONObject, dialect: Dialect, limits: RequestLimits, agent: String,
        storage: StoredResponses?
    ) throws(FieldError) {
        let fields = FieldReader(body, by: FieldRules(dialect: dialect, limits: limits))
        model = try fields.read(ResponseFields.model)
        for field in ResponseFields.refused { try fields.refuse(field) }
        try ResponseFields.checkHints(fields)
        let input = try ResponseInput(fields, limits: limits, storage: storage)
        messages = try ResponseInputReader.messages(of: input, limits: limits)
        items = input.items.map(\.value)
        truncates = try fields.read(ResponseFields.truncation) == "auto"
        let ignored = ClientHabit.of(agent)?.needlessTools ?? []
        calls = try ToolFields(fields, limits: limits, as: .flat, ignoring: ignored)
        let shared = try Self.sharedFields(fields)
        options = try GenerationOptions(
            shared, dialect: dialect, limits: limits, leastMaxTokens: dialect.leastChatTokens)
        templateArguments = try TemplateArguments.read(shared)
        settings = try ResponseSettings(fields, calls, ignoring: ignored)
        try readInstructions(fields)
        try readOutput(fields)
        try readIncludes(fields)
        summarizesThinking = settings.summary != nil
        if storage == nil {
            try fields.refuse("store", reason: StoredResponses.absence + "leave it out or false")
        }
        isStored = try fields.bool("store") ?? (storage != nil)
        settings.members["store"] = .bool(isStored)
    }

    /// The conversation for the model.
    package var prompt: ChatPrompt {
        ChatPrompt(
            messages: messages, tools: calls.definitions, templateArguments: templateArguments)
    }

    /// What is asked of the answer's form.
    var plan: AnswerPlan { AnswerPlan(calls, options) }

    private mutating func readInstructions(_ fields: FieldReader) throws(FieldError) {
        guard let text = try fields.read(ResponseFields.instructions), !text.isEmpty else { return }
        messages.insert(Message(.system, text), at: 0)
    }

    private mutating func readOutput(_ fields: FieldReader) throws(FieldError) {
        guard let text = try fields.read(ResponseFields.text) else { return }
        _ = try text.read(ResponseFields.verbosity)
        guard let format = try text.object("format"),
            let output = try OutputFields.responseFormat(format, isFlat: true)
        else { return }
        if let known = options.output, known.structure != output.structure {
            throw .invalid(
                known.path, expected: "nothing here, for \(output.path) says something else already"
            )
        }
        options.output = output
    }

    private mutating func readIncludes(_ fields: FieldReader) throws(FieldError) {
        var names: Set<String> = []
        for (value, path) in try fields.read(ResponseFields.include) ?? [] {
            guard case .string(let name) = value else {
                throw .wrongType(path, expected: "a string", found: value.kindName)
            }
            guard ResponseFields.includes.contains(name) else {
                throw .invalid(
                    path, expected: "one of \(FieldReader.list(ResponseFields.includes))")
            }
            names.insert(name)
        }
        sealsThinking = names.contains(ResponseFields.thinkingInclude)
        let count = try fields.read(ResponseFields.topLogprobs) ?? 0
        // Whoever asks for alternatives wants to see them.
        if count > 0 || names.contains(ResponseFields.logprobsInclude) { topLogprobs = count }
    }
}

extension ResponseRequest {
    /// Members that mean something in this API, and elsewhere something else or nothing.
    private static let ownMembers = [
        "input", "instructions", "previous_response_id", "conversation", "background", "reasoning",
    ]

    /// The body as the APIs that share most fields have it.
    private static func sharedFields(_ fields: FieldReader) throws(FieldError) -> FieldReader {
        var object = fields.object
        for member in ownMembers { object[member] = nil }
        if let reasoning = try fields.read(ResponseFields.reasoning),
            let effort = try reasoning.read(ResponseFields.effort)
        {
            if let other = fields.value("reasoning_effort"), other != .string(effort) {
                throw .invalid("reasoning_effort", expected: "the same as reasoning.effort")
            }
            object["reasoning_effort"] = .string(effort)
        }
        return FieldReader(object, at: fields.path, by: fields.rules)
    }
}
