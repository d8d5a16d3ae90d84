// SPDX-License-Identifier: Apache-2.0

import Conversation
import ConversationSupport
import JSON
import Testing
import Tokenization

/// What templates of gpt-oss are given, which show one call of a message and the first instructions.
struct ChannelMessagesTests {
    /// As the model's own template: the first message's instructions, one call, thinking or text
    /// before it.
    private static let template = """
        {{- '<|start|>system<|message|>Reasoning: ' + (reasoning_effort or 'medium') + '<|end|>' }}
        {%- if messages[0].role in ['system', 'developer'] %}
        {{- '<|start|>developer<|message|>' + messages[0].content + '<|end|>' }}
        {%- endif %}
        {%- for m in messages %}
        {%- if m.role == 'assistant' and m.tool_calls %}
        {%- if m.content and m.thinking %}{{ raise_exception('both') }}{% endif %}
        {%- if m.content or m.thinking %}
        {{- '<|channel|>analysis<|message|>' + (m.content or m.thinking) + '<|end|>' }}
        {%- endif %}
        {%- set call = m.tool_calls[0].function %}
        {{- 'to=' + call.name + '<|message|>' + call.arguments|tojson + '<|call|>' }}
        {%- elif m.role == 'tool' %}{{ '=' + m.content + ';' }}
        {%- elif m.role in ['user', 'assistant'] %}{{ m.role + ':' + m.content + ';' }}
        {%- endif %}
        {%- endfor %}
        """

    private func prompt(_ messages: [Message], extra: JSONObject = [:]) throws -> String {
        let tokenizer = ByteTokenizer(controls: ["<s>", "</s>", "<|start|>"])
        let encoder = PromptEncoder(
            tokenizer: tokenizer, format: .template(try ChatTemplate(source: Self.template)))
        let shown = tokenizer.shown(try encoder.encode(messages: messages, extra: extra))
        return String(shown.split(separator: "<|end|>", maxSplits: 1).last ?? "")
    }

    private static func call(_ id: String?, _ name: String) -> ToolCall {
        ToolCall(id: id, name: name, arguments: "{\"of\": \"\(name)\"}")
    }

    private static func result(_ id: String?, _ text: String) -> Message {
        Message(.tool, text, toolCallID: id)
    }

    @Test func `each call is a message of its own, followed by its result`() throws {
        let text = try prompt([
            Message(.user, "go"),
            Message(
                .assistant, nil, toolCalls: [Self.call("1", "a"), Self.call("2", "b")],
                extra: ["reasoning_content": "hm"]),
            Self.result("2", "second"), Self.result("1", "first"), Message(.user, "on"),
        ])
        #expect(
            text == "user:go;<|channel|>analysis<|message|>hm<|end|>to=a<|message|>"
                + "{\"of\": \"a\"}<|call|>=first;to=b<|message|>{\"of\": \"b\"}<|call|>=second;"
                + "user:on;")
    }

    @Test func `results without identities belong to calls by their order`() throws {
        let text = try prompt([
            Message(.user, "go"),
            Message(.assistant, nil, toolCalls: [Self.call(nil, "a"), Self.call(nil, "b")]),
            Self.result(nil, "first"), Self.result("unknown", "second"), Self.result(nil, "third"),
        ])
        #expect(
            text == "user:go;to=a<|message|>{\"of\": \"a\"}<|call|>=first;"
                + "to=b<|message|>{\"of\": \"b\"}<|call|>=second;=third;")
    }

    @Test func `a text between thinking and a call goes with the thinking`() throws {
        let text = try prompt([
            Message(.user, "go"),
            Message(
                .assistant, "Let me see.", toolCalls: [Self.call("1", "a")],
                extra: ["reasoning": "hm"]),
            Self.result("1", "first"),
        ])
        #expect(
            text == "user:go;<|channel|>analysis<|message|>hm\n\nLet me see.<|end|>"
                + "to=a<|message|>{\"of\": \"a\"}<|call|>=first;")
    }

    @Test func `late instructions are the user's, and change nothing before them`() throws {
        let text = try prompt([
            Message(.developer, "one"), Message(.user, "go"), Message(.system, "two"),
        ])
        #expect(text == "⟦<|start|>⟧developer<|message|>one<|end|>user:go;user:two;")
        let alone = try prompt([Message(.user, "go"), Message(.system, "two")])
        #expect(alone == "user:go;user:two;")
    }

    @Test(arguments: [
        ("none", "low"), ("minimal", "low"), ("low", "low"), ("medium", "medium"),
        ("high", "high"), ("xhigh", "high"), ("max", "high"),
    ])
    func `degrees of reasoning are those that the model knows`(
        stated: String, written: String
    ) throws {
        let tokenizer = ByteTokenizer(controls: ["<s>", "</s>"])
        let encoder = PromptEncoder(
            tokenizer: tokenizer, format: .template(try ChatTemplate(source: Self.template)))
        let ids = try encoder.encode(
            messages: [Message(.user, "go")], extra: ["reasoning_effort": .string(stated)])
        #expect(tokenizer.shown(ids).contains("Reasoning: \(written)<|end|>"))
    }
}
