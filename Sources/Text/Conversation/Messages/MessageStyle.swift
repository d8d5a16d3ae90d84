// SPDX-License-Identifier: Apache-2.0

import JSON

/// How a template wants its messages.
struct MessageStyle: Equatable {
    /// Whether contents are lists of parts rather than text.
    var usesParts = false

    /// Whether identities of tool calls must be nine letters or digits.
    var shortensCallIDs = false

    /// Whether the template knows the role `developer`, which otherwise becomes `system`.
    var knowsDevelopers = false

    /// Whether the template writes messages on channels, as gpt-oss has them: see ``ChannelMessages``.
    var hasChannels = false

    /// The conversation with what clients may leave out: the names of tools in their results, and
    /// the newer names of roles, where a template does not know the older or newer ones.
    func completed(_ messages: [Message]) -> [Message] {
        var names: [String: String] = [:]
        let completed = messages.map { message in
            for call in message.toolCalls {
                if let id = call.id { names[id] = call.name }
            }
            var message = message
            if message.role == .function { message.role = .tool }
            if message.role == .developer, !knowsDevelopers { message.role = .system }
            if message.role == .tool, message.name == nil {
                message.name = message.toolCallID.flatMap { names[$0] }
            }
            return message
        }
        return hasChannels ? ChannelMessages.arranged(completed) : completed
    }

    /// The message as a template sees it.
    ///
    /// Arguments of tool calls are parsed, as templates expect; those that are not JSON stay text.
    func context(of message: Message) -> JSONValue {
        var object: JSONObject = ["role": .string(message.role.rawValue)]
        if usesParts {
            object["content"] = .array(
                message.parts.map { .object(["type": "text", "text": .string($0)]) })
        } else {
            object["content"] = .string(message.text(joinedBy: "\n"))
        }
        if !message.toolCalls.isEmpty {
            object["tool_calls"] = .array(
                message.toolCalls.map { call in
                    var function: JSONObject = ["name": .string(call.name)]
                    function["arguments"] = call.parsedArguments
                    var entry: JSONObject = [:]
                    if let id = call.id {
                        entry["id"] = .string(
                            shortensCallIDs ? ToolCallIdentifier.shortened(id) : id)
                    }
                    entry["type"] = "function"
                    entry["function"] = .object(function)
                    return .object(entry)
                })
        }
        if let toolCallID = message.toolCallID {
            object["tool_call_id"] = .string(
                shortensCallIDs ? ToolCallIdentifier.shortened(toolCallID) : toolCallID)
        }
        if let name = message.name { object["name"] = .string(name) }
        for (key, value) in message.extra where object[key] == nil { object[key] = value }
        // Templates know a model's reasoning under one of two names.
        for key in Message.thinkingKeys {
            guard let reasoning = message.extra[key], reasoning != .null else { continue }
            if object["thinking"] == nil { object["thinking"] = reasoning }
            object["reasoning_content"] = reasoning
            break
        }
        return .object(object)
    }
}
