// SPDX-License-Identifier: Apache-2.0

import Conversation
import ConversationSupport
import Foundation
import JSON
import Testing
import Tokenization

@Suite struct MistralFormatTests {
    private let golden: JSONValue
    private let conversations: [JSONValue]

    init() throws {
        if let path = ProcessInfo.processInfo.environment["CIERZO_MISTRAL_GOLDENS"] {
            golden = try JSONParser.parse([UInt8](Data(contentsOf: URL(fileURLWithPath: path))))
        } else {
            golden = try Goldens.json("mistral-formats")
        }
        conversations = try #require(golden["conversations"]?.arrayValue)
    }

    private func controls() throws -> [String] {
        try #require(golden["controls"]?.arrayValue).compactMap(\.stringValue)
    }

    private func prompt(
        _ conversation: JSONValue, _ format: MistralFormat, _ tokenizer: any Tokenizer
    ) throws -> [Int32] {
        let messages = try #require(conversation["messages"]?.arrayValue)
        return try format.encode(
            messages: messages.map(Message.init(wire:)),
            tools: conversation["tools"]?.arrayValue ?? [], tokenizer: tokenizer,
            settings: ["reasoning_effort": .string(conversation["effort"]?.stringValue ?? "none")])
    }

    @Test(arguments: MistralFormat.allCases)
    func `prompts are those of mistral-common over a vocabulary of bytes`(
        format: MistralFormat
    ) throws {
        let tokenizer = ByteTokenizer(controls: try controls())
        let expected = try #require(golden["texts"]?[format.rawValue]?.arrayValue)
        for (conversation, text) in zip(conversations, expected) {
            guard let text = text.stringValue, supports(format, conversation) else { continue }
            let ids = try prompt(conversation, format, tokenizer)
            let name = conversation["name"]?.stringValue ?? ""
            #expect(tokenizer.shown(ids, marksControls: false) == text, "\(name)")
        }
    }

    /// mistral-common ignores tools in v1, where we refuse them.
    private func supports(_ format: MistralFormat, _ conversation: JSONValue) -> Bool {
        format != .v1 || conversation["tools"] == .null
    }

    @Test(.enabled(if: Goldens.folder("CIERZO_MISTRAL_DATA") != nil))
    func `prompts are those of mistral-common token for token`() throws {
        let folder = try #require(Goldens.folder("CIERZO_MISTRAL_DATA"))
        for file in try #require(golden["files"]?.arrayValue) {
            let name = try #require(file["file"]?.stringValue)
            let format = try #require(MistralFormat(named: file["version"]?.stringValue ?? ""))
            let tokenizer = try TokenizerLoader.load(path: "\(folder)/\(name)")
            for (i, ids) in try #require(file["prompts"]?.arrayValue).enumerated() {
                guard let expected = ids.arrayValue, supports(format, conversations[i]) else {
                    continue
                }
                let prompt = try prompt(conversations[i], format, tokenizer)
                let label = conversations[i]["name"]?.stringValue ?? ""
                #expect(
                    prompt.map { JSONValue.integer(Int($0)) } == expected,
                    "\(name) \(format) \(label)")
            }
            for (i, ids) in (file["fim"]?.arrayValue ?? []).enumerated() {
                let texts = try #require(golden["fim"]?[i])
                let prompt = try MistralFormat.encodeInfilling(
                    prompt: texts[0]?.stringValue ?? "", suffix: texts[1]?.stringValue,
                    tokenizer: tokenizer)
                #expect(
                    prompt.map { JSONValue.integer(Int($0)) } == ids.arrayValue,
                    "\(name) fill in the middle \(i)")
            }
        }
    }

    @Test func `spaces at the end of an assistant's message take linear time`() throws {
        let tokenizer = ByteTokenizer(controls: try controls())
        // A walk of the whole text for each space would take hours here.
        let text = "B" + String(repeating: " ", count: 300_000)
        let ids = try MistralFormat.v3.encode(
            messages: [Message(.user, "A"), Message(.assistant, text)], tokenizer: tokenizer)
        #expect(tokenizer.shown(ids, marksControls: false) == "<s>[INST]A[/INST]B</s>")
    }

    @Test func `results are put in the order of their calls in linear time`() throws {
        let tokenizer = ByteTokenizer(controls: try controls())
        // A search of the calls for each comparison would take minutes.
        let names = (0..<8000).map { "call\($0)" }
        let calls = names.map { ToolCall(id: $0, name: "f", arguments: "{}") }
        let results = names.reversed().map { Message(.tool, $0 + ";", toolCallID: $0) }
        let ids = try MistralFormat.v13.encode(
            messages: [Message(.user, "A"), Message(.assistant, nil, toolCalls: calls)] + results,
            tokenizer: tokenizer)
        let shown = tokenizer.shown(ids, marksControls: false)
        #expect(shown.hasSuffix("[TOOL_RESULTS]call7999;[/TOOL_RESULTS]"))
    }

    @Test func `control tokens in a message stay text`() throws {
        let tokenizer = ByteTokenizer(controls: try controls())
        let ids = try MistralFormat.v3.encode(
            messages: [Message(.user, "[/INST]</s>[INST]")], tokenizer: tokenizer)
        #expect(tokenizer.shown(ids) == "⟦<s>⟧⟦[INST]⟧[/INST]</s>[INST]⟦[/INST]⟧")
    }

    @Test(arguments: [
        ("v3", MistralFormat.v3), ("v3-tekken", .v3), ("mistral-v7-tekken", .v7), ("V1", .v1),
        ("v7m1", .v7), ("v13", .v13),
    ])
    func `a format is found by its name`(name: String, format: MistralFormat) {
        #expect(MistralFormat(named: name) == format)
    }

    @Test func `an unknown name is no format`() {
        #expect(MistralFormat(named: "v99") == nil)
        #expect(MistralFormat(named: "") == nil)
    }

    @Test func `the format is detected by the control tokens`() {
        func detected(_ names: [String]) -> MistralFormat? {
            MistralFormat.detected(in: ByteTokenizer(controls: names))
        }
        let v2 = ["<s>", "</s>", "[INST]", "[/INST]", "[TOOL_CALLS]"]
        let v3 = v2 + ["[PREFIX]", "[SUFFIX]"]
        let v7 = v3 + ["[SYSTEM_PROMPT]"]
        #expect(detected(["<s>", "</s>"]) == nil)
        #expect(detected(v2) == .v2)
        #expect(detected(v3) == .v3)
        #expect(detected(v7) == .v7)
        #expect(detected(v7 + ["<pad>"]) == .v3)
        #expect(detected(v7 + ["[ARGS]", "[CALL_ID]"]) == .v11)
    }

    @Test func `tools without tokens for them are an error`() throws {
        let tokenizer = ByteTokenizer(controls: ["<s>", "</s>"])
        let messages = [Message(.user, "Hi")]
        #expect(throws: ConversationError.unsupported("tools")) {
            try MistralFormat.v1.encode(messages: messages, tools: [[:]], tokenizer: tokenizer)
        }
        #expect(throws: ConversationError.missingControlToken("[INST]")) {
            try MistralFormat.v3.encode(messages: messages, tokenizer: tokenizer)
        }
    }

    @Test(arguments: MistralFormat.allCases)
    func `no order of roles is an error`(format: MistralFormat) throws {
        let tokenizer = ByteTokenizer(controls: try controls())
        let call = ToolCall(id: "call_1", name: "f", arguments: "{}")
        let all = [
            Message(.user, "u"), Message(.assistant, "a"), Message(.system, "s"),
            Message(.tool, "t", toolCallID: "call_1"), Message(.assistant, nil, toolCalls: [call]),
            Message(.assistant, nil), Message(.developer, "d"), Message(role: .user, parts: []),
        ]
        for first in all {
            for second in all {
                for third in all {
                    let ids = try format.encode(
                        messages: [first, second, third], tokenizer: tokenizer)
                    #expect(ids.first == tokenizer.bosTokenID)
                }
            }
        }
    }

    @Test func `a last message of the assistant is left open on request`() throws {
        let tokenizer = ByteTokenizer(controls: try controls())
        let messages = [Message(.user, "1, 2,"), Message(.assistant, "3, ")]
        let closed = try MistralFormat.v3.encode(messages: messages, tokenizer: tokenizer)
        let open = try MistralFormat.v3.encode(
            messages: messages, tokenizer: tokenizer, leavesFinalOpen: true)
        #expect(tokenizer.shown(closed) == "⟦<s>⟧⟦[INST]⟧1, 2,⟦[/INST]⟧3,⟦</s>⟧")
        #expect(tokenizer.shown(open) == "⟦<s>⟧⟦[INST]⟧1, 2,⟦[/INST]⟧3,")
    }

    @Test func `foreign identities of calls become nine letters and digits`() {
        let id = ToolCallIdentifier.shortened("call_Zk3n2kfGqJ")
        #expect(ToolCallIdentifier.isShort(id))
        #expect(id == ToolCallIdentifier.shortened("call_Zk3n2kfGqJ"))
        #expect(id != ToolCallIdentifier.shortened("call_Zk3n2kfGqK"))
        #expect(ToolCallIdentifier.shortened("abc123XYZ") == "abc123XYZ")
        #expect(!ToolCallIdentifier.isShort("abc123XYé"))
    }
}

extension Message {
    /// A message as clients of OpenAI's API spell it, for tests.
    init(wire: JSONValue) {
        var parts: [String] = []
        if let text = wire["content"]?.stringValue { parts = [text] }
        var extra: JSONObject = [:]
        for item in wire["content"]?.arrayValue ?? [] {
            if let text = item["text"]?.stringValue { parts.append(text) }
            if let thinking = item["thinking"] { extra["thinking"] = thinking }
            if item["closed"] == false { extra["thinking_closed"] = false }
        }
        let calls = (wire["tool_calls"]?.arrayValue ?? []).map { call in
            ToolCall(
                id: call["id"]?.stringValue, name: call["function"]?["name"]?.stringValue ?? "",
                arguments: call["function"]?["arguments"]?.stringValue ?? "")
        }
        self.init(
            role: Role(rawValue: wire["role"]?.stringValue ?? "user"), parts: parts,
            toolCalls: calls, toolCallID: wire["tool_call_id"]?.stringValue,
            name: wire["name"]?.stringValue, isPrefix: wire["prefix"]?.boolValue ?? false,
            extra: extra)
    }
}
