// SPDX-License-Identifier: Apache-2.0

import Conversation
import ConversationSupport
import JSON
import Jinja
import Testing
import Tokenization

@Suite struct PromptEncoderTests {
    private static let controls = [
        "<s>", "</s>", "<|im_start|>", "<|im_end|>", "<|user|>", "<|assistant|>",
    ]

    private let tokenizer = ByteTokenizer(controls: controls)

    /// The prompt with its control tokens in brackets.
    private func prompt(
        _ source: String, _ messages: [Message], tools: [JSONValue] = [], addsBOS: Bool = false,
        continueFinal: Bool = false, extra: JSONObject = [:]
    ) throws -> String {
        var tokenizer = tokenizer
        tokenizer.addsBOS = addsBOS
        let encoder = PromptEncoder(
            tokenizer: tokenizer, format: .template(try ChatTemplate(source: source)))
        return tokenizer.shown(
            try encoder.encode(
                messages: messages, tools: tools, continueFinal: continueFinal, extra: extra))
    }

    private let gemma = """
        {% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}\
        {% endif %}{% for m in messages %}{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}\
        {{ raise_exception('Conversation roles must alternate') }}{% endif %}\
        {{ m.role }}:{{ m.content }};{% endfor %}
        """

    @Test func `control tokens come from the template and never from a message`() throws {
        let text = try prompt(PromptFormat.chatML, [Message(.user, "<|im_end|></s>")])
        #expect(
            text == "⟦<|im_start|>⟧user\n<|im_end|></s>⟦<|im_end|>⟧\n⟦<|im_start|>⟧assistant\n")
    }

    @Test(arguments: [
        "{{ messages[0].content }}", "{{ messages[0].content | trim | upper | lower }}",
        "{{ '<|im_' ~ messages[0].content[5:] }}", "{{ messages[0].content.split('x')[0] }}",
        "{{ ('a' + messages[0].content)[1:] }}", "{{ messages[0].content | replace('q', '|') }}",
        "{{ [messages[0].content] | join('') }}",
        "{{ '{}'.format(messages[0].content) }}", "{{ messages[0].content | indent }}",
        "{{ messages[0].content[::-1][::-1] }}", "{{ messages[0].content | list | join }}",
        "{% set x %}{{ messages[0].content }}{% endset %}{{ x }}",
        "{% macro m(x) %}{{ x }}{% endmacro %}{{ m(messages[0].content) }}",
        "{% filter trim %}{{ messages[0].content }}{% endfilter %}",
        "{{ messages[0].content.partition('zz')[0] }}",
        "{{ messages | map(attribute='content') | first }}",
        "{{ (messages | tojson).split('\"')[7] }}", "{{ messages[0].content | string | safe }}",
        "{% if '<|im_end|>' in messages[0].content %}{{ messages[0].content }}{% endif %}",
        "{{ messages[0].content.replace('<|im_end|>', messages[0].content) }}",
        "{% for c in messages[0].content %}{{ c }}{% endfor %}", "{{ messages[0].content * 1 }}",
        "{{ namespace(x=messages[0].content).x }}", "{{ messages[0].content.title().lower() }}",
    ])
    func `a message stays data whatever a template does to it`(source: String) throws {
        let text = try prompt(source, [Message(.user, "<|im_end|>")])
        #expect(text == "<|im_end|>")
    }

    @Test func `a control token half of data is text`() throws {
        let text = try prompt("{{ '<|im_' + messages[0].content }}", [Message(.user, "end|>")])
        #expect(text == "<|im_end|>")
    }

    @Test func `a well-known role may be part of a control token`() throws {
        let source = "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}{% endfor %}"
        #expect(try prompt(source, [Message(.user, "Hi")]) == "⟦<|user|>⟧Hi")
        let strange = Message(Message.Role(rawValue: "im_end"), "Hi")
        #expect(try prompt(source, [strange]) == "<|im_end|>Hi")
    }

    @Test func `tool names and extra variables stay data`() throws {
        let tools: [JSONValue] = [["function": ["name": "<|im_end|>"]]]
        #expect(
            try prompt("{{ tools[0].function.name }}", [Message(.user, "")], tools: tools)
                == "<|im_end|>")
        #expect(
            try prompt("{{ style }}", [Message(.user, "")], extra: ["style": "</s>"]) == "</s>")
    }

    @Test func `BOS is there once whether or not the template writes it`() throws {
        let messages = [Message(.user, "Hi")]
        let with = "{{ bos_token }}{{ messages[0].content }}"
        let without = "{{ messages[0].content }}"
        #expect(try prompt(with, messages, addsBOS: true) == "⟦<s>⟧Hi")
        #expect(try prompt(without, messages, addsBOS: true) == "⟦<s>⟧Hi")
        #expect(try prompt(without, messages, addsBOS: false) == "Hi")
        #expect(try prompt("{{ bos_token }}" + with, messages, addsBOS: true) == "⟦<s>⟧Hi")
    }

    @Test func `a strict template gets neighbours joined and the system message folded`() throws {
        let text = try prompt(
            gemma,
            [
                Message(.system, "S"), Message(.user, "A"), Message(.user, "B"),
                Message(.assistant, "C"), Message(.assistant, "D"), Message(.user, "E"),
            ])
        #expect(text == "user:S\n\nA\n\nB;assistant:C\n\nD;user:E;")
    }

    @Test(arguments: [true, false])
    func `a late system message leaves what precedes it as it was`(takesSystem: Bool) throws {
        let strict = """
            {% if messages[0].role == 'system' %}S:{{ messages[0].content }};\
            {% set messages = messages[1:] %}{% endif %}{% for m in messages %}\
            {% if (m.role == 'user') != (loop.index0 % 2 == 0) %}\
            {{ raise_exception('Conversation roles must alternate') }}{% endif %}\
            {{ m.role }}:{{ m.content }};{% endfor %}
            """
        let source = takesSystem ? strict : gemma
        let before = [Message(.system, "S"), Message(.user, "A"), Message(.assistant, "B")]
        let text = try prompt(source, before)
        #expect(text == (takesSystem ? "S:S;user:A;assistant:B;" : "user:S\n\nA;assistant:B;"))
        let later = [Message(.developer, "D"), Message(.user, "C"), Message(.system, "")]
        #expect(try prompt(source, before + later) == text + "user:D\n\nC;")
    }

    @Test func `a system message among results comes after them, or before all`() throws {
        let call = ToolCall(id: "1", name: "f", arguments: "{}")
        let messages = [
            Message(.user, "A"), Message(.assistant, nil, toolCalls: [call]), Message(.system, "S"),
            Message(.tool, "R", toolCallID: "1"),
        ]
        func roles(refusing late: String) throws -> String {
            try prompt(
                """
                {% for m in messages %}{% if m.role in \(late) and not loop.first \
                and loop.previtem.role != 'system' %}{{ raise_exception('late') }}{% endif %}\
                {{ m.role }}:{{ m.content }}{{ m.tool_calls or '' }};{% endfor %}\
                {% if tools %}{{ tools }}{% endif %}
                """, messages)
        }
        let inPlace = try roles(refusing: "['system']")
        #expect(inPlace.hasPrefix("user:A;assistant:[{") && inPlace.hasSuffix("tool:R;user:S;"))
        let inFront = try roles(refusing: "['system', 'user']")
        #expect(inFront.hasPrefix("system:S;user:A;assistant:[{") && inFront.hasSuffix("tool:R;"))
    }

    @Test func `a strict template gets a user first and tools as text`() throws {
        let call = ToolCall(id: "1", name: "f", arguments: "{\"x\": 1}")
        let text = try prompt(
            gemma,
            [
                Message(.assistant, "Hi"), Message(.user, "Go"),
                Message(.assistant, nil, toolCalls: [call]),
                Message(.tool, "42", toolCallID: "1"),
            ])
        #expect(
            text == """
                user:;assistant:Hi;user:Go;assistant:<tool_call>
                {"name": "f", "arguments": {"x": 1}}
                </tool_call>;user:<tool_response>
                42
                </tool_response>;
                """)
    }

    @Test func `what a template refuses for another reason is its own message`() throws {
        #expect(throws: ConversationError.template(.raised("no poems"))) {
            try prompt("{{ raise_exception('no poems') }}", [Message(.user, "A")])
        }
    }

    @Test func `no order of roles is an error`() throws {
        let call = ToolCall(id: "c", name: "f", arguments: "{}")
        let all = [
            Message(.user, "u"), Message(.assistant, "a"), Message(.system, "s"),
            Message(.tool, "t", toolCallID: "c"), Message(.assistant, nil, toolCalls: [call]),
            Message(.developer, "d"), Message(role: .user, parts: []),
        ]
        for first in all {
            for second in all {
                for third in all {
                    _ = try prompt(gemma, [first, second, third])
                }
            }
        }
    }

    @Test func `a final message is continued`() throws {
        let messages = [Message(.user, "A"), Message(.assistant, "B and ")]
        #expect(
            try prompt(PromptFormat.chatML, messages, continueFinal: true)
                == "⟦<|im_start|>⟧user\nA⟦<|im_end|>⟧\n⟦<|im_start|>⟧assistant\nB and ")
        let prefix = [Message(.user, "A"), Message(.assistant, "B", isPrefix: true)]
        #expect(
            try prompt(PromptFormat.chatML, prefix)
                == "⟦<|im_start|>⟧user\nA⟦<|im_end|>⟧\n⟦<|im_start|>⟧assistant\nB")
        #expect(
            try prompt("{{ messages[-1].content | trim }}!", messages, continueFinal: true)
                == "B and")
        #expect(
            try prompt(
                "{{ messages[0].content }}{% if add_generation_prompt %}<|assistant|>{% endif %}",
                messages, continueFinal: true) == "A⟦<|assistant|>⟧B and ")
    }

    @Test func `spaces at the end of a final message take linear time`() throws {
        // A walk of the whole text for each space would take hours here.
        let text = "B" + String(repeating: " ", count: 300_000)
        let messages = [Message(.user, "A"), Message(.assistant, text)]
        #expect(
            try prompt("{{ messages[-1].content | trim }}!", messages, continueFinal: true) == "B")
    }

    @Test func `a final message ends where it ends whatever joins its last character`() throws {
        // U+0600 joins the character after it, U+200D the one before.
        for text in ["B\u{0600}", "B\u{200D}", "B\u{F8FF}\u{E000}"] {
            let messages = [Message(.user, "A"), Message(.assistant, text)]
            #expect(
                try prompt("{{ messages[-1].content }}!", messages, continueFinal: true) == text)
        }
    }

    @Test func `many neighbours of one role are joined once`() throws {
        let strict = """
            {% for m in messages %}{% if loop.index0 and m.role == 'user' %}\
            {{ raise_exception('one user') }}{% endif %}{{ m.content }}{% endfor %}
            """
        // Joining each with all before it would copy 40 GB.
        let messages = (0..<10_000).map { _ in
            Message(.user, String(repeating: "x", count: 100))
        }
        let text = try prompt(strict, messages)
        #expect(text.utf8.count == 10_000 * 102 - 2)
    }

    @Test func `a template that iterates over absent tools gets an empty list`() throws {
        #expect(
            try prompt("{% for t in tools %}{{ t }}{% endfor %}ok", [Message(.user, "A")]) == "ok")
    }

    @Test(arguments: [
        (PromptFormat.chatML, false), ("{{ tools | tojson }}", true),
        ("{% if tools %}{% endif %}{{ messages[0].content }}", false),
        ("{% if messages[0].role == 'system' %}{{ tools }}{% endif %}", true),
        ("{% if messages | length > 2 and tools %}{{ tools[0].function.name }}{% endif %}", true),
        ("{% if tools %}{{ raise_exception('no tools') }}{% endif %}", false),
        ("{% if not tools %}{{ raise_exception('needs tools') }}{% endif %}{{ tools }}", true),
        ("{{ raise_exception('nothing pleases it') }}", true),
    ])
    func `a template takes tools if they show in what it makes`(
        source: String, takesTools: Bool
    ) throws {
        let encoder = PromptEncoder(
            tokenizer: tokenizer, format: .template(try ChatTemplate(source: source)))
        #expect(encoder.describesTools != takesTools)
    }

    @Test func `arguments of tool calls reach a template as values`() throws {
        let call = ToolCall(id: "call_1", name: "f", arguments: "{\"x\":[1,2.0]}")
        let messages = [Message(.user, "A"), Message(.assistant, nil, toolCalls: [call])]
        let source = """
            {% for m in messages %}{% for c in m.tool_calls %}{{ c | tojson }}{% endfor %}\
            {% if m.role == 'tool' %}{{ m.content }}{% endif %}{% endfor %}\
            {{ messages[-1].content == '' }}
            """
        #expect(
            try prompt(source, messages)
                == #"{"id": "call_1", "type": "function", "function": {"name": "f", "#
                + #""arguments": {"x": [1, 2.0]}}}True"#)
        let strict =
            "{% for m in messages %}{% for c in m.tool_calls %}{{ c.function }}{% endfor %}"
            + "{% if m.role == 'tool' %}{{ m.content }}{% endif %}{% endfor %}"
            + "{% if messages[1].tool_calls[0].id|length != 9 %}"
            + "{{ raise_exception('ids should be alphanumeric strings with length 9!') }}{% endif %}ok"
        #expect(try prompt(strict, messages).hasSuffix("}ok"))
    }

    @Test func `reasoning is found under any of its names`() throws {
        let message = Message(.assistant, "A", extra: ["reasoning": "R"])
        let source = "{{ messages[0].reasoning_content }}{{ messages[0].thinking }}"
        #expect(try prompt(source, [message]) == "RR")
    }

    @Test func `a conversation of no messages is an error`() {
        #expect(throws: ConversationError.self) { try prompt("x", []) }
    }

    @Test func `the format is chosen by setting, template, stated version and vocabulary`() throws {
        func kind(
            _ setting: String?, _ template: String?, _ names: [String], stated: String? = nil
        ) throws -> String {
            let choice = try PromptFormat.choose(
                setting: setting,
                .init(
                    templates: template.map { ["default": $0] } ?? [:],
                    mistralVersion: stated.map { .init($0, file: "tekken.json") }),
                tokenizer: ByteTokenizer(controls: names))
            let mark = choice.warnings.isEmpty ? "" : "!"
            return switch choice.format {
            case .mistral(let format): format.rawValue + mark
            case .template: "template" + mark
            case .fallback: "chatml" + mark
            }
        }
        let mistral = ["<s>", "</s>", "[INST]", "[/INST]", "[TOOL_CALLS]", "[PREFIX]"]
        #expect(try kind(nil, "x", Self.controls) == "template")
        #expect(try kind(nil, nil, Self.controls) == "chatml!")
        #expect(try kind(nil, "{{ broken", Self.controls) == "chatml!")
        #expect(try kind(nil, nil, mistral) == "v3")
        #expect(try kind(nil, "[INST] [/INST] [TOOL_CALLS]", mistral) == "template")
        #expect(try kind("mistral-v3", "[INST] [/INST] [TOOL_CALLS]", mistral) == "v3")
        #expect(try kind(nil, "x", mistral, stated: "v2") == "template")
        #expect(try kind(nil, "{{ broken", mistral, stated: "v2") == "v2!")
        #expect(try kind(nil, "{{ broken", mistral) == "v3!")
        #expect(try kind(nil, nil, mistral, stated: "v2") == "v2")
        #expect(try kind(nil, nil, Self.controls, stated: "v1") == "v1")
        let newer = mistral + ["[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]", "<pad>"]
        for version in ["v7", "v11", "v13"] {
            #expect(try kind(nil, nil, newer, stated: version) == version)
        }
        #expect(try kind(nil, nil, newer, stated: "v7m1") == "v7")
        #expect(try kind(nil, "<|im_start|>", mistral) == "template")
        #expect(try kind("template", "x", mistral) == "template")
        #expect(try kind("v1", "x", Self.controls) == "v1")
        #expect(try kind("chatml", "x", mistral) == "chatml")
        #expect(throws: ConversationError.self) { try kind("v99", nil, mistral) }
        #expect(throws: ConversationError.self) { try kind("template", nil, mistral) }
        #expect(throws: ConversationError.self) { try kind(nil, nil, mistral, stated: "v7") }
    }

    @Test(arguments: ["v16", "v99", "15", ""])
    func `a version whose prompts cannot be written is an error that names it`(
        version: String
    ) throws {
        let stated = PromptFormat.Sources(mistralVersion: .init(version, file: "tekken.json"))
        let error = try #require(throws: ConversationError.self) {
            try PromptFormat.choose(stated, tokenizer: tokenizer)
        }
        #expect(error.description.contains("tekken.json states version '\(version)'"))
        let named = try PromptFormat.choose(setting: "v1", stated, tokenizer: tokenizer)
        #expect(named.reason.contains("manifest"))
    }

    @Test func `the choice says why`() throws {
        let own = PromptFormat.Sources(
            templates: ["default": "x", "tool_use": "y"], templateSource: "tokenizer_config.json")
        #expect(
            try PromptFormat.choose(own, tokenizer: tokenizer).reason
                == "'default' of default, tool_use in tokenizer_config.json")
        #expect(
            try PromptFormat.choose(setting: "v1", own, tokenizer: tokenizer).reason
                .contains("tokenizer_config.json is set aside"))
        #expect(
            try PromptFormat.choose(.init(), tokenizer: tokenizer).reason.contains("nothing says"))
    }

    @Test func `a conversation with tools is written with the template for tools`() throws {
        let choice = try PromptFormat.choose(
            .init(templates: ["default": "plain", "tool_use": "{{ tools | tojson }} tools"]),
            tokenizer: tokenizer)
        let encoder = PromptEncoder(
            tokenizer: tokenizer, format: choice.format, toolTemplate: choice.toolTemplate)
        let messages = [Message(.user, "A")]
        #expect(tokenizer.shown(try encoder.encode(messages: messages)) == "plain")
        #expect(
            tokenizer.shown(try encoder.encode(messages: messages, tools: [[:]])) == "[{}] tools")
        let only = try PromptFormat.choose(
            .init(templates: ["tool_use": "y"]), tokenizer: tokenizer)
        #expect(only.warnings.count == 1 && only.toolTemplate == nil)
        let broken = try PromptFormat.choose(
            .init(templates: ["default": "x", "tool_use": "{{ broken"]), tokenizer: tokenizer)
        #expect(broken.warnings.count == 1 && broken.toolTemplate == nil)
    }

    @Test func `a template that wants parts gets parts`() throws {
        let source =
            "{% for m in messages %}{% for p in m.content %}"
            + "{% if p.type == 'text' %}[{{ p.text }}]{% endif %}{% endfor %}{% endfor %}"
        let messages = [Message(role: .user, parts: ["A", "B"]), Message(.assistant, "C")]
        #expect(try prompt(source, messages) == "[A][B][C]")
        #expect(try prompt(source, messages, continueFinal: true) == "[A][B][C")
        #expect(try prompt("{{ messages[0].content }}", messages) == "A\nB")
    }

    @Test func `a developer is the system of a template that knows none`() throws {
        let source = "{% for m in messages %}{{ m.role }};{% endfor %}"
        #expect(
            try prompt(source, [Message(.developer, "S"), Message(.user, "A")]) == "system;user;")
        #expect(
            try prompt(source + "{# developer #}", [Message(.developer, "S")]) == "developer;")
    }

    @Test func `a tool's result gets the name of its call`() throws {
        let call = ToolCall(id: "c", name: "f", arguments: "{}")
        let messages = [
            Message(.user, "A"), Message(.assistant, nil, toolCalls: [call]),
            Message(.function, "42", toolCallID: "c"),
        ]
        let source = """
            {% for m in messages %}{{ m.tool_calls }}{% if m.role == 'tool' %}{{ m.role }} \
            {{ m.name }} {{ m.content }}{% endif %}{% endfor %}
            """
        #expect(try prompt(source, messages).hasSuffix("tool f 42"))
    }

    @Test func `a very long conversation is no error`() throws {
        let long = String(repeating: "0123456789", count: 300_000)
        let messages = [Message(.user, long), Message(.assistant, long), Message(.user, "?")]
        let template = try ChatTemplate(source: PromptFormat.chatML)
        let context: JSONObject = [
            "messages": .array(
                messages.map { ["role": .string($0.role.rawValue), "content": .string($0.text())] })
        ]
        let segments = try template.renderSegments(context)
        #expect(segments.reduce(0) { $0 + text(of: $1).count } > 6_000_000)
    }

    private func text(of segment: PromptSegment) -> String {
        switch segment {
        case .text(let text), .templated(let text), .control(let text): text
        }
    }

    @Test(
        arguments: [
            (nil, [:], "none"), ("high", [:], "high"), ("strange", [:], "none"),
            ("high", ["reasoning_effort": "low"], "low"),
            ("low", ["prompt_mode": "reasoning"], "high"),
        ] as [(String?, JSONObject, String)])
    func `a model of v15 reasons as its file says unless the request does`(
        stated: String?, extra: JSONObject, effort: String
    ) throws {
        let tokenizer = ByteTokenizer(
            controls: [
                "<s>", "</s>", "[INST]", "[/INST]", "[MODEL_SETTINGS]", "[/MODEL_SETTINGS]",
            ])
        let encoder = PromptEncoder(
            tokenizer: tokenizer, format: .mistral(.v15), reasoningEffort: stated)
        let prompt = tokenizer.shown(
            try encoder.encode(messages: [Message(.user, "a")], extra: extra))
        #expect(prompt.contains("\"reasoning_effort\": \"\(effort)\""), "\(prompt)")
    }
}
