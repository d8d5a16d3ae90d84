// SPDX-License-Identifier: Apache-2.0

import Conversation
import ConversationSupport
import JSON
import Testing
import Tokenization

@Suite struct ToolInstructionsTests {
    private let tokenizer = ByteTokenizer(controls: ["<s>", "</s>", "<|im_start|>", "<|im_end|>"])
    private let tool: JSONValue = [
        "type": "function",
        "function": [
            "name": "weather", "description": "The weather of a city.\nAsk it often.",
            "parameters": [
                "type": "object",
                "properties": ["city": ["type": "string", "description": "Its name"]],
                "required": ["city"],
            ],
        ],
    ]

    private func encoder(_ source: String) throws -> PromptEncoder {
        PromptEncoder(tokenizer: tokenizer, format: .template(try ChatTemplate(source: source)))
    }

    @Test func `a model whose template has no place for tools is told of them`() throws {
        let encoder = try encoder(PromptFormat.chatML)
        #expect(encoder.describesTools)
        let messages = [Message(.system, "Be kind."), Message(.user, "Hi")]
        let text = tokenizer.shown(try encoder.encode(messages: messages, tools: [tool]))
        #expect(text.hasPrefix("⟦<|im_start|>⟧system\nBe kind.\n\nYou can call tools."))
        #expect(text.contains(#"{"name":"weather","description":"The weather of a city.\n"#))
        #expect(text.contains("<tool_call>\n{\"name\": \"the tool's name\", \"arguments\": "))
        #expect(text.hasSuffix("⟦<|im_start|>⟧user\nHi⟦<|im_end|>⟧\n⟦<|im_start|>⟧assistant\n"))
        #expect(
            tokenizer.shown(try encoder.encode(messages: messages))
                == "⟦<|im_start|>⟧system\nBe kind.⟦<|im_end|>⟧\n⟦<|im_start|>⟧user\nHi⟦<|im_end|>⟧\n"
                + "⟦<|im_start|>⟧assistant\n")
    }

    @Test func `calls and results are text of the assistant and of the user`() throws {
        let calls = ["a", "b"].map { city in
            ToolCall(id: city, name: "weather", arguments: "{\"city\":\"" + city + "\"}")
        }
        let messages = [
            Message(.user, "Go"), Message(.assistant, "So.", toolCalls: calls),
            Message(.tool, "1", toolCallID: "a"), Message(.tool, "2", toolCallID: "b"),
        ]
        let text = tokenizer.shown(
            try encoder(PromptFormat.chatML).encode(messages: messages, tools: [tool]))
        #expect(
            text.contains(
                """
                assistant
                So.
                <tool_call>
                {"name": "weather", "arguments": {"city": "a"}}
                </tool_call>
                <tool_call>
                {"name": "weather", "arguments": {"city": "b"}}
                </tool_call>⟦<|im_end|>⟧
                ⟦<|im_start|>⟧user
                <tool_response>
                1
                </tool_response>
                <tool_response>
                2
                </tool_response>⟦<|im_end|>⟧
                """))
    }

    @Test func `less is told of each tool where there is little room`() throws {
        let encoder = try encoder(PromptFormat.chatML)
        let messages = [Message(.user, "Hi")]
        func ids(_ limit: Int) throws -> [Int32] {
            try encoder.encode(messages: messages, tools: [tool], limit: limit)
        }
        let full = try ids(.max)
        #expect(tokenizer.shown(full).contains("Its name"))
        // A quarter of the limit is for the answer.
        let brief = try ids(full.count * 4 / 3 - 2)
        #expect(!tokenizer.shown(brief).contains("Its name"))
        #expect(tokenizer.shown(brief).contains(#""type":"object""#))
        let names = try ids(brief.count * 4 / 3 - 2)
        #expect(tokenizer.shown(names).contains(#""parameters":{"city":"string"}"#))
        #expect(throws: ConversationError.self) { try ids(100) }
    }

    @Test func `a template that shows tools but not their results gets them as text`() throws {
        let source = """
            {{ tools }}{% for m in messages %}{% if m.role == 'tool' %}{{ raise_exception('no') }}\\
            {% endif %}{{ m.role }}:{{ m.content }};{% endfor %}
            """
        let encoder = try encoder(source)
        #expect(!encoder.describesTools)
        let messages = [
            Message(.user, "Go"),
            Message(
                .assistant, nil, toolCalls: [ToolCall(id: "a", name: "f", arguments: "{\"x\": 1}")]),
            Message(.tool, "7", toolCallID: "a"),
        ]
        let text = tokenizer.shown(try encoder.encode(messages: messages, tools: [tool]))
        #expect(
            text.contains("assistant:<tool_call>\n{\"name\": \"f\", \"arguments\": {\"x\": 1}}"))
        #expect(text.hasSuffix("user:<tool_response>\n7\n</tool_response>;"))
    }

    @Test func `a model of Mistral's first version takes tools, too`() throws {
        let encoder = PromptEncoder(tokenizer: tokenizer, format: .mistral(.v1))
        #expect(encoder.describesTools)
        let ids = try encoder.encode(messages: [Message(.user, "Hi")], tools: [tool])
        #expect(tokenizer.shown(ids).hasPrefix("⟦<s>⟧[INST] You can call tools."))
    }
}
