// SPDX-License-Identifier: Apache-2.0

import AnswerParsing
package import Conversation
import Generation
package import JSON
import Serving

/// The body of `POST /v1/chat/completions`.
package struct ChatCompletionRequest: Hashable, Sendable {
    /// Which model is asked.
    package var model: String

    /// The conversation; never empty.
    package var messages: [Message]

    /// The tools that the model may call.
    package var calls: ToolFields

    /// How to generate.
    package var options: GenerationOptions

    /// Log probabilities of generated tokens: nil for none, else how many alternatives.
    package var topLogprobs: Int?

    /// The same for the prompt's tokens (Mistral).
    package var promptTopLogprobs: Int?

    /// Whether the prompt ends where an assistant's answer begins.
    package var addsGenerationPrompt = true

    /// Whether the answer continues the last message.
    package var continuesFinalMessage = false

    /// Variables for the chat template.
    package var templateArguments = JSONObject()
}

extension ChatCompletionRequest {
    /// Reads and checks the body.
    ///
    /// - Throws: `FieldError`, which names the field.
    package init(
        _ body: JSONObject, dialect: Dialect, limits: RequestLimits = .init()
    ) throws(FieldError) {
        let fields = FieldReader(body, by: FieldRules(dialect: dialect, limits: limits))
        model = try fields.require(ChatFields.model)
        messages = try Self.messages(fields, limits: limits)
        calls = try ToolFields(fields, limits: limits)
        options = try GenerationOptions(
            fields, dialect: dialect, limits: limits,
            leastMaxTokens: dialect.leastChatTokens)
        try readLogprobs(fields)
        try readTemplate(fields)
        try checkPrefix()
        try Self.checkHints(fields)
        try Self.refuseUnsupported(fields)
        if limits.isStrictMistral, let known = dialect.knownFields {
            try KnownFields.check(body, known.chat)
        }
    }

    /// Reads `messages` alone, as tokenizing and counting do.
    static func messages(
        _ fields: FieldReader, limits: RequestLimits
    ) throws(FieldError) -> [Message] {
        let elements = try fields.require(ChatFields.messages)
        guard !elements.isEmpty else {
            throw .invalid(fields.path.appending("messages"), expected: "at least one message")
        }
        var messages: [Message] = []
        messages.reserveCapacity(elements.count)
        for (value, path) in elements {
            let message = try ChatMessageReader.message(
                FieldReader(value, at: path, by: fields.rules), limits: limits)
            if message.isPrefix, messages.count != elements.count - 1 {
                throw .invalid(
                    path.appending("prefix"), expected: "true for the last message only")
            }
            messages.append(message)
        }
        nameFunctionCalls(in: &messages)
        return messages
    }

    /// Gives calls of OpenAI's older API that were answered an identity, by which formats know what
    /// a result answers.
    private static func nameFunctionCalls(in messages: inout [Message]) {
        var last: [String: (message: Int, call: Int)] = [:]
        for index in messages.indices {
            for (place, call) in messages[index].toolCalls.enumerated() where call.id == nil {
                last[call.name] = (index, place)
            }
            guard messages[index].role == .function, let name = messages[index].name,
                let place = last.removeValue(forKey: name)
            else { continue }
            let id = ToolCallIdentifier.shortened("call \(place)")
            messages[place.message].toolCalls[place.call].id = id
            messages[index].toolCallID = id
        }
    }

    private mutating func readLogprobs(_ fields: FieldReader) throws(FieldError) {
        topLogprobs = try Self.logprobs(fields, ChatFields.logprobs, ChatFields.topLogprobs)
        let count = try fields.read(ChatFields.probabilityCount)
        if count > 0 {
            if let topLogprobs, topLogprobs != count {
                throw .invalid(
                    fields.path.appending("n_probs"),
                    expected: "the same as top_logprobs (\(topLogprobs))")
            }
            topLogprobs = count
        }
        options.question.generation.logprobTokenIDs = try SamplerOptions.namedTokens(
            fields, beside: "logprobs: true", isOn: topLogprobs != nil)
        promptTopLogprobs = try Self.logprobs(
            fields, ChatFields.promptLogprobs, ChatFields.topPromptLogprobs)
        if promptTopLogprobs != nil, options.streams {
            throw .unsupported(
                fields.path.appending("prompt_logprobs"), reason: "not supported in a stream")
        }
    }

    private static func logprobs(
        _ fields: FieldReader, _ flag: DefaultedField<Bool>, _ count: Field<Int>
    ) throws(FieldError) -> Int? {
        let isOn = try fields.read(flag)
        let topCount = try fields.read(count)
        if !isOn, let topCount, topCount > 0 {
            throw .invalid(
                fields.path.appending(count.name),
                expected: "only together with \(flag.name): true")
        }
        return isOn ? topCount ?? 0 : nil
    }

    private mutating func readTemplate(_ fields: FieldReader) throws(FieldError) {
        let addsPrompt = try fields.read(ChatFields.addsGenerationPrompt)
        continuesFinalMessage = try fields.read(ChatFields.continuesFinalMessage)
        if continuesFinalMessage, addsPrompt == true {
            throw .invalid(
                fields.path.appending("continue_final_message"),
                expected: "not together with add_generation_prompt: true")
        }
        if messages.last?.isPrefix == true { continuesFinalMessage = true }
        if continuesFinalMessage, messages.last?.content == nil {
            throw .invalid(
                fields.path.appending("continue_final_message"),
                expected: "a last message with content")
        }
        addsGenerationPrompt = continuesFinalMessage ? false : addsPrompt ?? true
        templateArguments = try TemplateArguments.read(fields)
        if try fields.read(ChatFields.safePrompt) {
            messages.insert(Message(.system, Self.safePrompt), at: 0)
        }
    }

    /// The text that a client gives the answer would be no part of what is held to a form.
    private func checkPrefix() throws(FieldError) {
        if let output = options.output, continuesFinalMessage {
            throw .unsupported(
                output.path, reason: "not together with a prefix, which is a part of the answer")
        }
    }

    /// The tools for the prompt, as the client wrote them; empty if the model shall call none.
    package var tools: [JSONValue] { calls.definitions }

    /// What is asked of the answer's form.
    var plan: AnswerPlan { AnswerPlan(calls, options) }

    /// What Mistral's deprecated `safe_prompt` puts before a conversation.
    package static let safePrompt = """
        Always assist with care, respect, and truth. Respond with utmost utility yet securely. \
        Avoid harmful, unethical, prejudiced, or negative content. Ensure replies promote fairness \
        and positivity.
        """
}

extension ChatCompletionRequest {
    /// Checks the types of fields that do not change the answer.
    static func checkHints(_ fields: FieldReader) throws(FieldError) {
        try HintFields.check(fields)
    }

    static func refuseUnsupported(_ fields: FieldReader) throws(FieldError) {
        let hasFunctions = fields.value("functions").map { !$0.asksForNothing } ?? false
        let hasTools = fields.value("tools").map { !$0.asksForNothing } ?? false
        if !hasFunctions, let call = fields.value("function_call"), call != "auto",
            hasTools || call != "none"
        {
            throw .invalid(
                fields.path.appending("function_call"),
                expected: hasTools
                    ? "nothing beside tools, whose choice is tool_choice"
                    : "'auto' or 'none', for there are no functions")
        }
        for field in ChatFields.refused { try fields.refuse(field) }
    }
}
