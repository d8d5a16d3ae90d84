// SPDX-License-Identifier: Apache-2.0

import AnswerParsing
import Conversation
import JSON

/// Reads the items of a request, which become the messages of a conversation.
///
/// What an assistant thought, said and called comes as items of their own; neighbours of them are one
/// message, as chat formats want it.
struct ResponseInputReader {
    private let limits: RequestLimits
    private var messages: [Message] = []

    /// Whether the last message is an assistant's to which a further item of its turn belongs.
    private var isTurnOpen = false
    /// What was thought in the turn that is open, put together at its end.
    private var thoughts: [String] = []

    private static let roles = ["user", "assistant", "system", "developer"]

    /// The messages of a request.
    ///
    /// - Parameters:
    ///   - input: its items.
    ///   - limits: how large they may be.
    /// - Returns: at least one message.
    /// - Throws: `FieldError`, which names the item.
    static func messages(
        of input: ResponseInput, limits: RequestLimits
    ) throws(FieldError) -> [Message] {
        var reader = ResponseInputReader(limits: limits)
        for (value, path) in input.items { try reader.read(FieldReader(value, at: path)) }
        reader.closeTurn()
        guard !reader.messages.isEmpty else {
            throw .invalid(input.path, expected: "a text, or at least one item with content")
        }
        return reader.messages
    }

    private init(limits: RequestLimits) { self.limits = limits }

    private mutating func read(_ item: FieldReader) throws(FieldError) {
        let type = try item.string("type") ?? (item.value("role") == nil ? nil : "message")
        switch try item.require("type", type) {
        case "message": try readMessage(item)
        case "function_call": call(try functionCall(item))
        case "custom_tool_call": call(try customCall(item))
        case "function_call_output", "custom_tool_call_output": try readResult(item)
        case "reasoning": try readThinking(item)
        case let type:
            throw .unsupported(
                item.path,
                reason:
                    "items of type '\(EchoableText.of(type))' are not supported; only messages, "
                    + "calls of functions and custom tools with their outputs, and reasoning are")
        }
    }

    // MARK: Messages

    private mutating func readMessage(_ item: FieldReader) throws(FieldError) {
        let role = try item.require("role", item.string("role", oneOf: Self.roles))
        try item.refuse("prefix", reason: "not supported here; use /v1/chat/completions")
        try item.refuse("tool_calls", reason: "not read here; send items of type function_call")
        let message = try ChatMessageReader.message(item, limits: limits)
        guard role == "assistant" else {
            closeTurn()
            return messages.append(message)
        }
        // What was thought before, or called beside it, belongs to the same message.
        if isTurnOpen, let last = messages.indices.last, messages[last].parts.isEmpty {
            messages[last].parts = message.parts
            return
        }
        closeTurn()
        messages.append(message)
        isTurnOpen = true
    }

    /// Drops a turn in which nothing was said or called; its thoughts alone are no message.
    private mutating func closeTurn() {
        if isTurnOpen, let last = messages.last {
            if last.parts.isEmpty, last.toolCalls.isEmpty {
                messages.removeLast()
            } else if !thoughts.isEmpty {
                messages[messages.count - 1].extra["reasoning_content"] = .string(
                    thoughts.joined(separator: "\n\n"))
            }
        }
        thoughts = []
        isTurnOpen = false
    }

    /// The place of the assistant's message that is being put together.
    private mutating func turn() -> Int {
        if !isTurnOpen {
            messages.append(Message(role: .assistant, parts: []))
            isTurnOpen = true
        }
        return messages.count - 1
    }

    // MARK: Calls and their results

    private mutating func call(_ call: ToolCall) {
        let place = turn()
        messages[place].toolCalls.append(call)
    }

    private func functionCall(_ item: FieldReader) throws(FieldError) -> ToolCall {
        let arguments: String
        switch try item.require("arguments", item.value("arguments")) {
        case .string(let text): arguments = text
        case .object(let object): arguments = object.serialized()
        case let value:
            throw .wrongType(
                item.path.appending("arguments"), expected: "a string of JSON",
                found: value.kindName)
        }
        return ToolCall(id: try callID(item), name: try name(item), arguments: arguments)
    }

    private func customCall(_ item: FieldReader) throws(FieldError) -> ToolCall {
        let input = try item.require("input", item.string("input"))
        // As the model has written it.
        return ToolCall(
            id: try callID(item), name: try name(item), arguments: Tool.arguments(ofInput: input))
    }

    /// What the model calls the tool.
    private func name(_ item: FieldReader) throws(FieldError) -> String {
        let name = try item.require("name", item.string("name"))
        let namespace = try item.string("namespace") ?? ""
        let joined =
            namespace.isEmpty
            ? name : ToolFields.Member(namespace: namespace, name: name).joinedName
        try ToolFields.checkName(joined, at: item.path.appending("name"))
        return joined
    }

    private func callID(_ item: FieldReader) throws(FieldError) -> String {
        try item.require("call_id", item.string("call_id", maxCharacters: 256))
    }

    private mutating func readResult(_ item: FieldReader) throws(FieldError) {
        let id = try callID(item)
        let path = item.path.appending("output")
        var parts: [String] = []
        switch try item.require("output", item.value("output")) {
        case .string(let text): parts = [text]
        case .array(let values):
            for (value, path) in try FieldReader.elements(
                of: values, at: path, maxCount: limits.maxContentParts)
            {
                parts.append(try text(of: FieldReader(value, at: path)))
            }
        case let value:
            throw .wrongType(
                path, expected: "a string or an array of parts", found: value.kindName)
        }
        closeTurn()
        messages.append(
            Message(role: .tool, parts: parts.isEmpty ? [""] : parts, toolCallID: id))
    }

    private func text(of part: FieldReader) throws(FieldError) -> String {
        let type = try part.require("type", part.string("type"))
        guard ["input_text", "output_text", "text"].contains(type) else {
            throw .unsupported(
                part.path,
                reason: "content parts of type '\(EchoableText.of(type))' are not supported; "
                    + "this model takes text only")
        }
        return try part.require("text", part.string("text"))
    }

    // MARK: Thinking

    private mutating func readThinking(_ item: FieldReader) throws(FieldError) {
        let thoughts = try texts("content", of: item)
        let summary = try texts("summary", of: item)
        let sealed = try item.string("encrypted_content").flatMap(SealedThinking.text)
        let text =
            thoughts.isEmpty ? sealed ?? summary.joined(separator: "\n\n") : thoughts.joined()
        // What another server has encrypted cannot be read here.
        guard !text.isEmpty else { return }
        _ = turn()
        self.thoughts.append(text)
    }

    private func texts(_ key: String, of item: FieldReader) throws(FieldError) -> [String] {
        var texts: [String] = []
        for (value, path) in try item.array(key, maxCount: limits.maxContentParts) ?? [] {
            let part = try FieldReader(value, at: path)
            texts.append(try part.require("text", part.string("text")))
        }
        return texts
    }
}
