// SPDX-License-Identifier: Apache-2.0

import AnswerParsing
import JSON

/// Tools that Anthropic has defined, which requests name by a type with a date.
///
/// Those that a client runs itself are tools like any other once they have a schema. Those that
/// Anthropic's servers run, or that answer with pictures, are not to be had here.
enum AnthropicTool {
    /// The tool of a type.
    ///
    /// - Throws: `FieldError` where this server has none of that type.
    static func tool(of type: String, _ fields: FieldReader) throws(FieldError) -> Tool {
        guard let known = known.first(where: { type.hasPrefix($0.prefix) }) else {
            throw .unsupported(
                fields.path.appending("type"),
                reason: "tools of type '\(EchoableText.of(type))' are not supported: neither what "
                    + "Anthropic's servers run nor what answers with pictures is; define a custom "
                    + "tool, or use bash, text_editor or memory")
        }
        let name = try fields.require("name", fields.string("name"))
        try ToolFields.checkName(name, at: fields.path.appending("name"))
        return Tool(
            name: name, description: known.description, input: .arguments(known.schema(type)))
    }

    private struct Known {
        let prefix: String
        let description: String
        let schema: @Sendable (_ type: String) -> JSONValue
    }

    private static let known = [
        Known(
            prefix: "bash_",
            description: "Runs a command in a bash session that keeps its state between calls, and "
                + "returns what it prints. `restart` begins a new session.",
            schema: { _ in
                object([
                    ("command", ["type": "string", "description": "The command to run."]),
                    ("restart", ["type": "boolean", "description": "Whether to begin anew."]),
                ])
            }),
        Known(
            prefix: "text_editor_",
            description:
                "Shows and edits files: `view` shows a file or a folder, `create` writes a "
                + "file, `str_replace` replaces a text that occurs exactly once, `insert` adds "
                + "text after a line.",
            schema: editor),
        Known(
            prefix: "memory_",
            description: "Keeps notes in files below /memories: `view`, `create`, `str_replace`, "
                + "`insert`, `delete` and `rename` them.",
            schema: { _ in
                object(
                    [
                        (
                            "command",
                            commands(
                                "view", "create", "str_replace", "insert", "delete", "rename")
                        ),
                        ("path", path), ("view_range", range), ("file_text", text),
                        ("old_str", text), ("new_str", text), ("insert_line", line),
                        ("insert_text", text), ("old_path", path), ("new_path", path),
                    ], required: "command")
            }),
    ]

    private static let text: JSONValue = ["type": "string"]
    private static let path: JSONValue = ["type": "string", "description": "An absolute path."]
    private static let line: JSONValue = [
        "type": "integer", "description": "The line after which text is inserted; 0 for the start.",
    ]
    private static let range: JSONValue = [
        "type": "array", "items": ["type": "integer"], "minItems": 2, "maxItems": 2,
        "description": "The first and the last line to show, from 1; -1 for the last of all.",
    ]

    /// The editor of a date; the first could undo, and inserted its `new_str`.
    private static func editor(_ type: String) -> JSONValue {
        let isFirst = type == "text_editor_20250124" || type == "text_editor_20241022"
        let names = ["view", "create", "str_replace", "insert"] + (isFirst ? ["undo_edit"] : [])
        let members: [(String, JSONValue)] = [
            ("command", ["type": "string", "enum": .array(names.map { .string($0) })]),
            ("path", path), ("view_range", range), ("file_text", text), ("old_str", text),
            ("new_str", text), ("insert_line", line),
        ]
        return object(
            members + (isFirst ? [] : [("insert_text", text)]), required: "command", "path")
    }

    private static func commands(_ names: String...) -> JSONValue {
        ["type": "string", "enum": .array(names.map { .string($0) })]
    }

    private static func object(
        _ members: [(String, JSONValue)], required: String...
    ) -> JSONValue {
        [
            "type": "object", "properties": .object(JSONObject(members)),
            "required": .array(required.map { .string($0) }), "additionalProperties": false,
        ]
    }
}
