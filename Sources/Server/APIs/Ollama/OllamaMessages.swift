// SPDX-License-Identifier: Apache-2.0

import Conversation
import JSON

/// Reads `messages` of Ollama's API, which are those of a chat but for results of tools: they name
/// the tool instead of the call.
struct OllamaMessages {
    private let limits: RequestLimits

    /// What was read so far.
    private var messages: [Message] = []

    /// The calls that have not been answered, in their order.
    private var pending: [(name: String, id: String)] = []

    private var callCount = 0

    /// The messages of a body; none if the client only wants its model loaded.
    static func read(
        _ fields: FieldReader, limits: RequestLimits
    ) throws(FieldError) -> [Message] {
        var reader = OllamaMessages(limits: limits)
        for (value, path) in try fields.array("messages", maxCount: limits.maxMessages) ?? [] {
            try reader.read(FieldReader(value, at: path))
        }
        return reader.messages
    }

    private init(limits: RequestLimits) { self.limits = limits }

    private mutating func read(_ fields: FieldReader) throws(FieldError) {
        try fields.refuse("images", reason: "this model takes text only")
        var object = fields.object
        if let name = try fields.string("tool_name", maxCharacters: 256) {
            object["name"] = .string(name)
        }
        object["tool_name"] = nil
        object["prefix"] = nil
        if object["role"] == "tool", fields.value("tool_call_id") == nil {
            let id = answered(by: object["name"]?.stringValue)
            object["tool_call_id"] = id.map { JSONValue.string($0) } ?? .null
        }
        var message = try ChatMessageReader.message(
            FieldReader(object, at: fields.path), limits: limits)
        if let id = message.toolCallID { pending.removeAll { $0.id == id } }
        for index in message.toolCalls.indices {
            let call = message.toolCalls[index]
            // Formats know by an identity what a result answers.
            let id = call.id ?? ToolCallIdentifier.shortened("call \(callCount)")
            message.toolCalls[index].id = id
            pending.append((call.name, id))
            callCount += 1
        }
        // Nobody sends results for more calls than one turn may have.
        if pending.count > limits.maxTools {
            pending.removeFirst(pending.count - limits.maxTools)
        }
        messages.append(message)
    }

    /// The first call of that tool that waits for its result, or of any tool if none is named.
    private func answered(by name: String?) -> String? {
        (pending.first { $0.name == name } ?? (name == nil ? pending.first : nil))?.id
    }
}
