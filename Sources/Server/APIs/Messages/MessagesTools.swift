// SPDX-License-Identifier: Apache-2.0

import AnswerParsing
import JSON

/// Reads `tools` and `tool_choice` of Anthropic's API.
enum MessagesTools {
    /// The tools, and which of them are called.
    static func read(
        _ fields: FieldReader, limits: RequestLimits
    ) throws(FieldError) -> ToolFields {
        var tools: [(tool: Tool, input: FieldPath)] = []
        for (value, path) in try fields.array("tools", maxCount: limits.maxTools) ?? [] {
            let read = try tool(FieldReader(value, at: path))
            guard !tools.contains(where: { $0.tool.name == read.tool.name }) else {
                throw .invalid(path.appending("name"), expected: "a name that no other tool has")
            }
            tools.append(read)
        }
        guard let choice = try fields.object("tool_choice") else {
            return ToolFields(
                tools, choice: tools.isEmpty ? .none : .auto(allowed: nil),
                allowsParallelCalls: true)
        }
        let isSingle = try choice.bool("disable_parallel_tool_use") ?? false
        let (mode, isNamed) = try mode(choice, tools.map { $0.tool.name })
        // A tool that is named is called once.
        return ToolFields(tools, choice: mode, allowsParallelCalls: !isSingle && !isNamed)
    }

    private static func mode(
        _ choice: FieldReader, _ names: [String]
    ) throws(FieldError) -> (choice: ToolChoice, isNamed: Bool) {
        let type = try choice.require(
            "type", choice.string("type", oneOf: MessagesFields.choices))
        if type == "none" { return (.none, false) }
        if type == "auto" { return (names.isEmpty ? .none : .auto(allowed: nil), false) }
        guard !names.isEmpty else {
            throw .invalid(choice.path, expected: "type 'auto' or 'none', for there are no tools")
        }
        if type == "any" { return (.required(allowed: nil), false) }
        let name = try choice.require("name", choice.string("name"))
        guard names.contains(name) else {
            throw .invalid(choice.path.appending("name"), expected: "the name of one of the tools")
        }
        return (.required(allowed: [name]), true)
    }

    private static func tool(
        _ fields: FieldReader
    ) throws(FieldError) -> (tool: Tool, input: FieldPath) {
        try checkHints(fields)
        let type = try fields.string("type") ?? "custom"
        if type != "custom" {
            let tool = try AnthropicTool.tool(of: type, fields)
            return (tool, fields.path.appending("type"))
        }
        let name = try fields.require("name", fields.string("name"))
        try ToolFields.checkName(name, at: fields.path.appending("name"))
        _ = try fields.require("input_schema", fields.value("input_schema"))
        let schema = try ToolFields.parameters(fields, "input_schema")
        var description = try fields.string("description")
        let examples = try fields.array("input_examples", maxCount: 64) ?? []
        if !examples.isEmpty {
            var lines: [String] = []
            for (value, path) in examples {
                lines.append(try FieldReader(value, at: path).object.serialized())
            }
            description =
                (description.map { $0 + "\n\n" } ?? "") + "Examples of its input:\n"
                + lines.joined(separator: "\n")
        }
        return (
            Tool(name: name, description: description, input: .arguments(schema)),
            fields.path.appending("input_schema")
        )
    }

    /// Checks the types of fields that do not change what a tool is.
    private static func checkHints(_ fields: FieldReader) throws(FieldError) {
        // Inputs are always kept to their schema, tools always shown, and inputs always streamed.
        for name in ["strict", "defer_loading", "eager_input_streaming"] {
            _ = try fields.bool(name)
        }
        try MessagesRequest.checkCacheControl(fields)
        let callers = try fields.array("allowed_callers", maxCount: 16) ?? []
        guard callers.isEmpty || callers.contains(where: { $0.value == "direct" }) else {
            throw .unsupported(
                fields.path.appending("allowed_callers"),
                reason: "nothing but the model calls tools here; add 'direct'")
        }
    }
}
