// SPDX-License-Identifier: Apache-2.0

import JSON

/// Conversations as templates of gpt-oss expect them, which show no others: instructions come first and
/// at once, and a message of the assistant has one call at most, after a text or thinking.
enum ChannelMessages {
    /// The conversation in that form.
    ///
    /// - Complexity: O(messages and calls).
    static func arranged(_ messages: [Message]) -> [Message] {
        let late = messages.dropFirst().contains(where: ConversationRepair.isSystem)
        let messages = late ? ConversationRepair.settleSystem(messages) : messages
        var result: [Message] = []
        var index = 0
        while index < messages.count {
            let message = joined(messages[index])
            index += 1
            guard message.toolCalls.count > 1 else {
                result.append(message)
                continue
            }
            let start = index
            while index < messages.count, messages[index].role == .tool { index += 1 }
            result += parted(message, results: messages[start..<index])
        }
        return result
    }

    /// A message of one call or none, whose text goes on its thinking where there is a call.
    private static func joined(_ message: Message) -> Message {
        let text = message.text()
        guard !message.toolCalls.isEmpty, !text.isEmpty,
            let thinking = message.thinking, !thinking.isEmpty
        else { return message }
        var message = message
        for key in Message.thinkingKeys { message.extra[key] = nil }
        message.extra["thinking"] = .string(thinking + "\n\n" + text)
        message.parts = []
        return message
    }

    /// A message for each call, its result after it.
    private static func parted(
        _ message: Message, results: ArraySlice<Message>
    ) -> [Message] {
        // Results are told by their call's identity, and by their order where that says nothing.
        var byID: [String: Int] = [:]
        for (index, call) in message.toolCalls.enumerated() {
            if let id = call.id, byID[id] == nil { byID[id] = index }
        }
        var answers = [[Message]](repeating: [], count: message.toolCalls.count)
        for (order, result) in results.enumerated() {
            let call =
                result.toolCallID.flatMap { byID[$0] } ?? min(order, message.toolCalls.count - 1)
            answers[call].append(result)
        }
        var parted: [Message] = []
        for (call, answer) in zip(message.toolCalls, answers) {
            var part =
                parted.isEmpty
                ? message : Message(.assistant, nil, toolCalls: [], name: message.name)
            part.toolCalls = [call]
            parted.append(part)
            parted += answer
        }
        return parted
    }

    /// The degrees of reasoning that the models know, by those of requests.
    static func effort(_ stated: JSONValue) -> JSONValue {
        switch stated.stringValue {
        case "none", "minimal": "low"
        case "xhigh", "max": "high"
        default: stated
        }
    }
}
