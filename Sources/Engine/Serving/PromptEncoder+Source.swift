// SPDX-License-Identifier: Apache-2.0

package import Conversation

extension PromptEncoder: PromptSource {
    package func tokens(of prompt: ChatPrompt) throws -> [Int32] {
        try tokens(of: prompt, limit: .max)
    }

    package func tokens(of prompt: ChatPrompt, limit: Int) throws -> [Int32] {
        do throws(ConversationError) {
            return try encode(
                messages: prompt.messages, tools: prompt.tools,
                addGenerationPrompt: prompt.addsGenerationPrompt,
                continueFinal: prompt.continuesFinalMessage, extra: prompt.templateArguments,
                limit: limit)
        } catch {
            if case .tooLong(let excess) = error { throw excess }
            throw error
        }
    }
}
