// SPDX-License-Identifier: Apache-2.0

import Conversation
import JSON

/// Reads one element of `messages`.
struct ChatMessageReader {
    private let fields: FieldReader
    private let limits: RequestLimits
    private let role: Message.Role
    private var parts: [String] = []

    /// An assistant's reasoning before the text, by the name that the client gave it.
    private var reasoning = JSONObject()

    /// The message of an object.
    static func message(
        _ fields: FieldReader, limits: RequestLimits
    ) throws(FieldError) -> Message {
        var reader = try ChatMessageReader(fields, limits: limits)
        return try reader.read()
    }

    private init(_ fields: FieldReader, limits: RequestLimits) throws(FieldError) {
        self.fields = fields
        self.limits = limits
        role = Message.Role(rawValue: try fields.require(MessageFields.role))
    }

    private mutating func read() throws(FieldError) -> Message {
        try readContent()
        let name = try fields.read(MessageFields.name)
        if role == .function { _ = try fields.require("name", name) }
        let toolCallID = try toolCallID()
        var calls = try toolCalls()
        if let call = try functionCall() { calls.append(call) }
        let isPrefix = try fields.read(MessageFields.isPrefix)
        if isPrefix, role != .assistant {
            throw .invalid(
                fields.path.appending("prefix"), expected: "false, for the role is not assistant")
        }
        try fields.refuse(MessageFields.audio)
        for field in MessageFields.reasonings {
            if let text = try fields.read(field) { reasoning[field.name] = .string(text) }
        }
        if parts.isEmpty, calls.isEmpty {
            // A tool that returned nothing has answered; an empty list is an empty text.
            let isResult = role == .tool || role == .function
            let isEmptyText = isResult || fields.value("content") != nil
            guard isEmptyText || role == .assistant, !isPrefix else {
                throw .missing(fields.path.appending("content"))
            }
            parts = [try fields.read(MessageFields.refusal) ?? ""]
        }
        return Message(
            role: role, parts: parts, toolCalls: calls, toolCallID: toolCallID, name: name,
            isPrefix: isPrefix, extra: reasoning)
    }

    private func toolCallID() throws(FieldError) -> String? {
        let id = try fields.read(MessageFields.toolCallID)
        if role == .tool, id == nil, !fields.object.contains("tool_call_id") {
            throw .missing(fields.path.appending("tool_call_id"))
        }
        return id
    }

    private func toolCalls() throws(FieldError) -> [ToolCall] {
        var calls: [ToolCall] = []
        for (value, path) in try fields.array("tool_calls", maxCount: limits.maxTools) ?? [] {
            guard role == .assistant else {
                throw .invalid(
                    fields.path.appending("tool_calls"),
                    expected: "no calls, for the role is not assistant")
            }
            calls.append(try Self.toolCall(FieldReader(value, at: path)))
        }
        return calls
    }

    /// The call of OpenAI's older API.
    private func functionCall() throws(FieldError) -> ToolCall? {
        guard let function = try fields.object("function_call"), !function.object.isEmpty else {
            return nil
        }
        guard role == .assistant else {
            throw .invalid(function.path, expected: "nothing, for the role is not assistant")
        }
        return try Self.call(of: function, id: nil)
    }

    private static func toolCall(_ fields: FieldReader) throws(FieldError) -> ToolCall {
        let type = try fields.string("type", oneOf: ["function", "custom"])
        let given = try fields.string("id", maxCharacters: 256)
        // The Mistral SDK writes "null" where there is no id.
        let id = given == "" || given == "null" ? nil : given
        guard type == "custom" else {
            return try call(of: fields.require("function", fields.object("function")), id: id)
        }
        let custom = try fields.require("custom", fields.object("custom"))
        let name = try custom.require("name", custom.string("name"))
        try ToolFields.checkName(name, at: custom.path.appending("name"))
        return ToolCall(
            id: id, name: name, arguments: try custom.require("input", custom.string("input")))
    }

    private static func call(
        of function: FieldReader, id: String?
    ) throws(FieldError) -> ToolCall {
        let name = try function.require("name", function.string("name"))
        try ToolFields.checkName(name, at: function.path.appending("name"))
        let arguments: String
        switch function.value("arguments") {
        case nil: arguments = "{}"
        case .string(let text)?: arguments = text
        // Mistral allows an object.
        case .object(let object)?: arguments = object.serialized()
        case let value?:
            throw .wrongType(
                function.path.appending("arguments"), expected: "a string or an object",
                found: value.kindName)
        }
        return ToolCall(id: id, name: name, arguments: arguments)
    }

    private mutating func readContent() throws(FieldError) {
        switch fields.value("content") {
        case nil: return
        case .string(let text)?:
            parts = [text]
            return
        case .array?: break
        case let value?:
            throw .wrongType(
                fields.path.appending("content"), expected: "a string or an array of parts",
                found: value.kindName)
        }
        var thoughts: [String] = []
        for (value, path) in try fields.array("content", maxCount: limits.maxContentParts) ?? [] {
            if case .string(let text) = value {
                parts.append(text)
                continue
            }
            let part = try FieldReader(value, at: path)
            let type = try part.require("type", part.string("type"))
            switch type {
            case "text", "input_text", "output_text":
                parts.append(try part.require("text", part.string("text")))
            case "refusal" where role == .assistant:
                parts.append(try part.require("refusal", part.string("refusal")))
            case "thinking" where role == .assistant, "reasoning" where role == .assistant:
                thoughts.append(try thought(part))
            // A system's is the pattern that the model shall think by.
            case "thinking" where role == .system:
                parts.append(try thought(part))
            // What an answer referred to, and what its maker alone can read, is no text of it.
            case "reference" where role == .assistant, "redacted_thinking" where role == .assistant:
                break
            default:
                throw .unsupported(
                    path,
                    reason: "content parts of type '\(EchoableText.of(type))' are not supported; "
                        + "this model takes text only")
            }
        }
        if !thoughts.isEmpty { reasoning["reasoning_content"] = .string(thoughts.joined()) }
    }

    /// The text of a thinking part: a string (LangChain calls it `reasoning`), or Mistral's list of
    /// text parts.
    private func thought(_ part: FieldReader) throws(FieldError) -> String {
        if let text = try part.string("reasoning") { return text }
        if case .string(let text)? = part.value("thinking") { return text }
        var text = ""
        for (value, path) in try part.array("thinking", maxCount: limits.maxContentParts) ?? [] {
            let chunk = try FieldReader(value, at: path)
            // References may stand among the texts.
            if let piece = try chunk.string("text") { text += piece }
        }
        return text
    }
}
