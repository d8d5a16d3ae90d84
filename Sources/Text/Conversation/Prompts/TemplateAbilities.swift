// SPDX-License-Identifier: Apache-2.0

import JSON
import Jinja
import Tokenization

/// What a template makes of tools, found out by rendering conversations with them.
struct TemplateAbilities: Equatable {
    /// Whether the definitions of tools show in the prompt.
    var showsTools = true

    /// Whether the calls of past answers do, arguments included.
    var showsCalls = true

    /// Whether their results do.
    var showsResults = true

    private static let toolName = "probe_of_tools"
    private static let argument = "probe-of-arguments"
    private static let result = "probe-of-results"

    private static let tool: JSONValue = [
        "type": "function",
        "function": [
            "name": .string(toolName), "description": "probe",
            "parameters": [
                "type": "object",
                "properties": ["key": ["type": "string", "description": "probe"]],
                "required": ["key"],
            ],
        ],
    ]

    /// All of it or nothing.
    init(all shows: Bool) {
        (showsTools, showsCalls, showsResults) = (shows, shows, shows)
    }

    init(
        of template: ChatTemplate, style: MessageStyle, specialTokens: JSONObject,
        limits: TemplateLimits
    ) {
        func text(_ messages: [Message], tools: [JSONValue]) -> String? {
            let renderer = PromptRenderer(
                template: template, style: style, specialTokens: specialTokens, limits: limits,
                tools: tools, addGenerationPrompt: true, extra: [:], mendsOrder: false)
            do {
                return try renderer.segments(messages, continuesLast: false).map(\.content)
                    .joined()
            } catch {
                return nil
            }
        }
        let user = Message(.user, "probe")
        let conversations = [
            [user], [Message(.system, "probe"), user], [user, Message(.assistant, "probe"), user],
        ]
        let texts = conversations.compactMap { text($0, tools: [Self.tool]) }
        let isKnown = conversations.contains { text($0, tools: []) != nil }
        // Of a template that refuses every conversation nothing is known.
        guard isKnown else { return }
        showsTools = texts.contains { $0.contains(Self.toolName) }

        let call = ToolCall(
            id: "probe1234", name: "called_probe",
            arguments: JSONValue.object(["key": .string(Self.argument)]).serialized())
        let history = [
            user, Message(.assistant, nil, toolCalls: [call]),
            Message(.tool, Self.result, toolCallID: "probe1234", name: "called_probe"),
        ]
        let tools = showsTools ? [Self.tool] : []
        let shown = text(history, tools: tools) ?? text(history + [user], tools: tools) ?? ""
        showsCalls = shown.contains(Self.argument) && shown.contains("called_probe")
        showsResults = shown.contains(Self.result)
    }
}

extension PromptSegment {
    /// What the segment says.
    fileprivate var content: String {
        switch self {
        case .text(let text), .templated(let text), .control(let text): text
        }
    }
}
