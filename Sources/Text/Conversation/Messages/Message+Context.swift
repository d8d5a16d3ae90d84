// SPDX-License-Identifier: Apache-2.0

import JSON

extension Message {
    /// The message as a template sees it.
    ///
    /// Arguments of tool calls are parsed, as templates expect; those that are not JSON stay text.
    func context(shortensCallIDs: Bool) -> JSONValue {
        var object: JSONObject = [
            "role": .string(role.rawValue), "content": .string(text(joinedBy: "\n")),
        ]
        if !toolCalls.isEmpty {
            object["tool_calls"] = .array(
                toolCalls.map { call in
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
        if let toolCallID {
            object["tool_call_id"] = .string(
                shortensCallIDs ? ToolCallIdentifier.shortened(toolCallID) : toolCallID)
        }
        if let name { object["name"] = .string(name) }
        for (key, value) in extra where object[key] == nil { object[key] = value }
        // Templates know a model's reasoning under one of two names.
        for key in ["reasoning_content", "thinking", "reasoning"] {
            guard let reasoning = extra[key], reasoning != .null else { continue }
            if object["thinking"] == nil { object["thinking"] = reasoning }
            object["reasoning_content"] = reasoning
            break
        }
        return .object(object)
    }
}

extension ToolCall {
    /// The arguments as a JSON value; text where they are not JSON, no arguments where it is empty.
    var parsedArguments: JSONValue {
        if arguments.isEmpty { return .object([:]) }
        do {
            return try JSONParser.parse(arguments)
        } catch {
            return .string(arguments)
        }
    }
}
