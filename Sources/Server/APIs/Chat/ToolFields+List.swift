// SPDX-License-Identifier: Apache-2.0

import JSON

extension ToolFields {
    static let modes = ["auto", "none", "any", "required"]

    static let allowsParallelCalls = Field.boolean(
        "parallel_tool_calls", "Whether there may be more than one call."
    ).defaulting(to: true)

    /// The declarations of its fields.
    static let list = FieldList {
        FieldDeclaration(
            "tools", .array(of: .object(tool), maxCount: { $0.limits.maxTools }),
            "The tools that the model may call."
        ).example(tools)
        FieldDeclaration(
            "tool_choice", .either([.choice(modes), .object(choice)]),
            "Whether tools are called, or which."
        ).example("auto", namedFunction, namedTool, allowedTools).beside(["tools": tools])
        allowsParallelCalls
        FieldDeclaration(
            "functions", .array(of: .object(function), maxCount: { $0.limits.maxTools }),
            "The functions of OpenAI's older API."
        ).example([["name": "f"]])
        FieldDeclaration(
            "function_call",
            .either([
                .choice(["none", "auto"]),
                .object {
                    FieldDeclaration("name", .string(), "The function.").example("f").required
                },
            ]), "Which of them is called."
        ).example("auto", ["name": "f"]).beside(["functions": [["name": "f"]]])
    }

    private static let tools: JSONValue = [
        ["type": "function", "function": ["name": "f"]],
        ["type": "custom", "custom": ["name": "h"]],
    ]
    private static let namedFunction: JSONValue = ["type": "function", "function": ["name": "f"]]
    private static let namedTool: JSONValue = ["type": "custom", "custom": ["name": "h"]]
    private static let allowedTools: JSONValue = [
        "type": "allowed_tools",
        "allowed_tools": ["mode": "auto", "tools": [namedFunction, namedTool]],
    ]

    private static let tool = FieldList {
        FieldDeclaration("type", .choice(["function", "custom"]), "What kind of tool it is.")
            .example("function")
        FieldDeclaration("function", .object(function), "A function, whose arguments are JSON.")
            .example(["name": "f"])
        FieldDeclaration("custom", .object(custom), "A tool that takes any text.")
            .example(["name": "g"]).beside(["type": "custom"])
    }

    private static let function = FieldList {
        FieldDeclaration("name", .string(), "The name.").example("f").required
        FieldDeclaration("description", .string(), "What it does.")
        FieldDeclaration("parameters", .map(of: .any), "A schema of its arguments, an object.")
            .example(["type": "object"])
        FieldDeclaration("strict", .boolean, "Taken; arguments are always kept to their schema.")
    }

    private static let custom = FieldList {
        FieldDeclaration("name", .string(), "The name.").example("g").required
        FieldDeclaration("description", .string(), "What it does.")
        FieldDeclaration(
            "format",
            .object {
                FieldDeclaration(
                    "type", .choice(["text", "grammar"]), "Any text, or of a grammar."
                )
                .example("text").required
                FieldDeclaration("grammar", .object(grammar), "The grammar.")
                    .example(["syntax": "regex", "definition": "a"])
                    .beside(["type": "grammar"])
            }, "What it takes."
        ).example(["type": "text"])
    }

    private static let grammar = FieldList {
        FieldDeclaration("syntax", .choice(["lark", "regex"]), "How it is written.")
            .example("regex").required
        FieldDeclaration("definition", .string(), "The grammar.").required
    }

    private static let choice = FieldList(oneOf: ["type", "name", "function"]) {
        FieldDeclaration(
            "type", .choice(["function", "custom", "allowed_tools"] + modes), "The kind."
        ).example("auto").beside(["name": "f"])
        FieldDeclaration("function", .object(named), "The function that is called.")
            .example(["name": "f"]).beside(["type": "function"])
        FieldDeclaration("custom", .object(named), "The tool that is called.")
            .example(["name": "h"]).beside(["type": "custom"])
        FieldDeclaration("name", .string(), "The same, where the Responses API has it.")
            .example("f").beside(["type": "function"])
        FieldDeclaration("allowed_tools", .object(allowed), "The tools that may be called.")
            .example(["mode": "auto", "tools": [namedFunction]])
            .beside(["type": "allowed_tools"])
    }

    private static let named = FieldList {
        FieldDeclaration("name", .string(), "The name.").example("f").required
    }

    private static let allowed = FieldList {
        FieldDeclaration("mode", .choice(["auto", "required"]), "Whether one must be called.")
            .required
        FieldDeclaration(
            "tools",
            .array(
                of: .object {
                    FieldDeclaration("type", .choice(["function", "custom"]), "The kind.")
                        .example("function")
                    FieldDeclaration("name", .string(), "The tool.").example("f")
                        .beside(["function": .null])
                    FieldDeclaration("function", .object(named), "The tool.")
                        .example(["name": "f"])
                    FieldDeclaration("custom", .object(named), "The tool.")
                        .example(["name": "h"]).beside(["type": "custom"])
                }), "Which."
        ).example([namedFunction]).required
    }
}
