// SPDX-License-Identifier: Apache-2.0

import JSON

/// A conversation in the order and form that Mistral's formats take it.
struct MistralConversation {
    enum Turn {
        case system(String)
        case user(String)
        case assistant([Said], calls: [ToolCall], isOpen: Bool)
        case tool(String, id: String?, name: String?)
    }

    /// A part of what an assistant said.
    enum Said {
        case text(String)
        case thinking(String, isClosed: Bool)
    }

    private(set) var turns: [Turn] = []

    /// The system prompt, for the formats that have no system messages.
    private(set) var systemPrompt: String?

    private let format: MistralFormat

    /// The calls of the last assistant's turn so far.
    private var lastCalls: [ToolCall]?

    init(_ messages: [Message], format: MistralFormat, leavesFinalOpen: Bool) {
        self.format = format
        let messages = format.supportsTools ? messages : ToolInstructions.plain(messages)
        let hasSystemTurns = format.hasSystemTurns
        var group: [Message] = []
        for message in messages.map(normalized) {
            if let role = group.first?.role, role != message.role {
                append(group, hasSystemTurns: hasSystemTurns)
                group = []
            }
            group.append(message)
        }
        append(group, hasSystemTurns: hasSystemTurns)
        if !hasSystemTurns {
            let texts = messages.map(normalized).filter { $0.role == .system }
                .map { $0.text() }.filter { !$0.isEmpty }
            systemPrompt = texts.isEmpty ? nil : texts.joined(separator: "\n\n")
        }
        var startsWell = !turns.isEmpty
        if let first = turns.first, !hasSystemTurns {
            if case .user = first { startsWell = true } else { startsWell = false }
        }
        if !startsWell { turns.insert(.user(""), at: 0) }
        if leavesFinalOpen, case .assistant(let said, let calls, false) = turns.last {
            turns[turns.count - 1] = .assistant(said, calls: calls, isOpen: calls.isEmpty)
        }
    }

    /// The index of the last user message, if any.
    var lastUser: Int? { turns.lastIndex(where: isUser) }

    /// The index of the first user message, if any.
    var firstUser: Int? { turns.firstIndex(where: isUser) }

    private func isUser(_ turn: Turn) -> Bool {
        if case .user = turn { return true }
        return false
    }

    /// The message with one of the four roles.
    private func normalized(_ message: Message) -> Message {
        var result = message
        switch message.role {
        case .developer: result.role = .system
        case .function: result.role = .tool
        case .system, .user, .assistant, .tool: break
        default: result.role = .user
        }
        return result
    }

    /// Appends neighbours of one role as one turn, or as one each for systems and tools.
    private mutating func append(_ group: [Message], hasSystemTurns: Bool) {
        guard let role = group.first?.role else { return }
        let text = group.map { words(of: $0) }.filter { !$0.isEmpty }.joined(separator: "\n\n")
        switch role {
        case .system:
            if hasSystemTurns { turns += group.map { .system(words(of: $0)) } }
        case .assistant:
            let isOpen = group.contains(where: \.isPrefix)
            let calls = group.flatMap(\.toolCalls)
            turns.append(.assistant(said(by: group), calls: calls, isOpen: isOpen))
            lastCalls = calls
        case .tool:
            turns += ordered(group).map { .tool(words(of: $0), id: $0.toolCallID, name: $0.name) }
        default:
            turns.append(.user(text))
        }
    }

    /// The text of a message; v15 joins its parts without anything between them.
    private func words(of message: Message) -> String {
        message.text(joinedBy: format == .v15 ? "" : "\n\n")
    }

    /// What messages of an assistant in a row say: texts are joined where no thinking parts them.
    private func said(by group: [Message]) -> [Said] {
        var said: [Said] = []
        var text: String?
        func flush() {
            if let text, !text.isEmpty { said.append(.text(text)) }
            text = nil
        }
        for message in group {
            if format.isLate, let thinking = message.thinking {
                flush()
                said.append(.thinking(thinking, isClosed: !message.isThinkingOpen))
            }
            let own = words(of: message)
            if own.isEmpty { continue }
            text = text.map { $0 + "\n\n" + own } ?? own
        }
        flush()
        return said
    }

    /// Results in the order of their calls, which v11 and later insist on.
    private func ordered(_ results: [Message]) -> [Message] {
        guard format == .v11 || format.isLate, let calls = lastCalls else { return results }
        let places = Dictionary(
            calls.enumerated().map { ($0.element.id, $0.offset) },
            uniquingKeysWith: { first, _ in first })
        return results.enumerated().map { offset, result in
            (place: places[result.toolCallID] ?? calls.count, offset: offset, result: result)
        }.sorted { ($0.place, $0.offset) < ($1.place, $1.offset) }.map(\.result)
    }
}
