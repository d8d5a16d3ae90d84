// SPDX-License-Identifier: Apache-2.0

import Conversation
import JSON

/// Reads `system` and `messages` of Anthropic's API as the messages of a conversation.
///
/// One message there may become several here: each result of a tool is a message of its own.
struct MessagesContent {
    private let limits: RequestLimits

    /// What was read so far.
    private var messages: [Message] = []

    /// The identities of the calls that have been made.
    private var callIDs: Set<String> = []

    /// The messages of a body.
    ///
    /// - Parameters:
    ///   - fields: the body.
    ///   - limits: how much may be asked for.
    /// - Returns: the messages; the last one is marked where it is to be continued.
    /// - Throws: `FieldError`, which names the field.
    static func read(
        _ fields: FieldReader, limits: RequestLimits
    ) throws(FieldError) -> [Message] {
        var content = MessagesContent(limits: limits)
        try content.readSystem(fields)
        let elements = try fields.require(
            "messages", fields.array("messages", maxCount: limits.maxMessages))
        guard !elements.isEmpty else {
            throw .invalid(fields.path.appending("messages"), expected: "at least one message")
        }
        for (place, element) in elements.enumerated() {
            let isLast = place == elements.count - 1
            try content.readMessage(FieldReader(element.value, at: element.path), isLast: isLast)
        }
        guard content.messages.contains(where: { $0.role != .system }) else {
            throw .invalid(
                fields.path.appending("messages"), expected: "at least one message that has content"
            )
        }
        return content.messages
    }

    private init(limits: RequestLimits) { self.limits = limits }

    // MARK: The system's

    private mutating func readSystem(_ fields: FieldReader) throws(FieldError) {
        let parts = try texts("system", fields).filter { !BillingLine.isWhole($0) }
        if !parts.isEmpty { messages.append(Message(role: .system, parts: parts)) }
    }

    /// A text, or the texts of a list of blocks that may only be text.
    private func texts(_ key: String, _ fields: FieldReader) throws(FieldError) -> [String] {
        guard let blocks = try blocks(key, fields) else { return [] }
        var texts: [String] = []
        for block in blocks {
            guard block.type == "text" else { throw unsupported(block, "text is") }
            texts.append(try block.text())
        }
        return texts.filter { !$0.isEmpty }
    }

    // MARK: A turn

    private mutating func readMessage(
        _ fields: FieldReader, isLast: Bool
    ) throws(FieldError) {
        let role = try fields.require(
            "role", fields.string("role", oneOf: MessagesFields.roles))
        guard let blocks = try blocks("content", fields) else {
            throw .missing(fields.path.appending("content"))
        }
        for block in blocks where block.whole == nil { _ = try block.fields.bool("is_error") }
        switch role {
        case "user": try readUser(blocks)
        case "assistant": try readAssistant(blocks, fields.path, isLast: isLast)
        default:
            let parts = try texts("content", fields)
            if !parts.isEmpty { messages.append(Message(role: .system, parts: parts)) }
        }
    }

    /// The results of tools, then what else the user says, for formats want results to follow the
    /// calls at once.
    private mutating func readUser(_ blocks: [Block]) throws(FieldError) {
        var parts: [String] = []
        var hasResults = false
        for block in blocks {
            if block.type == "tool_result" {
                messages.append(try result(block))
                hasResults = true
            } else {
                parts.append(try readable(block))
            }
        }
        // An empty turn is one, too, unless results stand for it.
        let isEmpty = parts.allSatisfy(\.isEmpty)
        if !hasResults || !isEmpty {
            messages.append(Message(role: .user, parts: isEmpty ? [""] : parts))
        }
    }

    private func result(_ block: Block) throws(FieldError) -> Message {
        let fields = block.fields
        let id = try fields.require("tool_use_id", fields.string("tool_use_id", maxCharacters: 256))
        guard callIDs.contains(id) else {
            throw .invalid(
                fields.path.appending("tool_use_id"),
                expected: "the id of a tool_use block in a message before this one")
        }
        var parts: [String] = []
        for inner in try blocks("content", fields) ?? [] { parts.append(try readable(inner)) }
        // Conversations have no place for it but the text.
        if try fields.bool("is_error") ?? false {
            let saysSo = parts.first?.lowercased().hasPrefix("error") ?? false
            if !saysSo { parts = ["Error: " + (parts.first ?? "")] + parts.dropFirst() }
        }
        return Message(role: .tool, parts: parts.isEmpty ? [""] : parts, toolCallID: id)
    }

    private mutating func readAssistant(
        _ blocks: [Block], _ path: FieldPath, isLast: Bool
    ) throws(FieldError) {
        var message = Message(role: .assistant, parts: [])
        var thoughts: [String] = []
        for block in blocks {
            let fields = block.fields
            switch block.type {
            case "text": message.parts.append(try block.text())
            case "thinking":
                thoughts.append(try fields.require("thinking", fields.string("thinking")))
                _ = try fields.string("signature")
            // What its maker alone can read is no text of it.
            case "redacted_thinking": _ = try fields.string("data")
            case "tool_use":
                guard message.toolCalls.count < limits.maxTools else {
                    throw .invalid(fields.path, expected: "at most \(limits.maxTools) calls")
                }
                message.toolCalls.append(try call(fields))
            default: throw unsupported(block, "text, thinking and tool_use are")
            }
        }
        message.parts.removeAll(where: \.isEmpty)
        if !thoughts.isEmpty { message.extra["reasoning_content"] = .string(thoughts.joined()) }
        guard isLast else {
            if message.parts.isEmpty, message.toolCalls.isEmpty { message.parts = [""] }
            return messages.append(message)
        }
        guard message.toolCalls.isEmpty else {
            throw .invalid(
                path,
                expected: "a message of the user after it, with a tool_result for each tool_use"
            )
        }
        // An empty one continues nothing.
        if message.parts.isEmpty { return }
        message.isPrefix = true
        messages.append(message)
    }

    private mutating func call(_ fields: FieldReader) throws(FieldError) -> ToolCall {
        let id = try fields.require("id", fields.string("id", maxCharacters: 256))
        let name = try fields.require("name", fields.string("name"))
        try ToolFields.checkName(name, at: fields.path.appending("name"))
        let input = try fields.require("input", fields.object("input"))
        callIDs.insert(id)
        return ToolCall(id: id, name: name, arguments: input.object.serialized())
    }

    // MARK: Blocks

    /// An element of a list of content, or a content that is a text alone.
    private struct Block {
        let type: String
        let fields: FieldReader
        /// The text alone.
        var whole: String?

        func text() throws(FieldError) -> String {
            if let whole { return whole }
            return try fields.require("text", fields.string("text"))
        }
    }

    /// The blocks of a content, which may be a text alone; nil if it is absent.
    private func blocks(_ key: String, _ fields: FieldReader) throws(FieldError) -> [Block]? {
        switch fields.value(key) {
        case nil: return nil
        case .string(let text)?:
            return [Block(type: "text", fields: fields, whole: text)]
        case .array?: break
        case let value?:
            throw .wrongType(
                fields.path.appending(key), expected: "a string or an array of blocks",
                found: value.kindName)
        }
        var blocks: [Block] = []
        for (value, path) in try fields.array(key, maxCount: limits.maxContentParts) ?? [] {
            let block = try FieldReader(value, at: path)
            let type = try block.require("type", block.string("type"))
            try MessagesRequest.checkCacheControl(block)
            blocks.append(Block(type: type, fields: block))
        }
        return blocks
    }

    /// The text of what a user says or a tool returns.
    private func readable(_ block: Block) throws(FieldError) -> String {
        switch block.type {
        case "text": return try block.text()
        case "document": return try document(block)
        case "search_result":
            let heading = [
                try block.fields.string("title") ?? "", try block.fields.string("source") ?? "",
            ]
            return (heading + (try texts("content", block.fields)))
                .filter { !$0.isEmpty }.joined(separator: "\n")
        default:
            throw unsupported(block, "this model takes text, search_result and plain documents")
        }
    }

    /// The text of a document that is plain text.
    private func document(_ block: Block) throws(FieldError) -> String {
        let source = try block.fields.require("source", block.fields.object("source"))
        let type = try source.require("type", source.string("type"))
        let text: [String]
        switch type {
        case "text": text = [try source.require("data", source.string("data"))]
        case "content": text = try texts("content", source)
        default:
            throw .unsupported(
                source.path.appending("type"),
                reason: "documents from a source of type '\(EchoableText.of(type))' are not "
                    + "supported; this model takes text only")
        }
        let heading = [
            try block.fields.string("title") ?? "", try block.fields.string("context") ?? "",
        ]
        return (heading + text).filter { !$0.isEmpty }.joined(separator: "\n")
    }

    private func unsupported(_ block: Block, _ supported: String) -> FieldError {
        .unsupported(
            block.fields.path.appending("type"),
            reason: "blocks of type '\(EchoableText.of(block.type))' are not supported here; "
                + supported)
    }
}
