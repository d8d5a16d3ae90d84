// SPDX-License-Identifier: Apache-2.0

package import Conversation
package import JSON
import Tokenization

/// A conversation that is to become a prompt.
package struct ChatPrompt: Hashable, Sendable {
    /// The messages; never empty.
    package var messages: [Message]

    /// The tools, as the client wrote them.
    package var tools: [JSONValue]

    /// Whether the prompt ends where an assistant's answer begins.
    package var addsGenerationPrompt: Bool

    /// Whether the prompt ends within the last message.
    package var continuesFinalMessage: Bool

    /// Variables for the template.
    package var templateArguments: JSONObject

    /// Creates a conversation that asks for an answer.
    package init(
        messages: [Message], tools: [JSONValue] = [], addsGenerationPrompt: Bool = true,
        continuesFinalMessage: Bool = false, templateArguments: JSONObject = [:]
    ) {
        self.messages = messages
        self.tools = tools
        self.addsGenerationPrompt = addsGenerationPrompt
        self.continuesFinalMessage = continuesFinalMessage
        self.templateArguments = templateArguments
    }
}

/// Turns conversations into token ids.
package protocol PromptSource: Sendable {
    /// The ids of a conversation.
    ///
    /// - Parameter prompt: the conversation.
    /// - Returns: the whole prompt, BOS included where the format has one.
    /// - Throws: an error that describes why the format cannot hold this conversation.
    func tokens(of prompt: ChatPrompt) throws -> [Int32]

    /// The ids of a conversation of at most so many.
    ///
    /// - Parameters:
    ///   - prompt: the conversation.
    ///   - limit: how many ids there may be.
    /// - Returns: the whole prompt.
    /// - Throws: `TokenLimitError`, before all has been tokenized; else as without a limit.
    func tokens(of prompt: ChatPrompt, limit: Int) throws -> [Int32]
}

extension PromptSource {
    /// Counts the ids when all has been tokenized.
    package func tokens(of prompt: ChatPrompt, limit: Int) throws -> [Int32] {
        let tokens = try tokens(of: prompt)
        if tokens.count > limit { throw TokenLimitError(leastCount: tokens.count) }
        return tokens
    }
}

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
