// SPDX-License-Identifier: Apache-2.0

package import APITypes
package import JSON

/// A conversation that is to become a prompt.
package struct ChatPrompt: Hashable, Sendable {
    /// The messages; never empty.
    package var messages: [ChatMessage]

    /// The tools, as the client wrote them.
    package var tools: [JSONValue] = []

    /// Whether the prompt ends where an assistant's answer begins.
    package var addsGenerationPrompt = true

    /// Whether the prompt ends within the last message.
    package var continuesFinalMessage = false

    /// Variables for the template.
    package var templateArguments = JSONObject()
}

/// Turns conversations into token ids.
package protocol PromptSource: Sendable {
    /// The ids of a conversation.
    ///
    /// - Parameter prompt: the conversation.
    /// - Returns: the whole prompt, BOS included where the format has one.
    /// - Throws: an error that describes why the format cannot hold this conversation.
    func tokens(of prompt: ChatPrompt) throws -> [Int32]
}
