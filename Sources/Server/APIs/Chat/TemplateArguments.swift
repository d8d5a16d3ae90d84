// SPDX-License-Identifier: Apache-2.0

import JSON

/// Reads the variables that a client may hand to the chat template.
enum TemplateArguments {
    /// Names that the server itself gives to the template.
    private static let reserved: Set<String> = [
        "messages", "tools", "add_generation_prompt", "continue_final_message", "bos_token",
        "eos_token", "documents",
    ]

    private static let template = FieldDeclaration.refused(
        "chat_template", reason: "templates of clients are not accepted")
    private static let documents = FieldDeclaration.refused(
        "documents", reason: "documents are not supported by this server")
    private static let promptMode = Field.choice(
        "prompt_mode", of: ["reasoning"], "Mistral's switch for thinking.")

    /// Those that are not ``ThinkingFields``, too.
    static let list = FieldList {
        template
        documents
        promptMode
    }

    /// The members of `chat_template_kwargs`, and `reasoning_effort`.
    static func read(_ fields: FieldReader) throws(FieldError) -> JSONObject {
        try fields.refuse(template)
        try fields.refuse(documents)
        var arguments = JSONObject()
        if let given = try fields.read(ThinkingFields.templateArguments) {
            for (key, value) in given.object {
                if reserved.contains(key) {
                    throw .invalid(
                        given.path.appending(key),
                        expected: "a variable that the server does not set")
                }
                arguments[key] = value
            }
        }
        // A switch that some servers take beside the messages, and templates as a variable.
        if let thinks = try fields.read(ThinkingFields.isEnabled),
            !arguments.contains("enable_thinking")
        {
            arguments["enable_thinking"] = .bool(thinks)
        }
        if let effort = try fields.read(ThinkingFields.effort),
            !arguments.contains("reasoning_effort")
        {
            arguments["reasoning_effort"] = .string(effort)
        }
        // Mistral's switch for reasoning; what stands for it in prompts is the effort.
        if try fields.read(promptMode) != nil,
            !arguments.contains("reasoning_effort")
        {
            arguments["reasoning_effort"] = "high"
        }
        return arguments
    }
}
