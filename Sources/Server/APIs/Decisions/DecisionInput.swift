// SPDX-License-Identifier: Apache-2.0

import Conversation
import JSON

/// Reads `input`: what the questions are about, as a conversation.
struct DecisionInput {
    private let limits: RequestLimits
    private var messages: [Message] = []

    /// The calls that have no output yet.
    private var openCalls: Set<String> = []

    /// The messages of the field.
    ///
    /// - Throws: `FieldError`, which names the field.
    static func messages(
        _ fields: FieldReader, limits: RequestLimits
    ) throws(FieldError) -> [Message] {
        switch try fields.require(DecisionFields.input) {
        case .string(let text): return [Message(.user, text)]
        case .array: break
        case let value:
            throw .wrongType(
                "input", expected: "a string or an array of messages", found: value.kindName)
        }
        var reader = DecisionInput(limits: limits)
        for (value, path) in try fields.array("input", maxCount: limits.maxMessages) ?? [] {
            try reader.read(FieldReader(value, at: path))
        }
        guard !reader.messages.isEmpty else {
            throw .invalid("input", expected: "at least one message")
        }
        return reader.messages
    }

    private init(limits: RequestLimits) { self.limits = limits }

    private mutating func read(_ item: FieldReader) throws(FieldError) {
        switch try item.string("type", oneOf: DecisionFields.itemTypes) ?? "message" {
        case "function_call": try readCall(item, arguments: "arguments")
        case "custom_tool_call": try readCall(item, arguments: "input")
        case "function_call_output", "custom_tool_call_output": try readOutput(item)
        default: try readMessage(item)
        }
    }

    private mutating func readMessage(_ item: FieldReader) throws(FieldError) {
        let role = try item.require("role", item.string("role", oneOf: DecisionFields.roles))
        let types =
            switch role {
            case "user": ["input_text", "input_json"]
            case "assistant": ["output_text", "refusal"]
            default: ["input_text"]
            }
        let parts = try DecisionText.parts("content", item, types: types, limits)
        messages.append(
            Message(
                role: Message.Role(rawValue: role), parts: try item.require("content", parts)))
    }

    /// Adds a call to the assistant's message that it belongs to.
    private mutating func readCall(
        _ item: FieldReader, arguments key: String
    ) throws(FieldError) {
        let id = try item.require("call_id", item.string("call_id", maxCharacters: 256))
        let name = try item.require("name", item.string("name"))
        try ToolFields.checkName(name, at: item.path.appending("name"))
        let call = ToolCall(
            id: id, name: name, arguments: try item.require(key, item.string(key)))
        openCalls.insert(id)
        if let last = messages.indices.last, messages[last].role == .assistant {
            messages[last].toolCalls.append(call)
        } else {
            messages.append(Message(role: .assistant, parts: [], toolCalls: [call]))
        }
    }

    private mutating func readOutput(_ item: FieldReader) throws(FieldError) {
        let id = try item.require("call_id", item.string("call_id", maxCharacters: 256))
        guard openCalls.remove(id) != nil else {
            throw .invalid(
                item.path.appending("call_id"),
                expected: "the call_id of an earlier call that has no output yet")
        }
        let parts = try DecisionText.parts("output", item, types: ["input_text"], limits)
        let text = try item.require("output", parts).joined(separator: "\n")
        messages.append(Message(.tool, text, toolCallID: id))
    }
}
