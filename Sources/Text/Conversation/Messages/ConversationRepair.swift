// SPDX-License-Identifier: Apache-2.0

/// Ways to say the same conversation in an order of roles that a stricter template accepts.
///
/// A template sees the conversation as it is first; each repair is tried only after the template
/// has refused what came before it.
enum ConversationRepair: CaseIterable {
    /// Neighbours of one role become one message, and later system messages the user's.
    case merged

    /// All system messages become one at the beginning.
    case gathered

    /// The system message becomes the beginning of the first user message, and later ones the user's.
    case folded

    /// All system messages become the beginning of the first user message.
    case foldedGathered

    /// Tool calls and results become text of the assistant and the user.
    case plainTools

    func apply(to messages: [Message]) -> [Message] {
        switch self {
        case .merged: Self.merge(Self.settleSystem(messages))
        case .gathered: Self.merge(Self.gatherSystem(messages))
        case .folded: Self.folded(Self.settleSystem(messages))
        case .foldedGathered: Self.folded(Self.gatherSystem(messages))
        case .plainTools:
            Self.folded(Self.settleSystem(ToolInstructions.plain(messages).map(Self.plain)))
        }
    }

    static func isSystem(_ message: Message) -> Bool {
        message.role == .system || message.role == .developer
    }

    /// One system message of those at the beginning; what later ones say, the user says there.
    ///
    /// What precedes a later one stays as it was, and so stays cached.
    static func settleSystem(_ messages: [Message]) -> [Message] {
        let beginning = messages.prefix(while: isSystem)
        var settled = gatherSystem(beginning)
        var late: [Message] = []
        for message in messages.dropFirst(beginning.count) {
            if isSystem(message) {
                let text = message.text()
                if !text.isEmpty { late.append(Message(.user, text)) }
                continue
            }
            // Results follow their calls.
            if message.role != .tool, message.role != .function {
                settled += late
                late = []
            }
            settled.append(message)
        }
        return settled + late
    }

    /// One system message of all of them, in front of the others.
    private static func gatherSystem(_ messages: some Collection<Message>) -> [Message] {
        let texts = messages.filter(isSystem).map { $0.text() }.filter { !$0.isEmpty }
        let others = messages.filter { !isSystem($0) }
        if texts.isEmpty { return others }
        return [Message(.system, texts.joined(separator: "\n\n"))] + others
    }

    /// The messages without a system message in front of them; the first of the user says it.
    private static func folded(_ messages: [Message]) -> [Message] {
        guard let system = messages.first, system.role == .system else {
            return startWithUser(merge(messages))
        }
        var rest = Array(messages.dropFirst())
        if let index = rest.firstIndex(where: { $0.role == .user }) {
            rest[index].parts.insert(system.text(), at: 0)
            rest[index].parts = [rest[index].text()]
        } else {
            rest.insert(Message(.user, system.text()), at: 0)
        }
        return startWithUser(merge(rest))
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
