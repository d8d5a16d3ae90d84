// SPDX-License-Identifier: Apache-2.0

import AnswerParsing
package import Conversation
import JSON
import Tokenization

/// A conversation about which many questions are asked, each by itself, and each to be answered by
/// the model's very next tokens.
///
/// A question ends the user's turn: it follows the last message, two lines below it, where that is
/// the user's, and else it is a message of the user's own. The model's own chat format writes the
/// whole, up to where its answer begins; a model that thinks is told not to, and thinking that its
/// format opens all the same is closed at once. So all that comes before the question is the same
/// in every prompt.
package struct SharedConversation: Sendable {
    /// The messages; never empty.
    private let messages: [Message]

    /// What is left of them without all that a question's own ids hardly depend on, if that is less.
    private let shortened: [Message]?

    private let model: ServedModel

    /// How many characters of a text are kept where it is cut.
    private static let keptCount = 96

    /// A conversation for a model.
    package init(_ messages: [Message], with model: ServedModel) {
        self.messages = messages
        self.model = model
        let shortened = Self.end(of: messages).map(Self.shortened)
        self.shortened = shortened == messages ? nil : shortened
    }

    /// The prompts of some questions.
    ///
    /// The conversation is tokenized in full for the first and the last of them. The others are
    /// tokenized at the end of the shortened conversation, which gives the same ids as long as those
    /// of a question do not depend on what was said long before; the last one shows whether they
    /// do.
    ///
    /// - Parameter questions: the texts.
    /// - Returns: ids for each.
    /// - Throws: `ServingError`, which names the question by its place.
    package func prompts(for questions: [String]) throws(ServingError) -> [[Int32]] {
        guard let first = questions.first, let last = questions.last else { return [] }
        let firstPrompt = try tokens(messages, first, 0)
        if questions.count == 1 { return [firstPrompt] }
        let lastPrompt = try tokens(messages, last, questions.count - 1)
        var prompts = [firstPrompt]
        // A model's format may refuse a conversation without its beginning.
        if let shortened, let firstShort = try? tokens(shortened, first, 0),
            let lastShort = try? tokens(shortened, last, questions.count - 1),
            let joint = Joint(firstPrompt, firstShort), joint.prompt(lastShort) == lastPrompt
        {
            for (place, question) in questions.enumerated().dropFirst().dropLast() {
                guard let short = try? tokens(shortened, question, place),
                    let prompt = joint.prompt(short)
                else {
                    prompts.append(try tokens(messages, question, place))
                    continue
                }
                guard prompt.count <= model.engine.contextLength else {
                    throw .promptTooLong(
                        prompt: place, tokenCount: prompt.count,
                        contextLength: model.engine.contextLength, isLeastCount: false)
                }
                prompts.append(prompt)
            }
        } else {
            for (place, question) in questions.enumerated().dropFirst().dropLast() {
                prompts.append(try tokens(messages, question, place))
            }
        }
        return prompts + [lastPrompt]
    }

    /// The ids of a conversation that ends with a question.
    private func tokens(
        _ messages: [Message], _ question: String, _ place: Int
    ) throws(ServingError) -> [Int32] {
        var messages = messages
        if let last = messages.indices.last, messages[last].role == .user {
            let text = messages[last].parts.popLast().map { $0 + "\n\n" } ?? ""
            messages[last].parts.append(text + question)
        } else {
            messages.append(Message(.user, question))
        }
        let prompt = ChatPrompt(
            messages: messages,
            templateArguments: ["enable_thinking": false, "thinking": false])
        let tokens = try model.tokens(
            of: .chat(prompt), in: place, limit: model.engine.contextLength)
        return tokens + (model.answerFormat?.tokensBeforeText(after: tokens, model.tokenizer) ?? [])
    }

    /// The instructions that come first, and the messages from the user's last turn on.
    private static func end(of messages: [Message]) -> [Message] {
        let start = messages.firstIndex { $0.role != .system && $0.role != .developer }
        guard let start, let turn = messages.lastIndex(where: { $0.role == .user }) else {
            return messages
        }
        return Array(messages[..<start] + messages[max(start, turn)...])
    }

    private static func shortened(_ message: Message) -> Message {
        var message = message
        message.parts = message.parts.map { text in
            text.utf8.count > 4 * keptCount ? String(text.suffix(keptCount)) : text
        }
        for index in message.toolCalls.indices
        where message.toolCalls[index].arguments.utf8.count > keptCount {
            message.toolCalls[index].arguments = "{}"
        }
        return message
    }
}

/// Where the end of a short prompt can be put in place of that of a long one.
private struct Joint {
    /// What comes before it in the long prompt.
    private let head: ArraySlice<Int32>

    /// The short prompt that the joint was found with, and how much of it comes before the joint.
    private let short: [Int32]
    private let cut: Int

    /// Finds the joint: the longest end that both have.
    init?(_ long: [Int32], _ short: [Int32]) {
        let common = zip(long.reversed(), short.reversed()).prefix { $0 == $1 }.count
        guard common > 0 else { return nil }
        head = long[..<(long.count - common)]
        cut = short.count - common
        self.short = short
    }

    /// The long prompt with another question.
    ///
    /// - Parameter other: the short prompt with that question.
    /// - Returns: nil if the question has changed ids on the other side of the joint, too.
    func prompt(_ other: [Int32]) -> [Int32]? {
        let common = zip(short, other).prefix { $0 == $1 }.count
        guard cut < common else { return nil }
        return Array(head) + other[cut...]
    }
}
