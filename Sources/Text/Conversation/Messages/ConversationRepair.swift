// SPDX-License-Identifier: Apache-2.0

/// Ways to say the same conversation in an order of roles that a stricter template accepts.
///
/// A template sees the conversation as it is first; each repair is tried only after the template
/// has refused what came before it.
enum ConversationRepair: CaseIterable {
    /// Neighbours of one role become one message, and all system messages one at the beginning.
    case merged

    /// The system message becomes the beginning of the first user message.
    case foldedSystem

    /// Tool calls and results become text of the assistant and the user.
    case plainTools

    func apply(to messages: [Message]) -> [Message] {
        switch self {
        case .merged: Self.merge(Self.gatherSystem(messages))
        case .foldedSystem: Self.startWithUser(Self.merge(Self.foldSystem(messages)))
        case .plainTools:
            Self.startWithUser(
                Self.merge(Self.foldSystem(ToolInstructions.plain(messages).map(Self.plain))))
        }
    }

    static func isSystem(_ message: Message) -> Bool {
        message.role == .system || message.role == .developer
    }

    /// One system message of all of them, in front of the others.
    static func gatherSystem(_ messages: [Message]) -> [Message] {
        let texts = messages.filter(isSystem).map { $0.text() }.filter { !$0.isEmpty }
        let others = messages.filter { !isSystem($0) }
        if texts.isEmpty { return others }
        return [Message(.system, texts.joined(separator: "\n\n"))] + others
    }

    private static func foldSystem(_ messages: [Message]) -> [Message] {
        var gathered = gatherSystem(messages)
        guard let system = gathered.first, system.role == .system else { return gathered }
        gathered.removeFirst()
        if let index = gathered.firstIndex(where: { $0.role == .user }) {
            gathered[index].parts.insert(system.text(), at: 0)
            gathered[index].parts = [gathered[index].text()]
        } else {
            gathered.insert(Message(.user, system.text()), at: 0)
        }
        return gathered
    }

    /// Joins neighbours of one role; tools' results stay apart, since each answers a call.
    private static func merge(_ messages: [Message]) -> [Message] {
        var result: [Message] = []
        // The texts of each result that was made of several messages; they are joined once.
        var texts: [[String]] = []
        for message in messages {
            guard let last = result.indices.last, result[last].role == message.role,
                message.role != .tool, message.role != .function
            else {
                result.append(message)
                texts.append([])
                continue
            }
            if texts[last].isEmpty { texts[last].append(result[last].text()) }
            texts[last].append(message.text())
            result[last].toolCalls += message.toolCalls
            result[last].isPrefix = message.isPrefix
        }
        for index in result.indices where !texts[index].isEmpty {
            result[index].parts = [
                texts[index].filter { !$0.isEmpty }.joined(separator: "\n\n")
            ]
        }
        return result
    }

    private static func startWithUser(_ messages: [Message]) -> [Message] {
        messages.first?.role == .user ? messages : [Message(.user, "")] + messages
    }

    /// The message with one of the roles that every template knows.
    private static func plain(_ message: Message) -> Message {
        if [.user, .assistant].contains(message.role) || isSystem(message) { return message }
        return Message(.user, message.text())
    }
}
