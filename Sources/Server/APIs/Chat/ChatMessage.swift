// SPDX-License-Identifier: Apache-2.0

package import JSON

/// One message of a conversation as a client wrote it.
package struct ChatMessage: Hashable, Sendable {
    /// Who speaks.
    package enum Role: String, Hashable, Sendable, CaseIterable {
        case system
        case developer
        case user
        case assistant
        case tool
    }

    /// A call of a tool that an earlier answer made.
    package struct ToolCall: Hashable, Sendable {
        /// The identity that the tool's result refers to; empty if the client gave none.
        package var id: String

        /// The function's name.
        package var name: String

        /// The arguments: a JSON text, or an object (which Mistral allows).
        package var arguments: JSONValue

        /// Creates a call.
        package init(id: String, name: String, arguments: JSONValue) {
            self.id = id
            self.name = name
            self.arguments = arguments
        }
    }

    /// Who speaks.
    package var role: Role

    /// The texts, in order; none only for an assistant that called tools.
    package var parts: [String]

    /// The calls of an assistant.
    package var toolCalls: [ToolCall] = []

    /// Which call a tool's message answers.
    package var toolCallID: String?

    /// The name of the speaker or of the tool.
    package var name: String?

    /// Whether the answer continues this assistant's text (Mistral).
    package var isPrefix = false

    /// An assistant's reasoning before the text, by the name that the client gave it.
    package var reasoning = JSONObject()

    /// Creates a message of texts.
    package init(_ role: Role, _ parts: String...) {
        self.role = role
        self.parts = parts
    }

    /// All of the text: the parts joined by line breaks; nil if there is none.
    package var content: String? {
        parts.isEmpty ? nil : parts.joined(separator: "\n")
    }
}

extension ChatMessage {
    /// Reads one element of `messages`.
    init(_ fields: FieldReader, limits: RequestLimits) throws(FieldError) {
        let name = try fields.require("role", fields.string("role"))
        switch name {
        case "function":
            throw .unsupported(
                fields.path.appending("role"),
                reason: "the role function is not supported; use tool")
        default:
            guard let known = Role(rawValue: name) else {
                throw .invalid(
                    fields.path.appending("role"),
                    expected: "one of 'system', 'developer', 'user', 'assistant', 'tool'")
            }
            role = known
        }
        parts = []
        try readContent(fields, limits: limits)
        self.name = try fields.string("name", maxCharacters: 256)
        try readCalls(fields, limits: limits)
        isPrefix = try fields.bool("prefix") ?? false
        if isPrefix, role != .assistant {
            throw .invalid(
                fields.path.appending("prefix"), expected: "false, for the role is not assistant")
        }
        try fields.refuse("function_call", reason: "not supported; use tool_calls")
        try fields.refuse("audio", reason: "audio is not supported by this server")
        for key in ["reasoning_content", "reasoning", "thinking"] {
            if let text = try fields.string(key) { reasoning[key] = .string(text) }
        }
        if parts.isEmpty, toolCalls.isEmpty {
            // A tool that returned nothing has answered; an empty list is an empty text.
            let isEmptyText = role == .tool || fields.value("content") != nil
            guard isEmptyText || role == .assistant, !isPrefix else {
                throw .missing(fields.path.appending("content"))
            }
            parts = [try fields.string("refusal") ?? ""]
        }
    }

    private mutating func readCalls(
        _ fields: FieldReader, limits: RequestLimits
    ) throws(FieldError) {
        toolCallID = try fields.string("tool_call_id", maxCharacters: 256)
        if role == .tool, toolCallID == nil, fields.object.contains("tool_call_id") == false {
            throw .missing(fields.path.appending("tool_call_id"))
        }
        for (value, path) in try fields.array("tool_calls", maxCount: limits.maxTools) ?? [] {
            guard role == .assistant else {
                throw .invalid(
                    fields.path.appending("tool_calls"),
                    expected: "no calls, for the role is not assistant")
            }
            toolCalls.append(try ToolCall(FieldReader(value, at: path)))
        }
    }

    private mutating func readContent(
        _ fields: FieldReader, limits: RequestLimits
    ) throws(FieldError) {
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
                thoughts.append(try Self.thought(part, limits: limits))
            // A system's is the pattern that the model shall think by.
            case "thinking" where role == .system:
                parts.append(try Self.thought(part, limits: limits))
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
    private static func thought(
        _ part: FieldReader, limits: RequestLimits
    ) throws(FieldError) -> String {
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

extension ChatMessage.ToolCall {
    init(_ fields: FieldReader) throws(FieldError) {
        _ = try fields.string("type", oneOf: ["function"])
        // The Mistral SDK writes "null" where there is no id.
        let id = try fields.string("id", maxCharacters: 256) ?? ""
        self.id = id == "null" ? "" : id
        let function = try fields.require("function", fields.object("function"))
        name = try function.require("name", function.string("name"))
        try ToolDefinition.checkName(name, at: function.path.appending("name"))
        switch function.value("arguments") {
        case nil: arguments = .string("{}")
        case let value? where value.stringValue != nil || value.objectValue != nil:
            arguments = value
        case let value?:
            throw .wrongType(
                function.path.appending("arguments"), expected: "a string or an object",
                found: value.kindName)
        }
    }
}
