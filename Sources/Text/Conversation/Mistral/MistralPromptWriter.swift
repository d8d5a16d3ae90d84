// SPDX-License-Identifier: Apache-2.0

import JSON
import Tokenization

/// Writes the turns of a conversation as tokens of one of Mistral's formats.
struct MistralPromptWriter {
    private(set) var ids: [Int32]
    private let format: MistralFormat
    private let tokenizer: any Tokenizer
    private let eos: Int32
    private let limit: Int

    init(
        format: MistralFormat, tokenizer: any Tokenizer, limit: Int
    ) throws(ConversationError) {
        guard let bos = tokenizer.bosTokenID else { throw .missingControlToken("<s>") }
        guard let eos = tokenizer.id(ofControl: "</s>") ?? tokenizer.eosTokenID else {
            throw .missingControlToken("</s>")
        }
        self.format = format
        self.tokenizer = tokenizer
        self.eos = eos
        self.limit = limit
        ids = [bos]
    }

    mutating func write(
        _ conversation: MistralConversation, tools: [JSONValue], settings: JSONObject
    ) throws(ConversationError) {
        let toolsAt = format.isLate ? conversation.firstUser : conversation.lastUser
        let systemAt = format == .v1 ? conversation.firstUser : conversation.lastUser
        // v2 leaves tools of the past out.
        let pastEnd = format == .v2 ? conversation.lastUser ?? 0 : 0
        for (i, turn) in conversation.turns.enumerated() {
            let isForgotten = i < pastEnd
            switch turn {
            case .system(let text):
                try control("[SYSTEM_PROMPT]")
                try plain(text)
                try control("[/SYSTEM_PROMPT]")
            case .user(let text):
                if i == toolsAt, !tools.isEmpty { try write(tools: tools) }
                if i == toolsAt, format == .v15 { try write(settings: settings) }
                let system = i == systemAt ? conversation.systemPrompt : nil
                try writeUser(system.map { $0 + "\n\n" + text } ?? text)
            case .assistant(let said, let calls, let isOpen):
                if isForgotten, !calls.isEmpty { continue }
                try writeAssistant(said)
                if !calls.isEmpty { try write(calls: calls) }
                if !isOpen { ids.append(eos) }
            case .tool(let text, let id, let name):
                if !isForgotten { try writeResult(text, id: id, name: name) }
            }
        }
    }

    private mutating func plain(_ text: String) throws(ConversationError) {
        ids += try MistralFormat.encode(text, tokenizer, ids, limit)
    }

    private mutating func control(_ name: String) throws(ConversationError) {
        guard let id = tokenizer.id(ofControl: name) else { throw .missingControlToken(name) }
        ids.append(id)
    }

    private mutating func writeUser(_ text: String) throws(ConversationError) {
        guard format != .v1 else { return try plain("[INST] \(text) [/INST]") }
        try control("[INST]")
        try plain(text)
        try control("[/INST]")
    }

    private mutating func writeAssistant(
        _ said: [MistralConversation.Said]
    ) throws(ConversationError) {
        if case .text(let text)? = said.first, said.count == 1 {
            return try writeAssistant(text)
        }
        for part in said {
            switch part {
            case .text(let text): try plain(text)
            case .thinking(let text, let isClosed):
                try control("[THINK]")
                try plain(text)
                if isClosed { try control("[/THINK]") }
            }
        }
    }

    private mutating func writeAssistant(_ text: String) throws(ConversationError) {
        guard !text.isEmpty else { return }
        guard format != .v1 else { return try plain(text) }
        try plain(text.droppingTrailing { $0 == " " })
    }

    private mutating func write(tools: [JSONValue]) throws(ConversationError) {
        try control("[AVAILABLE_TOOLS]")
        try plain(json(.array(tools.map(definition))))
        try control("[/AVAILABLE_TOOLS]")
    }

    /// The settings by name; they are JSON objects themselves, whose order is kept.
    private mutating func write(settings: JSONObject) throws(ConversationError) {
        let sorted = settings.keys.sorted().compactMap { key in
            settings[key].flatMap { $0 == .null ? nil : (key, $0) }
        }
        if sorted.isEmpty { return }
        try control("[MODEL_SETTINGS]")
        try plain(json(.object(JSONObject(sorted))))
        try control("[/MODEL_SETTINGS]")
    }

    /// A tool's definition with the fields that the models were trained on, in their order.
    private func definition(of tool: JSONValue) -> JSONValue {
        let function = tool["function"] ?? tool
        return .object([
            "type": "function",
            "function": .object([
                "name": .string(function["name"]?.stringValue ?? ""),
                "description": .string(function["description"]?.stringValue ?? ""),
                "parameters": function["parameters"].flatMap {
                    $0 == .null ? nil : $0
                } ?? .object([:]),
            ]),
        ])
    }

    private mutating func write(calls: [ToolCall]) throws(ConversationError) {
        if format == .v11 || format.isLate {
            for call in calls {
                try control("[TOOL_CALLS]")
                try plain(call.name)
                if format == .v11, let id = call.id {
                    try control("[CALL_ID]")
                    try plain(ToolCallIdentifier.shortened(id))
                }
                try control("[ARGS]")
                try plain(json(call.parsedArguments))
            }
            return
        }
        try control("[TOOL_CALLS]")
        var entries: [JSONValue] = []
        for call in calls {
            var entry: JSONObject = ["name": .string(call.name)]
            entry["arguments"] = call.parsedArguments
            if format != .v2, let id = call.id, id != "null" {
                entry["id"] = .string(ToolCallIdentifier.shortened(id))
            }
            entries.append(.object(entry))
        }
        try plain(json(.array(entries)))
    }

    private mutating func writeResult(
        _ text: String, id: String?, name: String?
    ) throws(ConversationError) {
        let id = id.map(ToolCallIdentifier.shortened) ?? "null"
        try control("[TOOL_RESULTS]")
        switch format {
        case .v1, .v2:
            try plain(
                json([
                    .object([
                        "name": name.map { .string($0) } ?? .null, "content": parsed(text),
                    ])
                ]))
        case .v3:
            try plain(json(.object(["content": parsed(text), "call_id": .string(id)])))
        case .v7, .v11:
            try plain(id)
            try control("[TOOL_CONTENT]")
            try plain(text)
        case .v13, .v15:
            try plain(text)
        }
        try control("[/TOOL_RESULTS]")
    }

    /// A result as JSON where it is JSON, else as a string; nothing is an empty object.
    private func parsed(_ text: String) -> JSONValue {
        ToolCall(id: nil, name: "", arguments: text).parsedArguments
    }

    /// JSON with Python's spaces, which the models were trained on.
    private func json(_ value: JSONValue) -> String { value.serialized(.python) }
}
