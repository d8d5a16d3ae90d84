// SPDX-License-Identifier: Apache-2.0

package import JSON

/// Tells of tools in plain text, for models whose prompt format has no place for them.
///
/// The tools stand in the system message, calls in the assistant's messages between `<tool_call>`
/// and `</tool_call>`, which many models have seen, and results in messages of the user.
package enum ToolInstructions {
    /// How much is told of each tool; less where a prompt has little room.
    package enum Detail: CaseIterable, Sendable {
        /// All that the client wrote.
        case full

        /// Without descriptions of parameters.
        case brief

        /// Names and types of parameters only.
        case names
    }

    /// A conversation with tools as one without.
    ///
    /// - Parameters:
    ///   - messages: the conversation.
    ///   - tools: the tools' definitions, as OpenAI spells them.
    ///   - detail: how much to tell of them.
    /// - Returns: messages of system, user and assistant that have texts only.
    package static func described(
        _ messages: [Message], tools: [JSONValue], detail: Detail = .full
    ) -> [Message] {
        var result = plain(messages)
        if tools.isEmpty { return result }
        let text = instructions(for: tools, detail: detail)
        if let first = result.first, first.role == .system || first.role == .developer {
            result[0].parts = [first.text(), text].filter { !$0.isEmpty }
            result[0].parts = [result[0].text()]
        } else {
            result.insert(Message(.system, text), at: 0)
        }
        return result
    }

    /// The conversation with calls and results as text; results in a row become one message.
    package static func plain(_ messages: [Message]) -> [Message] {
        var result: [Message] = []
        var results: [String] = []
        func addResults() {
            if results.isEmpty { return }
            result.append(Message(.user, results.joined(separator: "\n")))
            results = []
        }
        for message in messages {
            if message.role == .tool || message.role == .function {
                results.append("<tool_response>\n\(message.text())\n</tool_response>")
                continue
            }
            addResults()
            result.append(withPlainCalls(message))
        }
        addResults()
        return result
    }

    private static func withPlainCalls(_ message: Message) -> Message {
        if message.toolCalls.isEmpty { return message }
        var plain = message
        plain.toolCalls = []
        plain.parts = [
            ([message.text()].filter { !$0.isEmpty } + message.toolCalls.map(text))
                .joined(separator: "\n")
        ]
        return plain
    }

    private static func text(of call: ToolCall) -> String {
        let object: JSONObject = ["name": .string(call.name), "arguments": call.parsedArguments]
        return "<tool_call>\n\(object.serialized(.python))\n</tool_call>"
    }

    private static func instructions(for tools: [JSONValue], detail: Detail) -> String {
        let lines = tools.map { JSONValue.object(summary(of: $0, detail)).serialized() }
        return """
            You can call tools. Each line is one tool with its parameters:
            <tools>
            \(lines.joined(separator: "\n"))
            </tools>
            When a tool helps to answer, call it: write nothing but its name and arguments as JSON, \
            in this form:
            <tool_call>
            {"name": "the tool's name", "arguments": {"parameter": "value"}}
            </tool_call>
            Its result comes back between <tool_response> and </tool_response>. Call only the tools \
            above. When no tool helps, answer in plain text.
            """
    }

    private static func summary(of tool: JSONValue, _ detail: Detail) -> JSONObject {
        let function = tool["function"] ?? tool
        var summary: JSONObject = ["name": .string(function["name"]?.stringValue ?? "")]
        if let description = function["description"]?.stringValue, !description.isEmpty {
            switch detail {
            case .full: summary["description"] = .string(description)
            case .brief, .names: summary["description"] = .string(beginning(of: description))
            }
        }
        guard let parameters = function["parameters"], parameters != .null else { return summary }
        switch detail {
        case .full: summary["parameters"] = parameters
        case .brief: summary["parameters"] = withoutNotes(parameters)
        case .names:
            var types: JSONObject = [:]
            for (name, property) in parameters["properties"]?.objectValue ?? [:] {
                types[name] = property["type"] ?? "any"
            }
            summary["parameters"] = .object(types)
        }
        return summary
    }

    /// The first line, or as much of it as fits.
    private static func beginning(of text: String) -> String {
        let line = text.split(whereSeparator: \.isNewline).first ?? ""
        return String(line.prefix(100))
    }

    /// A schema without what does not bear on its meaning.
    private static func withoutNotes(_ schema: JSONValue) -> JSONValue {
        switch schema {
        case .array(let schemas): return .array(schemas.map(withoutNotes))
        case .object(let object):
            var result: JSONObject = [:]
            for (key, value) in object where !notes.contains(key) {
                switch key {
                case "enum", "const", "required": result[key] = value
                case "properties", "$defs", "definitions", "patternProperties":
                    // Names, not keywords, stand here.
                    var members: JSONObject = [:]
                    for (name, member) in value.objectValue ?? [:] {
                        members[name] = withoutNotes(member)
                    }
                    result[key] = .object(members)
                default: result[key] = withoutNotes(value)
                }
            }
            return .object(result)
        default: return schema
        }
    }

    private static let notes: Set<String> = [
        "description", "title", "examples", "example", "default", "$schema", "$comment",
    ]
}
