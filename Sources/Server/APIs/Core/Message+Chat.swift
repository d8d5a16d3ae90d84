// SPDX-License-Identifier: Apache-2.0

package import Conversation
import JSON

extension Message {
    /// A message as its client wrote it.
    package init(_ message: ChatMessage) {
        self.init(
            role: Role(rawValue: message.role.rawValue), parts: message.parts,
            toolCalls: message.toolCalls.map { call in
                ToolCall(
                    id: call.id.isEmpty ? nil : call.id, name: call.name,
                    arguments: call.arguments.stringValue ?? call.arguments.serialized())
            },
            toolCallID: message.toolCallID, name: message.name, isPrefix: message.isPrefix,
            extra: message.reasoning)
    }
}
