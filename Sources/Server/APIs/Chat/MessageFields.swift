// SPDX-License-Identifier: Apache-2.0

import Conversation
import JSON

/// The fields of an element of `messages`.
enum MessageFields {
    static let roles: [Message.Role] = [
        .system, .developer, .user, .assistant, .tool, .function,
    ]

    static let role = Field.choice("role", of: roles.map(\.rawValue), "Who speaks.")
        .example("user").required
    static let name = Field.string("name", maxBytes: 256, "The speaker's name, or the function's.")
    static let toolCallID = Field.string(
        "tool_call_id", maxBytes: 256, "Which call a tool answers."
    ).beside(["role": "tool"])
    static let isPrefix = Field.boolean(
        "prefix", "Whether the answer begins with this text (Mistral)."
    ).beside(["role": "assistant"]).defaulting(to: false)
    static let audio = FieldDeclaration.refused(
        "audio", reason: "audio is not supported by this server")
    static let reasonings = ["reasoning_content", "reasoning", "thinking"].map {
        Field.string($0, "What the model thought before it answered.").beside(["role": "assistant"])
    }
    static let refusal = Field.string("refusal", "The answer, where it was a refusal.")
        .beside(["role": "assistant", "content": .null])

    /// All of them.
    static let list = FieldList {
        role
        FieldDeclaration(
            "content",
            .either([
                .string(),
                .array(
                    of: .either([.object(parts), .string()]),
                    maxCount: { $0.limits.maxContentParts }),
            ]), "What is said."
        ).example("Hi").beside(["role": "assistant"])
        name
        toolCallID
        FieldDeclaration(
            "tool_calls", .array(of: .object(call), maxCount: { $0.limits.maxTools }),
            "The tools that the model called."
        ).example([["id": "a12345678", "type": "function", "function": ["name": "f"]]])
            .beside(["role": "assistant"])
        FieldDeclaration("function_call", .object(function), "The same in OpenAI's older API.")
            .example(["name": "f"]).beside(["role": "assistant"])
        isPrefix
        audio
        reasonings.map(\.declaration)
        refusal
    }

    private static let parts = FieldList {
        FieldDeclaration(
            "type",
            .choice([
                "text", "input_text", "output_text", "refusal", "thinking", "reasoning",
                "reference", "redacted_thinking",
            ]), "What the part is; some are an assistant's only."
        ).example("text").beside(["text": "a", "refusal": "a"]).required
        FieldDeclaration("text", .string(), "The text.").beside(["type": "text"])
        FieldDeclaration("refusal", .string(), "A refusal.").beside(["type": "refusal"])
        FieldDeclaration(
            "thinking",
            .either([
                .string(), .array(of: .object { FieldDeclaration("text", .string(), "The text.") }),
            ]), "What was thought."
        ).beside(["type": "thinking"])
        FieldDeclaration("reasoning", .string(), "What was thought (LangChain).")
            .beside(["type": "reasoning"])
    }

    private static let call = FieldList {
        FieldDeclaration("id", .string(maxBytes: 256), "The identity of the call.")
        FieldDeclaration("type", .choice(["function", "custom"]), "The kind of the tool.")
            .example("function")
        FieldDeclaration("function", .object(function), "The function and its arguments.")
            .example(["name": "f"])
        FieldDeclaration(
            "custom",
            .object {
                FieldDeclaration("name", .string(), "The tool.").required
                FieldDeclaration("input", .string(), "Its input.").required
            }, "The custom tool and its input."
        ).example(["name": "f", "input": "a"]).beside(["type": "custom"])
    }

    private static let function = FieldList {
        FieldDeclaration("name", .string(), "The function.").example("f").required
        FieldDeclaration(
            "arguments", .either([.string(), .map(of: .any)]),
            "JSON text, or an object (Mistral).")
    }
}
