// SPDX-License-Identifier: Apache-2.0

import APIs
import Conversation
import JSON
import Serving
import ServingSupport
import Testing
import Tokenization

@Suite struct PromptEncoderSourceTests {
    private let template = """
        {% for m in messages %}{{ m.role }}:{{ m.content }}{% for c in m.tool_calls or [] %}\
        <{{ c.function.name }} {{ c.function.arguments | tojson }} {{ c.id }}>{% endfor %}\
        {% if m.tool_call_id %}#{{ m.tool_call_id }}{% endif %}|{% endfor %}\
        {% for t in tools or [] %}{{ t | tojson }}{% endfor %}\
        {% if add_generation_prompt %}{{ who | default('assistant') }}:{% endif %}
        """

    private func render(_ prompt: ChatPrompt) throws -> String {
        let encoder = PromptEncoder(
            tokenizer: ByteTokenizer(), format: .template(try ChatTemplate(source: template)))
        return ByteTokenizer().decode(try encoder.tokens(of: prompt))
    }

    @Test func `messages, calls and results reach the template`() throws {
        var call = Message(.assistant, nil)
        call.toolCalls = [
            .init(id: "abcdefghi", name: "f", arguments: #"{"x":1}"#),
            .init(id: "abcdefghj", name: "g", arguments: "{}"),
        ]
        var result = Message(.tool, "1")
        result.toolCallID = "abcdefghi"
        let prompt = ChatPrompt(
            messages: [Message(role: .user, parts: ["a", "b"]), call, result],
            templateArguments: ["who": "bot"])
        #expect(
            try render(prompt)
                == "user:a\nb|assistant:<f {\"x\": 1} abcdefghi><g {} abcdefghj>|"
                + "tool:1#abcdefghi|bot:")
    }

    @Test func `a developer reaches a template that knows one`() throws {
        let source = "{% for m in messages %}{{ m.role }};{% endfor %}"
        let request = try ChatCompletionRequest(
            ["model": "m", "messages": [["role": "developer", "content": "a"]]], dialect: .openAI)
        func render(_ source: String) throws -> String {
            let encoder = PromptEncoder(
                tokenizer: ByteTokenizer(), format: .template(try ChatTemplate(source: source)))
            return ByteTokenizer().decode(
                try encoder.tokens(of: ChatPrompt(messages: request.messages)))
        }
        #expect(try render(source) == "system;")
        #expect(try render(source + "{# developer #}") == "developer;")
    }

    @Test func `a prompt may end within the last message`() throws {
        var prompt = ChatPrompt(messages: [Message(.user, "a"), Message(.assistant, "Oh")])
        prompt.addsGenerationPrompt = false
        prompt.continuesFinalMessage = true
        #expect(try render(prompt) == "user:a|assistant:Oh")
    }
}
