// SPDX-License-Identifier: Apache-2.0

import JSON

/// Reads the variables that a client may hand to the chat template.
enum TemplateArguments {
    /// Names that the server itself gives to the template.
    private static let reserved: Set<String> = [
        "messages", "tools", "add_generation_prompt", "continue_final_message", "bos_token",
        "eos_token", "documents",
    ]

    /// The members of `chat_template_kwargs`, and `reasoning_effort`.
    static func read(_ fields: FieldReader) throws(FieldError) -> JSONObject {
        try fields.refuse("chat_template", reason: "templates of clients are not accepted")
        try fields.refuse("documents", reason: "documents are not supported by this server")
        var arguments = JSONObject()
        if let given = try fields.object("chat_template_kwargs") {
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
        if let thinks = try fields.bool("enable_thinking"), !arguments.contains("enable_thinking") {
            arguments["enable_thinking"] = .bool(thinks)
        }
        let effort = try fields.string(
            "reasoning_effort",
            oneOf: ["none", "minimal", "low", "medium", "high", "xhigh", "max"])
        if let effort, !arguments.contains("reasoning_effort") {
            arguments["reasoning_effort"] = .string(effort)
        }
        // Mistral's switch for reasoning; what stands for it in prompts is the effort.
        if try fields.string("prompt_mode", oneOf: ["reasoning"]) != nil,
            !arguments.contains("reasoning_effort")
        {
            arguments["reasoning_effort"] = "high"
        }
        return arguments
    }
}
