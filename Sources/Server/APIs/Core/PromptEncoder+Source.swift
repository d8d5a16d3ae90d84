// SPDX-License-Identifier: Apache-2.0

package import Conversation
import JSON

extension PromptEncoder: PromptSource {
    package func tokens(of prompt: ChatPrompt) throws -> [Int32] {
        try tokens(of: prompt, limit: .max)
    }

    package func tokens(of prompt: ChatPrompt, limit: Int) throws -> [Int32] {
        do throws(ConversationError) {
            return try encode(
                messages: prompt.messages.map(Message.init), tools: prompt.tools,
                addGenerationPrompt: prompt.addsGenerationPrompt,
                continueFinal: prompt.continuesFinalMessage, extra: prompt.templateArguments,
                limit: limit)
        } catch {
            if case .tooLong(let excess) = error { throw excess }
            throw error
        }
    }
}

extension Message {
    /// A message as its client wrote it.
    fileprivate init(_ message: ChatMessage) {
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
